using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>What a server-role replica decided about mutations of others while it must not write: judged when they were
/// applied, while what they replaced was at hand, noted in its own log in the same append, and written as marks and
/// refusals as soon as it may write again. Owned by the single writer.</summary>
internal sealed class PostponedDuties
{
    // Behind those of WatchNote, which begin a note of the log likewise.
    private const int Postponed = 6, Settled = 7;

    private readonly List<ServerDuties.Decisions> published = [];
    private readonly List<ServerDuties.Decisions> added = [];
    private readonly Dictionary<(EntityKey, FieldPath, Dot), IReadOnlyList<MarkedSibling>> restored = [];
    private readonly HashSet<(EntityKey, FieldPath, Dot)> marked = [];
    private readonly HashSet<Dot> refused = [];
    private bool isSettled;

    /// <summary>Whether anything waits to be written.</summary>
    public bool IsEmpty => isSettled || (published.Count == 0 && added.Count == 0);

    /// <summary>All that waits, in the order in which it was decided.</summary>
    public ServerDuties.Decisions All => new(
        [.. published.Concat(added).SelectMany(static d => d.Annotations)], [.. published.Concat(added).SelectMany(static d => d.Refused)]);

    /// <summary>What a mutation had replaced that is refused; <see langword="null"/> where it is not.</summary>
    public IReadOnlyList<MarkedSibling>? FindReplaced(EntityKey key, FieldPath path, Dot dot) =>
        restored.GetValueOrDefault((key, path, dot));

    /// <summary>Whether a sibling will be marked.</summary>
    public bool IsMarked(EntityKey key, FieldPath path, Dot dot) => marked.Contains((key, path, dot));

    /// <summary>Whether a mutation will be refused.</summary>
    public bool IsRefused(Dot dot) => refused.Contains(dot);

    /// <summary>Keeps what was decided about one run.</summary>
    /// <returns>The note for the log.</returns>
    public byte[] Add(ServerDuties.Decisions decisions)
    {
        added.Add(decisions);
        Index(decisions);
        return Encode(decisions);
    }

    /// <summary>All was written.</summary>
    /// <returns>The note for the log.</returns>
    public byte[] Settle()
    {
        isSettled = true;
        return [Settled];
    }

    /// <summary>What the group added or wrote is in the log.</summary>
    public void Publish()
    {
        if (isSettled) Clear();
        published.AddRange(added);
        added.Clear();
    }

    /// <summary>Forgets what the group added or wrote.</summary>
    public void Revert()
    {
        isSettled = false;
        if (added.Count == 0) return;
        added.Clear();
        restored.Clear();
        marked.Clear();
        refused.Clear();
        foreach (ServerDuties.Decisions decisions in published) Index(decisions);
    }

    /// <summary>Takes over a note of the log, if it is one of these.</summary>
    public bool TryReplay(ReadOnlyMemory<byte> note)
    {
        if (note.Span is not [Postponed or Settled, ..]) return false;
        if (note.Span[0] == Settled)
        {
            Clear();
            return true;
        }
        var reader = new CanonicalReader(note);
        Read(ref reader);
        return true;
    }

    /// <summary>Writes what waits, for the checkpoint.</summary>
    public void Write(ref MessagePackWriter writer)
    {
        writer.Write(published.Count);
        foreach (ServerDuties.Decisions decisions in published) Write(ref writer, decisions);
    }

    /// <summary>Reads what <see cref="Write(ref MessagePackWriter)"/> wrote.</summary>
    public void Restore(ref CanonicalReader reader)
    {
        for (int i = reader.ReadCount("The number of postponed decisions"); i > 0; i--) Read(ref reader);
    }

    private void Clear()
    {
        isSettled = false;
        published.Clear();
        added.Clear();
        restored.Clear();
        marked.Clear();
        refused.Clear();
    }

    private void Index(ServerDuties.Decisions decisions)
    {
        foreach (ServerDuties.Annotation annotation in decisions.Annotations)
        {
            if (annotation.Named is not { } named) continue;
            marked.Add((annotation.Key, annotation.Path, named));
            if (annotation.Content.Kind == MarkKind.Refused)
                restored[(annotation.Key, annotation.Path, named)] = annotation.Content.Siblings;
        }
        foreach (ServerDuties.RefusedWork work in decisions.Refused)
        {
            for (long sequence = work.First.Sequence; sequence <= work.Last; sequence++)
                refused.Add(work.First with { Sequence = sequence });
        }
    }

    // ---- bytes, for this replica itself ----

    private static byte[] Encode(ServerDuties.Decisions decisions)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        var writer = new MessagePackWriter(buffer);
        Write(ref writer, decisions);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(ref MessagePackWriter writer, ServerDuties.Decisions decisions)
    {
        var texts = new FirstUseTable<string>();
        writer.Write(Postponed);
        writer.Write(decisions.Annotations.Count);
        foreach (ServerDuties.Annotation annotation in decisions.Annotations)
        {
            writer.Write(annotation.Key.ToString());
            writer.Write(annotation.Path.Bytes);
            writer.Write(annotation.Named is not null);
            if (annotation.Named is { } named) AcknowledgementCodec.WriteDot(ref writer, named);
            MarkCodec.Write(ref writer, annotation.Content, texts);
        }
        writer.Write(decisions.Refused.Count);
        foreach (ServerDuties.RefusedWork work in decisions.Refused) Write(ref writer, work, texts);
    }

    private static void Write(ref MessagePackWriter writer, ServerDuties.RefusedWork work, FirstUseTable<string> texts)
    {
        AcknowledgementCodec.WriteDot(ref writer, work.First);
        writer.Write(work.Last);
        writer.Write(work.User ?? "");
        writer.Write((int)work.Refusal.Code);
        writer.Write(work.Refusal.Reason);
        writer.Write(work.Work.Count);
        foreach (EscrowedChange change in work.Work)
        {
            writer.Write(change.Dot.Sequence);
            writer.Write(change.Key.ToString());
            writer.Write((int)change.Kind);
            writer.Write(change.Path.Bytes);
            writer.Write(change.Value is not null);
            if (change.Value is { } value) ValueCodec.Write(ref writer, value, texts);
        }
    }

    private void Read(ref CanonicalReader reader)
    {
        var texts = new FirstUseTable<string>();
        reader.ReadInt32(Postponed, "The kind of a note");
        var annotations = new ServerDuties.Annotation[reader.ReadCount("The number of marks")];
        for (int i = 0; i < annotations.Length; i++)
        {
            EntityKey key = ReadKey(ref reader);
            FieldPath path = ReadPath(ref reader);
            Dot? named = reader.ReadBoolean() ? AcknowledgementCodec.ReadDot(ref reader) : null;
            annotations[i] = new ServerDuties.Annotation(key, path, named, MarkCodec.Read(ref reader, texts, named is null ? 0 : 1));
        }
        var works = new ServerDuties.RefusedWork[reader.ReadCount("The number of refused transactions")];
        for (int i = 0; i < works.Length; i++) works[i] = ReadWork(ref reader, texts);
        var decisions = new ServerDuties.Decisions(annotations, works);
        published.Add(decisions);
        Index(decisions);
    }

    private static ServerDuties.RefusedWork ReadWork(ref CanonicalReader reader, FirstUseTable<string> texts)
    {
        Dot first = AcknowledgementCodec.ReadDot(ref reader);
        long last = reader.ReadInt64();
        string user = ReadText(ref reader, "A user");
        var refusal = new Refusal((RefusalCode)reader.ReadInt32(byte.MaxValue, "The code of a refusal"), ReadText(ref reader, "A reason"));
        var changes = new List<EscrowedChange>();
        for (int i = reader.ReadCount("The number of changes"); i > 0; i--)
        {
            Dot dot = first with { Sequence = reader.ReadInt64() };
            EntityKey key = ReadKey(ref reader);
            var kind = (MutationKind)reader.ReadInt32(byte.MaxValue, "The kind of a mutation");
            FieldPath path = ReadPath(ref reader);
            Value? value = reader.ReadBoolean() ? ValueCodec.Read(ref reader, texts, "A value") : null as Value?;
            changes.Add(new EscrowedChange(dot, key, kind, path, value));
        }
        return new ServerDuties.RefusedWork(first, last, user.Length == 0 ? null : user, refusal, changes);
    }

    private static EntityKey ReadKey(ref CanonicalReader reader) => EntityKey.Parse(ReadText(ref reader, "An entity"));

    private static FieldPath ReadPath(ref CanonicalReader reader) =>
        FieldPath.FromTrusted(reader.ReadBytes(FormatLimits.BatchLengthBytesMax, "A path"));

    private static string ReadText(ref CanonicalReader reader, string what) =>
        System.Text.Encoding.UTF8.GetString(reader.ReadUtf8(FormatLimits.ValueLengthBytesMax, what));
}
