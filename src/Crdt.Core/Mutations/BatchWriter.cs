using System.Buffers;
using System.IO.Compression;
using System.Runtime.InteropServices;
using MessagePack;

namespace Crdt;

/// <summary>Encodes columns as the bytes of a batch. Layout: docs/wire-format.md, section WF-2.</summary>
/// <remarks>Reused from batch to batch; not for concurrent use.</remarks>
internal sealed class BatchWriter
{
    public const byte PlainFormat = 1;
    public const byte CompressedFormat = 2;
    public const byte PackedFormat = 3;

    // Bits of the header.
    public const int RoleMask = 3;
    public const int HasOthers = 4;
    public const int HasPrefixes = 8;

    // Bits of a mutation's head, above its kind.
    public const int KindMask = 7;
    public const int EndsTransaction = 8;
    public const int WritesRoot = 16;
    public const int SingleChange = 32;
    public const int HasExtras = 64;

    // Bits of the extras' mask.
    public const int HasUser = 1;
    public const int HasRequestId = 2;
    public const int HasReissued = 4;
    public const int HasContext = 8;

    // Bits of a change's operation: value, claim, counter that began earlier; then how its observed dots are told.
    public const int HasValue = 1;
    public const int HasClaim = 2;
    public const int HasCounterStart = 4;
    public const int Remembers = 32;
    public const int ObservedShift = 3;
    public const int ObservedMask = 3;
    public const int ObservedNone = 0;
    public const int ObservedOne = 1;
    public const int ObservedAsRoot = 2;
    public const int ObservedList = 3;

    // Below these a packed batch, or compressed chunk, is rarely smaller: codes and dictionary have to be earned first.
    internal const int PackedLengthBytesMin = 192;
    internal const int CompressedLengthBytesMin = 256;

    private readonly ArrayBufferWriter<byte> buffer = new(4_096);
    private readonly FirstUseTable<string> texts = new();
    private readonly FirstUseTable<(string Domain, string Type)> types = new();
    private readonly IdPrefixes prefixes = new();
    private readonly ColumnPacker packer = new();

    // Where each column ends; of each entity the index of its type.
    private readonly List<int> ends = new(ColumnPacker.ColumnCount);
    private readonly List<int> typeOf = [];

    /// <summary>Length of the last batch before compression.</summary>
    public int PlainLengthBytes { get; private set; }

    /// <summary>Encodes the columns.</summary>
    /// <param name="columns">At least one mutation; the last ends a transaction.</param>
    /// <param name="firstSequence">Sequence of the first mutation.</param>
    /// <returns>The stored bytes, for good.</returns>
    /// <exception cref="TransactionTooLargeException">The batch takes more than 1 MiB before compression, or a value or
    /// context more than its limit.</exception>
    public byte[] Write(BatchColumns columns, long firstSequence)
    {
        buffer.ResetWrittenCount();
        texts.Clear();
        ends.Clear();
        FindTypes(columns);
        buffer.GetSpan(1)[0] = PlainFormat;
        buffer.Advance(1);
        var writer = new MessagePackWriter(buffer);
        bool hasOthers = columns.Others.Count > 0;
        writer.Write((int)columns.Role | (hasOthers ? HasOthers : 0) | (prefixes.HasAny ? HasPrefixes : 0));
        writer.Write(columns.Mutations[0].Timestamp.Bits);
        writer.Write(columns.MutationCount);
        EndColumn(ref writer);
        WriteHeads(ref writer, columns);
        EndColumn(ref writer);
        WriteTimestamps(ref writer, columns);
        EndColumn(ref writer);
        WriteEntities(ref writer, columns);
        WriteCounts(ref writer, columns);
        EndColumn(ref writer);
        WriteExtras(ref writer, columns, firstSequence);
        EndColumn(ref writer);
        WritePaths(ref writer, columns);
        WriteOperations(ref writer, columns);
        EndColumn(ref writer);
        WriteDotReplicas(ref writer, columns);
        WriteDots(ref writer, columns, firstSequence, hasOthers);
        EndColumn(ref writer);
        WriteValues(ref writer, columns, firstSequence);
        EndColumn(ref writer);
        PlainLengthBytes = buffer.WrittenCount;
        if (PlainLengthBytes > FormatLimits.BatchLengthBytesMax) throw new TransactionTooLargeException(PlainLengthBytes);
        return PlainLengthBytes < PackedLengthBytesMin ? buffer.WrittenSpan.ToArray() : Pack();
    }

    private void EndColumn(ref MessagePackWriter writer)
    {
        writer.Flush();
        ends.Add(buffer.WrittenCount - 1);
    }

    private void FindTypes(BatchColumns columns)
    {
        types.Clear();
        typeOf.Clear();
        prefixes.Clear();
        for (int e = 0; e < columns.Entities.Count; e++)
        {
            EntityKey key = columns.Entities[e];
            int type = types.GetOrAdd((key.Domain, key.Type));
            typeOf.Add(type);
            prefixes.Add(type, key.Id);
        }
    }

    private static bool HasRoot(BatchColumns columns, int mutation) =>
        columns.ChangeStart(mutation) < columns.Mutations[mutation].ChangeEnd
        && columns.Changes[columns.ChangeStart(mutation)].Path == BatchColumns.RootPath;

    private static int PlainChanges(BatchColumns columns, int mutation) =>
        columns.Mutations[mutation].ChangeEnd - columns.ChangeStart(mutation) - (HasRoot(columns, mutation) ? 1 : 0);

    private static bool HasExtraOf(in BatchColumns.MutationRow row) =>
        row.User >= 0 || row.Origin is not null || !row.Context.IsNull;

    private static void WriteHeads(ref MessagePackWriter writer, BatchColumns columns)
    {
        for (int m = 0; m < columns.MutationCount; m++)
        {
            ref readonly BatchColumns.MutationRow row = ref columns.Mutations[m];
            writer.Write((int)row.Kind
                | (row.EndsTransaction ? EndsTransaction : 0)
                | (HasRoot(columns, m) ? WritesRoot : 0)
                | (PlainChanges(columns, m) == 1 ? SingleChange : 0)
                | (HasExtraOf(row) ? HasExtras : 0));
        }
    }

    private static void WriteTimestamps(ref MessagePackWriter writer, BatchColumns columns)
    {
        for (int m = 1; m < columns.MutationCount; m++)
        {
            HybridTimestamp before = columns.Mutations[m - 1].Timestamp, now = columns.Mutations[m].Timestamp;
            ulong milliseconds = (ulong)(now.UnixMs - before.UnixMs);
            if (milliseconds == 0)
            {
                writer.Write((ulong)(now.Counter - before.Counter) << 1);
                continue;
            }
            writer.Write((milliseconds << 2) | (now.Counter == 0 ? 1UL : 3UL));
            if (now.Counter != 0) writer.Write(now.Counter);
        }
    }

    private void WriteEntities(ref MessagePackWriter writer, BatchColumns columns)
    {
        int defined = 0;
        for (int m = 0; m < columns.MutationCount; m++)
        {
            int entity = columns.Mutations[m].Entity;
            // Told as the distance back: runs of new entities, and of the same one, become runs of one byte.
            writer.Write(defined - entity);
            if (entity == defined) defined++;
        }
        EndColumn(ref writer);
        foreach (int type in typeOf) writer.Write(type);
        EndColumn(ref writer);
        for (int t = 0; t < types.Count; t++)
        {
            writer.Write(types[t].Domain);
            writer.Write(types[t].Type);
            if (prefixes.HasAny) writer.Write(prefixes.Of(t).ToString());
        }
        EndColumn(ref writer);
        for (int e = 0; e < typeOf.Count; e++)
        {
            string id = columns.Entities[e].Id;
            if (TryGetUuid(id, out Guid uuid)) WriteUuid(ref writer, uuid);
            else writer.Write(id.AsSpan(prefixes.Of(typeOf[e]).Length));
        }
        EndColumn(ref writer);
    }

    public static bool TryGetUuid(string id, out Guid uuid)
    {
        // The parser also takes signs and 0x within a group: only what it would write itself comes back as it was.
        uuid = default;
        Span<char> usual = stackalloc char[36];
        return id.Length == 36 && Guid.TryParseExact(id, "D", out uuid)
            && uuid.TryFormat(usual, out _, "D") && usual.SequenceEqual(id);
    }

    public static void WriteUuid(ref MessagePackWriter writer, Guid uuid)
    {
        Span<byte> bytes = stackalloc byte[16];
        uuid.TryWriteBytes(bytes, bigEndian: true, out _);
        writer.WriteBinHeader(16);
        bytes.CopyTo(writer.GetSpan(16));
        writer.Advance(16);
    }

    private static void WriteCounts(ref MessagePackWriter writer, BatchColumns columns)
    {
        for (int m = 0; m < columns.MutationCount; m++)
        {
            int changes = PlainChanges(columns, m);
            if (changes != 1) writer.Write(changes);
            if (!HasRoot(columns, m)) continue;
            int root = columns.ChangeStart(m);
            writer.Write(columns.Changes[root].DotEnd - columns.DotStart(root));
        }
    }

    private static void WriteExtras(ref MessagePackWriter writer, BatchColumns columns, long firstSequence)
    {
        int users = 0;
        for (int m = 0; m < columns.MutationCount; m++)
        {
            ref readonly BatchColumns.MutationRow row = ref columns.Mutations[m];
            if (!HasExtraOf(row)) continue;
            writer.Write((row.User >= 0 ? HasUser : 0)
                | (row.Origin?.RequestId is null ? 0 : HasRequestId)
                | (row.Origin?.Reissued is null ? 0 : HasReissued)
                | (row.Context.IsNull ? 0 : HasContext));
            if (row.User >= 0)
            {
                writer.Write(row.User);
                if (row.User == users)
                {
                    writer.Write(columns.Users[row.User]);
                    users++;
                }
            }
            if (row.Origin?.RequestId is { } request) WriteUuid(ref writer, request);
            if (row.Origin?.Reissued is { } reissued)
            {
                WriteUuid(ref writer, reissued.Replica.Value);
                writer.Write(reissued.Sequence);
            }
            if (!row.Context.IsNull) ValueCodec.Write(ref writer, row.Context, null);
        }
    }

    private void WritePaths(ref MessagePackWriter writer, BatchColumns columns)
    {
        for (int c = 0; c < columns.ChangeCount; c++)
        {
            int path = columns.Changes[c].Path;
            if (path != BatchColumns.RootPath) writer.Write(path);
        }
        EndColumn(ref writer);
        for (int p = 0; p < columns.Paths.Count; p++)
        {
            if (columns.Paths[p].TryGetField(out ReadOnlySpan<byte> field)) writer.WriteString(field);
            else writer.Write(columns.Paths[p].Bytes);
        }
        EndColumn(ref writer);
    }

    private static void WriteOperations(ref MessagePackWriter writer, BatchColumns columns)
    {
        for (int m = 0; m < columns.MutationCount; m++)
        {
            int start = columns.ChangeStart(m);
            for (int c = start; c < columns.Mutations[m].ChangeEnd; c++)
            {
                ref readonly BatchColumns.ChangeRow change = ref columns.Changes[c];
                if (change.Path == BatchColumns.RootPath) continue;
                int observed = ObservedForm(columns, start, c);
                writer.Write((change.HasValue ? HasValue : 0)
                    | (change.Claim == default ? 0 : HasClaim)
                    | (change.CounterStart == 0 ? 0 : HasCounterStart)
                    | (change.Remembered is null ? 0 : Remembers)
                    | (observed << ObservedShift));
                if (observed == ObservedList) writer.Write(change.DotEnd - columns.DotStart(c));
            }
        }
    }

    /// <summary>How the observed dots of a change are told; <see cref="ObservedAsRoot"/> writes none.</summary>
    public static int ObservedForm(BatchColumns columns, int firstChange, int change)
    {
        int start = columns.DotStart(change), count = columns.Changes[change].DotEnd - start;
        if (count != 1) return count == 0 ? ObservedNone : ObservedList;
        ref readonly BatchColumns.ChangeRow root = ref columns.Changes[firstChange];
        int rootStart = columns.DotStart(firstChange);
        bool asRoot = root.Path == BatchColumns.RootPath && root.DotEnd - rootStart == 1
            && columns.DotReplica[rootStart] == columns.DotReplica[start]
            && columns.DotSequence[rootStart] == columns.DotSequence[start];
        return asRoot ? ObservedAsRoot : ObservedOne;
    }

    private void WriteDotReplicas(ref MessagePackWriter writer, BatchColumns columns)
    {
        for (int m = 0; m < columns.MutationCount && columns.Others.Count > 0; m++)
        {
            int start = columns.ChangeStart(m);
            for (int c = start; c < columns.Mutations[m].ChangeEnd; c++)
            {
                if (c > start && ObservedForm(columns, start, c) == ObservedAsRoot) continue;
                for (int d = columns.DotStart(c); d < columns.Changes[c].DotEnd; d++) writer.Write(columns.DotReplica[d]);
            }
        }
        EndColumn(ref writer);
        for (int i = 0; i < columns.Others.Count; i++) WriteUuid(ref writer, columns.Others[i].Value);
        EndColumn(ref writer);
    }

    private static void WriteDots(
        ref MessagePackWriter writer, BatchColumns columns, long firstSequence, bool hasOthers)
    {
        long[]? last = hasOthers ? new long[columns.Others.Count + 1] : null;
        for (int m = 0; m < columns.MutationCount; m++)
        {
            long own = firstSequence + m;
            int start = columns.ChangeStart(m);
            for (int c = start; c < columns.Mutations[m].ChangeEnd; c++)
            {
                if (c > start && ObservedForm(columns, start, c) == ObservedAsRoot) continue;
                for (int d = columns.DotStart(c); d < columns.Changes[c].DotEnd; d++)
                {
                    int replica = columns.DotReplica[d];
                    ref long reference = ref own;
                    if (replica != BatchColumns.Self) reference = ref last![replica];
                    writer.Write(reference - columns.DotSequence[d]);
                    reference = columns.DotSequence[d];
                }
            }
        }
    }

    private void WriteValues(ref MessagePackWriter writer, BatchColumns columns, long firstSequence)
    {
        for (int m = 0; m < columns.MutationCount; m++)
        {
            for (int c = columns.ChangeStart(m); c < columns.Mutations[m].ChangeEnd; c++)
            {
                ref readonly BatchColumns.ChangeRow change = ref columns.Changes[c];
                if (change.Mark is { } mark)
                {
                    MarkCodec.Write(ref writer, mark, texts);
                    continue;
                }
                if (change.Path == BatchColumns.RootPath || !change.HasValue) continue;
                if (change.Claim != default) writer.Write(change.Claim.Bits);
                if (change.CounterStart != 0) writer.Write(firstSequence + m - change.CounterStart);
                if (change.Remembered is { } remembered) MarkCodec.WriteDots(ref writer, remembered);
                ValueCodec.Write(ref writer, change.Value, texts);
            }
        }
    }

    private byte[] Pack()
    {
        ReadOnlySpan<byte> plain = buffer.WrittenSpan;
        Span<byte> header = stackalloc byte[CompressedHeader.LengthBytesMax];
        header[0] = PackedFormat;
        header = header[..(1 + CompressedHeader.Write(header[1..], plain.Length - 1))];
        Span<byte> packed = packer.Pack(plain[1..], CollectionsMarshal.AsSpan(ends), header.Length);
        if (packed.IsEmpty) return plain.ToArray();
        header.CopyTo(packed);
        return packed.ToArray();
    }

    internal static byte[] Compress(ReadOnlySpan<byte> plain)
    {
        ReadOnlySpan<byte> content = plain[1..];
        byte[] rented = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(content.Length) + 6);
        try
        {
            // Quality and window: docs/decisions/0004-compression.md.
            Span<byte> header = rented;
            header[0] = CompressedFormat;
            int headerLength = 1 + CompressedHeader.Write(header[1..], content.Length);
            if (!BrotliEncoder.TryCompress(content, rented.AsSpan(headerLength), out int written, quality: 4, window: 20)
                || headerLength + written >= plain.Length) return plain.ToArray();
            return rented.AsSpan(0, headerLength + written).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
