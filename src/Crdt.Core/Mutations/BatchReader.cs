using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using MessagePack;

namespace Crdt;

/// <summary>Takes the bytes of a batch apart into columns, checking everything that every replica judges alike:
/// encoding, canonical form, limits. Layout: docs/wire-format.md, section WF-2.</summary>
/// <remarks>Reused from batch to batch; not for concurrent use. Law: 9.</remarks>
internal sealed class BatchReader
{
    private readonly FirstUseTable<string> texts = new();
    private readonly FirstUseTable<(string Domain, string Type)> types = new();
    private readonly ColumnUnpacker unpacker = new();
    private readonly IdPrefixes prefixes = new();

    // Of each type the beginning of its ids; of each entity the index of its type.
    private readonly List<string> toldPrefixes = [];
    private int[] typeOf = new int[8];

    // Of each change, how its observed dots are told; a list's form is counted on by its length.
    private int[] forms = new int[8];
    private int[] dotReplicas = new int[8];

    /// <summary>Reads a batch.</summary>
    /// <param name="stored">The stored bytes.</param>
    /// <param name="author">Its author.</param>
    /// <param name="firstSequence">Sequence of its first mutation, at least 1.</param>
    /// <param name="columns">Takes the content; undefined after an error.</param>
    /// <exception cref="BatchFormatException">The bytes are not a batch of that place.</exception>
    public void Read(ReadOnlyMemory<byte> stored, ReplicaId author, long firstSequence, BatchColumns columns)
    {
        byte[]? rented = null;
        try
        {
            ReadOnlyMemory<byte> plain = Unpack(stored, out rented, unpacker);
            Decode(plain, author, firstSequence, columns);
        }
        catch (Exception e) when (e is EndOfStreamException or MessagePackSerializationException or OverflowException
            or ArgumentOutOfRangeException or InvalidOperationException)
        {
            // All that MessagePackReader raises on foreign bytes, in one place.
            throw new BatchFormatException(BatchError.Truncated, $"The batch cannot be read: {e.Message}", e);
        }
        finally
        {
            if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Length of a batch before compression, as it declares it.</summary>
    /// <exception cref="BatchFormatException">It has no readable beginning.</exception>
    public static int PlainLengthOf(ReadOnlySpan<byte> stored)
    {
        if (stored.IsEmpty) throw new BatchFormatException(BatchError.Truncated, "The batch is empty.");
        return stored[0] is BatchWriter.CompressedFormat or BatchWriter.PackedFormat
            ? 1 + ReadDeclaredSize(stored, out _) : stored.Length;
    }

    /// <summary>The plain content; in a rented array where it was compressed.</summary>
    /// <param name="stored">The stored bytes of a batch or chunk.</param>
    /// <param name="rented">To be returned by the caller.</param>
    /// <param name="unpacker">For packed columns; null where there are none.</param>
    internal static ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> stored, out byte[]? rented, ColumnUnpacker? unpacker = null)
    {
        rented = null;
        if (stored.IsEmpty) throw new BatchFormatException(BatchError.Truncated, "The batch is empty.");
        if (stored.Length > FormatLimits.BatchLengthBytesMax)
        {
            throw new BatchFormatException(BatchError.LimitExceeded,
                $"The batch takes {stored.Length} bytes; {FormatLimits.BatchLengthBytesMax} are allowed.");
        }
        byte format = stored.Span[0];
        if (format == BatchWriter.PlainFormat) return stored[1..];
        bool isPacked = format == BatchWriter.PackedFormat && unpacker is not null;
        if (format != BatchWriter.CompressedFormat && !isPacked)
            throw new BatchFormatException(BatchError.UnknownFormat, $"Format {format} of a batch is not known here.");
        int size = ReadDeclaredSize(stored.Span, out int headerLength);
        rented = ArrayPool<byte>.Shared.Rent(size);
        ReadOnlySpan<byte> content = stored.Span[headerLength..];
        Span<byte> plain = rented.AsSpan(0, size);
        if (isPacked ? !unpacker!.TryUnpack(content, plain) : !TryDecompress(content, plain))
        {
            throw new BatchFormatException(
                BatchError.BadCompression, $"The batch does not unpack to the {size} bytes that it declares.");
        }
        return rented.AsMemory(0, size);
    }

    /// <summary>Whether one whole stream, with nothing behind it, fills the destination to the last byte.</summary>
    internal static bool TryDecompress(ReadOnlySpan<byte> stream, Span<byte> plain)
    {
        using var decoder = new BrotliDecoder();
        return decoder.Decompress(stream, plain, out int consumed, out int written) == OperationStatus.Done
            && consumed == stream.Length && written == plain.Length;
    }

    private static int ReadDeclaredSize(ReadOnlySpan<byte> stored, out int headerLength)
    {
        long size = -1;
        headerLength = 0;
        if (stored.Length > 4 && stored[1] == MessagePackCode.UInt16)
            (size, headerLength) = (BinaryPrimitives.ReadUInt16BigEndian(stored[2..]), 4);
        else if (stored.Length > 6 && stored[1] == MessagePackCode.UInt32)
            (size, headerLength) = (BinaryPrimitives.ReadUInt32BigEndian(stored[2..]), 6);
        if (size < 0 || (headerLength == 6 && size <= ushort.MaxValue))
            throw new BatchFormatException(BatchError.BadCompression, "The declared size of the batch cannot be read.");
        if (size >= FormatLimits.BatchLengthBytesMax)
        {
            throw new BatchFormatException(BatchError.LimitExceeded,
                $"The batch declares {size} bytes unpacked; {FormatLimits.BatchLengthBytesMax} are allowed.");
        }
        return (int)size;
    }

    private void Decode(ReadOnlyMemory<byte> plain, ReplicaId author, long firstSequence, BatchColumns columns)
    {
        columns.Clear();
        texts.Clear();
        types.Clear();
        var reader = new CanonicalReader(plain);
        int header = reader.ReadInt32(BatchWriter.RoleMask | BatchWriter.HasOthers | BatchWriter.HasPrefixes, "The header");
        columns.Role = (ReplicaRole)(header & BatchWriter.RoleMask);
        if (columns.Role > ReplicaRole.Authority) throw reader.Fail(BatchError.OutOfRange, "The role is not known");
        bool hasOthers = (header & BatchWriter.HasOthers) != 0;
        var first = new HybridTimestamp(reader.ReadUInt64());
        int mutations = reader.ReadCount("The number of mutations");
        // A mutation takes at least three bytes, in three columns: refused before rows are made for it.
        if (mutations > (reader.Remaining + 1) / 3)
            throw reader.Fail(BatchError.Truncated, $"{mutations} mutations cannot fit");
        if (mutations == 0) throw reader.Fail(BatchError.OutOfRange, "The batch has no mutation");
        if (firstSequence < 1 || firstSequence > Dot.SequenceMax - mutations + 1)
            throw reader.Fail(BatchError.OutOfRange, $"A batch cannot begin at sequence {firstSequence}");

        int[] heads = ReadHeads(ref reader, columns, mutations);
        ReadTimestamps(ref reader, columns, first);
        ReadEntities(ref reader, columns, (header & BatchWriter.HasPrefixes) != 0);
        ReadCounts(ref reader, columns, heads);
        ReadExtras(ref reader, columns, heads);
        ReadPaths(ref reader, columns);
        ReadOperations(ref reader, columns);
        ReadDots(ref reader, columns, author, firstSequence, hasOthers);
        ReadValues(ref reader, columns, firstSequence);
        if (reader.Remaining != 0)
            throw reader.Fail(BatchError.Trailing, $"{reader.Remaining} bytes follow the end of the batch");
    }

    private static int[] ReadHeads(ref CanonicalReader reader, BatchColumns columns, int mutations)
    {
        int[] heads = new int[mutations];
        for (int m = 0; m < mutations; m++)
        {
            int head = reader.ReadInt32(127, "A mutation's head");
            heads[m] = head;
            ref BatchColumns.MutationRow row = ref columns.AddMutation();
            row.Kind = (MutationKind)(head & BatchWriter.KindMask);
            row.EndsTransaction = (head & BatchWriter.EndsTransaction) != 0;
            if (row.Kind > MutationKind.Fence)
                throw reader.Fail(BatchError.UnknownFormat, $"Kind {(int)row.Kind} of a mutation is not known here");
            if (row.Kind >= MutationKind.Mark && columns.Role == ReplicaRole.Client)
                throw reader.Fail(BatchError.OutOfRange, $"A {row.Kind} by a client: only the server role annotates");
            if (row.Kind is MutationKind.Create or MutationKind.Delete && (head & BatchWriter.WritesRoot) == 0)
                throw reader.Fail(BatchError.OutOfRange, "A create or delete that leaves the root as it is");
        }
        if (!columns.Mutations[mutations - 1].EndsTransaction)
            throw reader.Fail(BatchError.OutOfRange, "The last transaction of the batch has no end");
        return heads;
    }

    private static void ReadTimestamps(ref CanonicalReader reader, BatchColumns columns, HybridTimestamp first)
    {
        HybridTimestamp last = first;
        if (first == default) throw reader.Fail(BatchError.OutOfRange, "The timestamp 0 is before every mutation");
        columns.Mutations[0].Timestamp = first;
        for (int m = 1; m < columns.MutationCount; m++)
        {
            ulong code = reader.ReadUInt64();
            ulong milliseconds = (code & 1) == 0 ? 0 : code >> 2;
            ulong counter;
            if ((code & 1) == 0) counter = (ulong)last.Counter + Math.Min(code >> 1, 1UL << 20);
            else counter = (code & 2) == 0 ? 0 : reader.ReadUInt64();
            bool isMinimal = (code & 1) == 0 ? code != 0 : milliseconds != 0 && ((code & 2) == 0) == (counter == 0);
            if (!isMinimal) throw reader.Fail(BatchError.NotCanonical, "A timestamp does not increase, or has two forms");
            if (counter > ushort.MaxValue || milliseconds > (ulong)(HybridTimestamp.MillisecondsMax - last.UnixMs))
                throw reader.Fail(BatchError.OutOfRange, "A timestamp is beyond its 64 bits");
            last = new HybridTimestamp(
                (((ulong)last.UnixMs + milliseconds) << HybridTimestamp.CounterBits) | counter);
            columns.Mutations[m].Timestamp = last;
        }
    }

    private void ReadEntities(ref CanonicalReader reader, BatchColumns columns, bool hasPrefixes)
    {
        int entities = 0, known = 0;
        for (int m = 0; m < columns.MutationCount; m++)
        {
            int entity = entities - reader.ReadInt32(entities, "The distance to an entity");
            columns.Mutations[m].Entity = entity;
            if (entity == entities) entities++;
        }
        if (typeOf.Length < entities) typeOf = new int[Math.Max(entities, 2 * typeOf.Length)];
        for (int e = 0; e < entities; e++)
        {
            typeOf[e] = reader.ReadInt32(known, "The index of a type");
            if (typeOf[e] == known) known++;
        }
        ReadTypes(ref reader, known, hasPrefixes);
        for (int e = 0; e < entities; e++)
        {
            (string domain, string name) = types[typeOf[e]];
            var key = EntityKey.CreateTrusted(domain, name, ReadId(ref reader, hasPrefixes ? toldPrefixes[typeOf[e]] : ""));
            if (!columns.Entities.TryAdd(key)) throw reader.Fail(BatchError.NotCanonical, $"{key} is defined twice");
            prefixes.Add(typeOf[e], key.Id);
        }
        if (hasPrefixes != prefixes.HasAny) throw reader.Fail(BatchError.NotCanonical, "What ids begin with alike is told where there is something");
        for (int t = 0; t < known && hasPrefixes; t++)
        {
            if (!prefixes.Of(t).SequenceEqual(toldPrefixes[t]))
                throw reader.Fail(BatchError.NotCanonical, $"'{toldPrefixes[t]}' is not what the ids of a type begin with alike");
        }
        for (int m = 0; m < columns.MutationCount; m++) CheckPlace(ref reader, columns, m);
    }

    private void ReadTypes(ref CanonicalReader reader, int count, bool hasPrefixes)
    {
        prefixes.Clear();
        toldPrefixes.Clear();
        for (int t = 0; t < count; t++)
        {
            string domain = ReadKeyPart(ref reader, "A domain"), name = ReadKeyPart(ref reader, "A type");
            if (!types.TryAdd((domain, name))) throw reader.Fail(BatchError.NotCanonical, "A type is defined twice");
            if (hasPrefixes) toldPrefixes.Add(Encoding.UTF8.GetString(reader.ReadUtf8(FormatLimits.NameLengthBytesMax, "What ids begin with")));
        }
    }

    /// <summary>Annotations have their place: marks and purges outside the space's own data, fences within it.</summary>
    private static void CheckPlace(ref CanonicalReader reader, BatchColumns columns, int mutation)
    {
        ref readonly BatchColumns.MutationRow row = ref columns.Mutations[mutation];
        EntityKey key = columns.Entities[row.Entity];
        bool isMisplaced = row.Kind switch
        {
            MutationKind.Mark or MutationKind.Purge => key.IsSpaceData,
            MutationKind.Fence => !key.IsSpaceData || key.Type != EntityKey.FenceType,
            _ => false,
        };
        if (isMisplaced) throw reader.Fail(BatchError.OutOfRange, $"A {row.Kind} of {key}");
    }

    internal static string ReadKeyPart(ref CanonicalReader reader, string what)
    {
        ReadOnlySpan<byte> utf8 = reader.ReadName(what);
        return utf8.Contains((byte)'/')
            ? throw reader.Fail(BatchError.OutOfRange, $"{what} holds a '/'")
            : Encoding.UTF8.GetString(utf8);
    }

    internal static string ReadId(ref CanonicalReader reader, string prefix = "")
    {
        if (reader.NextType == MessagePackType.Binary)
            return new Guid(reader.ReadUuid("An id"), bigEndian: true).ToString("D");
        ReadOnlySpan<byte> rest = reader.ReadName("An id");
        Span<char> chars = stackalloc char[prefix.Length + rest.Length];
        prefix.CopyTo(chars);
        string id = new(chars[..(prefix.Length + Encoding.UTF8.GetChars(rest, chars[prefix.Length..]))]);
        if (prefix.Length > 0 && Encoding.UTF8.GetByteCount(id) > FormatLimits.NameLengthBytesMax)
            throw reader.Fail(BatchError.LimitExceeded, $"An id takes more than {FormatLimits.NameLengthBytesMax} bytes");
        return BatchWriter.TryGetUuid(id, out _)
            ? throw reader.Fail(BatchError.NotCanonical, "An id that is a UUID takes 16 bytes")
            : id;
    }

    /// <summary>Lays out the rows of changes; a root change comes first, with its value implied by the kind.</summary>
    private void ReadCounts(ref CanonicalReader reader, BatchColumns columns, int[] heads)
    {
        int mutations = columns.MutationCount;
        long told = 0;
        // Rows are added mutation by mutation: the count is restored as each one is reached again.
        columns.MutationCount = 0;
        for (int m = 0; m < mutations; m++)
        {
            columns.MutationCount = m + 1;
            columns.Mutations[m].ChangeEnd = columns.ChangeCount;
            bool single = (heads[m] & BatchWriter.SingleChange) != 0;
            int changes = single ? 1 : reader.ReadCount("The number of changes");
            if (!single && changes == 1) throw reader.Fail(BatchError.NotCanonical, "A single change has a flag");
            bool writesRoot = (heads[m] & BatchWriter.WritesRoot) != 0;
            // Each change beside a root's takes bytes in the columns to come.
            if (changes > reader.Remaining - told || (changes == 0 && !writesRoot))
                throw reader.Fail(BatchError.OutOfRange, $"A mutation of {changes} changes is not possible here");
            told += changes;
            if (forms.Length <= columns.ChangeCount + changes)
                Array.Resize(ref forms, Math.Max(columns.ChangeCount + changes + 1, 2 * forms.Length));
            if (writesRoot)
            {
                int count = reader.ReadInt32(FormatLimits.ObservedDotsMax, "The number of observed dots");
                forms[columns.ChangeCount] = count < 2 ? count : BatchWriter.ObservedList + count;
                ref BatchColumns.ChangeRow root = ref columns.AddChange(BatchColumns.RootPath);
                MutationKind kind = columns.Mutations[m].Kind;
                root.HasValue = kind != MutationKind.Purge;
                if (kind is not (MutationKind.Purge or MutationKind.Mark)) root.Value = Value.From(kind != MutationKind.Delete);
                if (kind == MutationKind.Purge && count == 0)
                    throw reader.Fail(BatchError.OutOfRange, "A purge that names nothing");
            }
            for (int c = 0; c < changes; c++) columns.AddChange(0);
        }
    }

    private static void ReadExtras(ref CanonicalReader reader, BatchColumns columns, int[] heads)
    {
        for (int m = 0; m < heads.Length; m++)
        {
            if ((heads[m] & BatchWriter.HasExtras) == 0) continue;
            ref BatchColumns.MutationRow row = ref columns.Mutations[m];
            int mask = reader.ReadInt32(15, "The mask of extras");
            if (mask == 0) throw reader.Fail(BatchError.NotCanonical, "A mutation without extras says it has some");
            if ((mask & BatchWriter.HasUser) != 0)
            {
                row.User = reader.ReadInt32(columns.Users.Count, "The index of a user");
                if (row.User == columns.Users.Count && !columns.Users.TryAdd(Encoding.UTF8.GetString(reader.ReadName("A user"))))
                    throw reader.Fail(BatchError.NotCanonical, "A user is defined twice");
            }
            Guid? request = (mask & BatchWriter.HasRequestId) == 0 ? null
                : new Guid(reader.ReadUuid("A request id"), bigEndian: true);
            Dot? reissued = null;
            if ((mask & BatchWriter.HasReissued) != 0)
            {
                ReplicaId replica = ReplicaId.FromBytes(reader.ReadUuid("A replica id"));
                reissued = new Dot(replica, reader.ReadSequence());
            }
            if (request is not null || reissued is not null) row.Origin = new MutationOrigin(request, reissued);
            if ((mask & BatchWriter.HasContext) == 0) continue;
            long before = reader.Offset;
            row.Context = ValueCodec.Read(ref reader, null, "A context");
            if (row.Context.IsNull) throw reader.Fail(BatchError.NotCanonical, "An absent context has no place");
            if (reader.Offset - before > FormatLimits.ContextLengthBytesMax)
                throw reader.Fail(BatchError.LimitExceeded, "A context takes more than 4 KiB");
        }
    }

    private static void ReadPaths(ref CanonicalReader reader, BatchColumns columns)
    {
        int known = 0;
        for (int c = 0; c < columns.ChangeCount; c++)
        {
            ref BatchColumns.ChangeRow change = ref columns.Changes[c];
            if (change.Path == BatchColumns.RootPath) continue;
            change.Path = reader.ReadInt32(known, "The index of a path");
            if (change.Path == known) known++;
        }
        for (int p = 0; p < known; p++)
        {
            if (!columns.Paths.TryAdd(ReadPath(ref reader))) throw reader.Fail(BatchError.NotCanonical, "A path is defined twice");
        }
        for (int m = 0; m < columns.MutationCount; m++)
        {
            FieldPath? before = null;
            for (int c = columns.ChangeStart(m); c < columns.Mutations[m].ChangeEnd; c++)
            {
                if (columns.Changes[c].Path == BatchColumns.RootPath) continue;
                FieldPath path = columns.Paths[columns.Changes[c].Path];
                if (before is not null && before.CompareTo(path) >= 0)
                    throw reader.Fail(BatchError.NotCanonical, "The changes of a mutation are not in order of paths");
                before = path;
            }
        }
    }

    internal static FieldPath ReadPath(ref CanonicalReader reader)
    {
        if (reader.NextType == MessagePackType.String) return FieldPath.FromFieldTrusted(reader.ReadName("A field"));
        ReadOnlySpan<byte> bytes = reader.ReadBytes(FormatLimits.DepthMax * (2 + FormatLimits.NameLengthBytesMax), "A path");
        if (bytes.IsEmpty || !FieldPath.IsCanonical(bytes)) throw reader.Fail(BatchError.OutOfRange, "This is no path");
        var path = FieldPath.FromTrusted(bytes);
        return path.TryGetField(out _)
            ? throw reader.Fail(BatchError.NotCanonical, "The path of a single field is a string")
            : path;
    }

    private void ReadOperations(ref CanonicalReader reader, BatchColumns columns)
    {
        for (int m = 0; m < columns.MutationCount; m++)
        {
            for (int c = columns.ChangeStart(m); c < columns.Mutations[m].ChangeEnd; c++)
                ReadOperation(ref reader, columns, c, columns.Mutations[m].Kind);
        }
    }

    private void ReadOperation(ref CanonicalReader reader, BatchColumns columns, int c, MutationKind kind)
    {
        ref BatchColumns.ChangeRow change = ref columns.Changes[c];
        if (change.Path == BatchColumns.RootPath) return;
        int operation = reader.ReadInt32(63, "A change's operation");
        change.HasValue = (operation & BatchWriter.HasValue) != 0;
        if ((kind == MutationKind.Mark && (operation & ~(BatchWriter.ObservedMask << BatchWriter.ObservedShift)) != BatchWriter.HasValue)
            || (kind == MutationKind.Purge && (operation & ~(BatchWriter.ObservedMask << BatchWriter.ObservedShift)) != 0))
            throw reader.Fail(BatchError.OutOfRange, $"An operation that a {kind} cannot have");
        bool isCounter = columns.Paths[change.Path].Rule == ReplaceRule.Own;
        bool hasStart = (operation & BatchWriter.HasCounterStart) != 0, hasClaim = (operation & BatchWriter.HasClaim) != 0;
        if ((hasStart && !(isCounter && change.HasValue)) || (hasClaim && (isCounter || !change.HasValue)))
            throw reader.Fail(BatchError.OutOfRange, "A claim or counter start where there can be none");
        // Their places are taken now and filled with the values.
        change.Claim = new HybridTimestamp(hasClaim ? 1UL : 0);
        change.CounterStart = hasStart ? 1 : 0;
        bool remembers = (operation & BatchWriter.Remembers) != 0;
        if (remembers && (isCounter || !change.HasValue))
            throw reader.Fail(BatchError.OutOfRange, "A counter or removal remembers nothing");
        change.Remembered = remembers ? [] : null;
        int form = (operation >> BatchWriter.ObservedShift) & BatchWriter.ObservedMask;
        if (form == BatchWriter.ObservedList)
        {
            form += reader.ReadInt32(FormatLimits.ObservedDotsMax, "The number of observed dots");
            if (form < BatchWriter.ObservedList + 2) throw reader.Fail(BatchError.NotCanonical, "A list of one dot");
        }
        if (form == BatchWriter.ObservedNone && !change.HasValue && (!isCounter || kind == MutationKind.Purge))
            throw reader.Fail(BatchError.OutOfRange, "A change that neither writes nor replaces anything");
        forms[c] = form;
    }

    /// <summary>A counter's total is its author's alone; an increment is taken back beside it.</summary>
    private static void CheckRestored(ref CanonicalReader reader, FieldPath path, MarkContent mark)
    {
        if (mark.Kind != MarkKind.Restored) return;
        bool isFitting = path.IsRoot ? mark.Siblings[0].Value.Kind == ValueKind.Boolean
            : path.IsOffset ? mark.Siblings[0].Value.Kind == ValueKind.Integer
            : path.Rule != ReplaceRule.Own;
        if (!isFitting) throw reader.Fail(BatchError.OutOfRange, $"What cannot stand at '{path}' is added again there");
    }

    private void ReadDots(
        ref CanonicalReader reader, BatchColumns columns, ReplicaId author, long firstSequence, bool hasOthers)
    {
        if (hasOthers) ReadDotReplicas(ref reader, columns, author);
        if (hasOthers != columns.Others.Count > 0)
            throw reader.Fail(BatchError.NotCanonical, "The batch announces other replicas and names none");
        long[] last = new long[columns.Others.Count + 1];
        int at = 0;
        for (int m = 0; m < columns.MutationCount; m++)
        {
            long sequence = firstSequence + m;
            last[BatchColumns.Self] = sequence;
            int start = columns.ChangeStart(m);
            for (int c = start; c < columns.Mutations[m].ChangeEnd; c++)
            {
                int form = forms[c], count = ToldDots(form);
                columns.Changes[c].DotEnd = columns.DotCount;
                if (form == BatchWriter.ObservedAsRoot) CopyRootDot(ref reader, columns, start, c);
                else ReadObserved(ref reader, columns, c, hasOthers ? dotReplicas.AsSpan(at, count) : [], count, sequence, last);
                at += count;
                if (form == BatchWriter.ObservedOne && c > start && BatchWriter.ObservedForm(columns, start, c) != form)
                    throw reader.Fail(BatchError.NotCanonical, "The root's observed dot is repeated");
            }
        }
    }

    /// <summary>How many dots of a change stand in the columns.</summary>
    private static int ToldDots(int form) => form > BatchWriter.ObservedList ? form - BatchWriter.ObservedList
        : form == BatchWriter.ObservedOne ? 1 : 0;

    private void ReadDotReplicas(ref CanonicalReader reader, BatchColumns columns, ReplicaId author)
    {
        int at = 0, others = 0;
        for (int c = 0; c < columns.ChangeCount; c++)
        {
            int end = at + ToldDots(forms[c]);
            if (end - at > reader.Remaining) throw reader.Fail(BatchError.Truncated, $"{end - at} observed dots cannot fit");
            if (dotReplicas.Length < end) Array.Resize(ref dotReplicas, Math.Max(end, 2 * dotReplicas.Length));
            for (; at < end; at++)
            {
                int replica = dotReplicas[at] = reader.ReadInt32(others + 1, "The index of a replica");
                if (replica > others) others = replica;
            }
        }
        for (int i = 0; i < others; i++)
        {
            ReplicaId other = ReplicaId.FromBytes(reader.ReadUuid("A replica id"));
            if (other.IsEmpty || other == author || !columns.Others.TryAdd(other))
                throw reader.Fail(BatchError.NotCanonical, $"{other} cannot be defined here");
        }
    }

    private static void CopyRootDot(ref CanonicalReader reader, BatchColumns columns, int start, int change)
    {
        int root = columns.DotStart(start);
        if (change == start || columns.Changes[start].Path != BatchColumns.RootPath
            || columns.Changes[start].DotEnd - root != 1)
            throw reader.Fail(BatchError.OutOfRange, "A change refers to the root's observed dot; there is not one");
        AddDot(columns, change, columns.DotReplica[root], columns.DotSequence[root]);
    }

    private static void ReadObserved(
        ref CanonicalReader reader, BatchColumns columns, int change, ReadOnlySpan<int> replicas, int count, long own,
        Span<long> last)
    {
        if (count > reader.Remaining) throw reader.Fail(BatchError.Truncated, $"{count} observed dots cannot fit");
        (int beforeReplica, long beforeSequence) = (-1, 0L);
        for (int i = 0; i < count; i++)
        {
            int replica = replicas.IsEmpty ? BatchColumns.Self : replicas[i];
            long sequence = unchecked(last[replica] - reader.ReadInt64());
            if (sequence < 1 || sequence > (replica == BatchColumns.Self ? own - 1 : Dot.SequenceMax))
                throw reader.Fail(BatchError.OutOfRange, $"Sequence {sequence} cannot have been observed");
            if (!IsAfter(columns, replica, sequence, beforeReplica, beforeSequence))
                throw reader.Fail(BatchError.NotCanonical, "The observed dots are not in order");
            last[replica] = sequence;
            (beforeReplica, beforeSequence) = (replica, sequence);
            AddDot(columns, change, replica, sequence);
        }
    }

    /// <summary>The order of observed dots: the author's own, then by replica, each by sequence.</summary>
    private static bool IsAfter(BatchColumns columns, int replica, long sequence, int beforeReplica, long beforeSequence)
    {
        if (beforeReplica < 0) return true;
        if (replica == beforeReplica) return sequence > beforeSequence;
        if (beforeReplica == BatchColumns.Self) return true;
        return replica != BatchColumns.Self && columns.Others[replica - 1] > columns.Others[beforeReplica - 1];
    }

    private static void AddDot(BatchColumns columns, int change, int replica, long sequence)
    {
        // AddDot extends the last change of all; while reading, the changes are there already.
        int rows = columns.ChangeCount;
        columns.ChangeCount = change + 1;
        columns.AddDot(replica, sequence);
        columns.ChangeCount = rows;
    }

    private void ReadValues(ref CanonicalReader reader, BatchColumns columns, long firstSequence)
    {
        for (int m = 0; m < columns.MutationCount; m++)
        {
            for (int c = columns.ChangeStart(m); c < columns.Mutations[m].ChangeEnd; c++)
            {
                ref BatchColumns.ChangeRow change = ref columns.Changes[c];
                if (columns.Mutations[m].Kind == MutationKind.Mark)
                {
                    change.Mark = MarkCodec.Read(ref reader, texts, change.DotEnd - columns.DotStart(c));
                    CheckRestored(ref reader, columns.PathOf(change), change.Mark);
                    continue;
                }
                if (change.Path == BatchColumns.RootPath || !change.HasValue) continue;
                if (change.Claim != default)
                {
                    change.Claim = new HybridTimestamp(reader.ReadUInt64());
                    if (change.Claim == default || change.Claim == columns.Mutations[m].Timestamp)
                        throw reader.Fail(BatchError.NotCanonical, "A claim that is the mutation's own time has no place");
                }
                long sequence = firstSequence + m;
                if (change.CounterStart != 0)
                {
                    ulong back = reader.ReadUInt64();
                    if (back == 0 || back >= (ulong)sequence)
                        throw reader.Fail(BatchError.OutOfRange, "A counter's start is no earlier sequence");
                    change.CounterStart = sequence - (long)back;
                }
                if (change.Remembered is not null) change.Remembered = MarkCodec.ReadDots(ref reader);
                change.Value = ValueCodec.Read(ref reader, texts, "A value");
                if (columns.Paths[change.Path].IsCounter && change.Value.Kind != ValueKind.Integer)
                    throw reader.Fail(BatchError.UnexpectedType, "A counter holds an integer");
            }
        }
    }
}
