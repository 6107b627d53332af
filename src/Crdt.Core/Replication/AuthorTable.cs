using System.Security.Cryptography;

namespace Crdt;

/// <summary>How far each author's log was applied, and the head of its hash chain. Owned by the single writer; what
/// others read is published after each commit.</summary>
internal sealed class AuthorTable
{
    public const int HashLengthBytes = 32;

    [ThreadStatic]
    private static IncrementalHash? Hasher;

    private readonly Lock gate = new();
    private readonly List<AuthorState> states = [];
    private readonly List<(int Author, AuthorState Before)> undo = [];
    private AuthorState[] published = [];
    private VersionVector? vector;

    // Of the published authors the indices in order of their ids: that changes only with a further author.
    private int[] inOrder = [];

    public AuthorTable(ReplicaId self) => IndexOf(self);

    public ReplicaTable Ids { get; } = new();

    /// <summary>One author's progress.</summary>
    /// <param name="Applied">Highest sequence applied.</param>
    /// <param name="HeadSequence">Sequence of the last closed run's end.</param>
    /// <param name="Head">The chain's hash there; before any, the hash of the replica id.</param>
    public readonly record struct AuthorState(long Applied, long HeadSequence, byte[] Head)
    {
        /// <summary>The author's signature over the head; empty in an open space.</summary>
        public ReadOnlyMemory<byte> Signature { get; init; }

        /// <summary>The last head.</summary>
        public ChainHead ToHead(ReplicaId author) => new(author, HeadSequence, Head) { Signature = Signature };
    }

    public AuthorState this[int author] => Known(author);

    /// <summary>Whether anything at all was applied: the space's founding comes first.</summary>
    public bool HasApplied => states.Exists(static s => s.Applied > 0);

    /// <summary>The published vector.</summary>
    public VersionVector Vector
    {
        get
        {
            lock (gate)
                return vector ??= VersionVector.From(InOrder().Select(i => new Dot(Ids[i], published[i].Applied)));
        }
    }

    /// <summary>H(0): where the chain of a replica begins (protocol, "Log").</summary>
    public static byte[] ChainStart(ReplicaId replica)
    {
        Span<byte> id = stackalloc byte[ReplicaId.LengthBytes];
        replica.WriteBytes(id);
        return SHA256.HashData(id);
    }

    /// <summary>H(n) from H(n-1) and batch n.</summary>
    public static byte[] ChainNext(ReadOnlySpan<byte> head, ReadOnlySpan<byte> batch)
    {
        // One that is kept costs a third less than one made for each hash.
        IncrementalHash hash = Hasher ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> content = stackalloc byte[HashLengthBytes];
        hash.AppendData(batch);
        hash.GetHashAndReset(content);
        hash.AppendData(head);
        hash.AppendData(content);
        return hash.GetHashAndReset();
    }

    /// <summary>What stands behind the hash of a head as stored; kept as a copy, or its whole message stayed in memory.</summary>
    public static ReadOnlyMemory<byte> SignatureOf(ReadOnlyMemory<byte> head) =>
        head.Length > HashLengthBytes ? head[HashLengthBytes..].ToArray() : default;

    /// <summary>Highest sequence applied of a replica, which need not be known.</summary>
    public long AppliedOf(ReplicaId replica) => Ids.TryGetIndex(replica, out int index) ? Known(index).Applied : 0;

    /// <summary>The chain's hash at a replica's last head; the replica need not be known.</summary>
    public byte[] HeadOf(ReplicaId replica) =>
        Ids.TryGetIndex(replica, out int index) ? Known(index).Head : ChainStart(replica);

    /// <summary>The author's index, made when it is new.</summary>
    public int IndexOf(ReplicaId replica)
    {
        int index = Ids.GetOrAdd(replica);
        Known(index);
        return index;
    }

    public void Advance(int author, AuthorState to)
    {
        undo.Add((author, Known(author)));
        states[author] = to;
    }

    // Whoever is only spoken of, by what a mark puts back say, has an index before anything of theirs has come.
    private AuthorState Known(int author)
    {
        while (states.Count <= author) states.Add(new AuthorState(0, 0, ChainStart(Ids[states.Count])));
        return states[author];
    }

    /// <summary>A place to come back to with <see cref="Revert"/>.</summary>
    public int Mark => undo.Count;

    public void Revert(int mark)
    {
        for (int i = undo.Count - 1; i >= mark; i--) states[undo[i].Author] = undo[i].Before;
        undo.RemoveRange(mark, undo.Count - mark);
    }

    /// <summary>Makes the present state the one that others read.</summary>
    public void Publish()
    {
        lock (gate)
        {
            if (published.Length < states.Count)
                Array.Resize(ref published, Math.Max(states.Count, published.Length * 2));
            foreach ((int author, AuthorState _) in undo) published[author] = states[author];
            vector = null;
        }
        undo.Clear();
    }

    public long PublishedSequence(ReplicaId replica)
    {
        if (!Ids.TryGetIndex(replica, out int index)) return 0;
        lock (gate) return index < published.Length ? published[index].Applied : 0;
    }

    /// <summary>The published heads of all authors with a closed run, in order of their ids.</summary>
    public ChainHead[] Heads()
    {
        lock (gate)
        {
            return [.. InOrder().Where(i => published[i].HeadSequence > 0)
                .Select(i => published[i].ToHead(Ids[i]))];
        }
    }

    /// <summary>The published authors in order of their ids; within the gate.</summary>
    private int[] InOrder()
    {
        int count = Math.Min(published.Length, Ids.Count);
        if (inOrder.Length == count) return inOrder;
        inOrder = [.. Enumerable.Range(0, count)];
        Array.Sort(inOrder, (a, b) => Ids[a].CompareTo(Ids[b]));
        return inOrder;
    }
}
