using System.Buffers.Binary;
using System.IO.Hashing;

namespace Crdt;

/// <summary>What a replica gave up of an author's log because another one counts: everything behind the place up to which
/// both are the same.</summary>
/// <param name="Author">Whose log.</param>
/// <param name="Common">The last sequence that both have in common.</param>
/// <param name="Entries">Of each entry that was given up what tells it from others (<see cref="IdOf"/>).</param>
internal sealed record Parting(ReplicaId Author, long Common, IReadOnlySet<ulong> Entries)
{
    /// <summary>Whether an entry of the log was given up.</summary>
    public bool Includes(in LogEntry entry) => entry.LastSequence > Common && Entries.Contains(IdOf(entry));

    /// <summary>Eight bytes that tell a batch or a head in the log from others of its author.</summary>
    public static ulong IdOf(in LogEntry entry) => XxHash64.HashToUInt64(entry.Payload.Span, entry.LastSequence);

    /// <summary>The note in the log.</summary>
    public LogEntry ToEntry()
    {
        byte[] payload = new byte[Entries.Count * sizeof(ulong)];
        int at = 0;
        foreach (ulong id in Entries.Order()) BinaryPrimitives.WriteUInt64BigEndian(payload.AsSpan(sizeof(ulong) * at++), id);
        return new LogEntry(LogEntryKind.Parting, Author, Common, Common, payload);
    }

    /// <summary>Reads the note.</summary>
    public static Parting Of(in LogEntry entry)
    {
        var entries = new HashSet<ulong>();
        for (ReadOnlySpan<byte> rest = entry.Payload.Span; rest.Length >= sizeof(ulong); rest = rest[sizeof(ulong)..])
            entries.Add(BinaryPrimitives.ReadUInt64BigEndian(rest));
        return new Parting(entry.Author, entry.FirstSequence, entries);
    }

    /// <summary>Both, of one author: it may part again, further back.</summary>
    public Parting With(Parting other) => new(Author, Math.Min(Common, other.Common), Entries.Union(other.Entries).ToHashSet());
}
