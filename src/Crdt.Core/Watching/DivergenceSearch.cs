namespace Crdt;

/// <summary>One side of the search for the entities in which two replicas differ. Both sides begin with the range of
/// all keys and tell each other what they hold of the same ranges, step by step; where the sums differ, they go into
/// the
/// parts. Both know the same, so both come to the same next step and the same end, and nobody has to ask.</summary>
/// <remarks>Work and messages grow with the number of entities that differ, up to a bound, and with the logarithm of
/// all; a step takes at most <see cref="RangesPerStepMax"/> ranges.</remarks>
internal sealed class DivergenceSearch
{
    /// <summary>Ranges in one message: with sixteen entities of the longest names each it still fits into a
    /// frame.</summary>
    public const int RangesPerStepMax = 64;

    private readonly DigestIndex index;
    private readonly Stack<Suspect> suspects = new();
    private readonly SortedSet<EntityKey> found = [];
    private readonly Queue<RangesMessage> outgoing = new();
    private Suspect[] current = [new(new KeyRange(0, 0), false, null)];
    private int step;

    /// <param name="moment">Names the heads at which both look.</param>
    /// <param name="index">What is held here.</param>
    public DivergenceSearch(ReadOnlyMemory<byte> moment, DigestIndex index)
    {
        (Moment, this.index) = (moment, index);
        Tell();
    }

    /// <summary>A range that may differ.</summary>
    /// <param name="Range">Which.</param>
    /// <param name="IsByEntity">Whether its entities are told.</param>
    /// <param name="Theirs">What the peer said its sum is; unknown of the whole.</param>
    private readonly record struct Suspect(KeyRange Range, bool IsByEntity, RangeSum? Theirs);

    public ReadOnlyMemory<byte> Moment { get; }

    public bool IsDone { get; private set; }

    /// <summary>The entities that differ, in order, as many as are named.</summary>
    public IReadOnlyList<EntityKey> Found => [.. found.Take(Divergence.KeysMax)];

    public bool IsCutOff { get; private set; }

    public bool HasOutgoing => outgoing.Count > 0;

    /// <summary>The next message that is to be sent.</summary>
    public RangesMessage? TakeOutgoing() => outgoing.TryDequeue(out RangesMessage? message) ? message : null;

    /// <summary>Compares what the peer holds of the current ranges with what is held here, and goes on.</summary>
    /// <exception cref="SyncException">It does not answer what was told, or contradicts itself.</exception>
    public void Take(RangesMessage message)
    {
        // The peer may be a step ahead of what was sent, no more: so what waits to be sent stays bounded.
        bool isAhead = outgoing.TryPeek(out RangesMessage? unsent) && unsent.Step < message.Step;
        if (IsDone || isAhead || message.Step != step || message.Ranges.Count != current.Length)
            throw Unexpected("a step of it is out of turn");
        var differing = new List<Suspect>();
        for (int i = 0; i < current.Length; i++) Compare(current[i], message.Ranges[i], differing);
        // From the front, depth first: what is still to be looked at stays few.
        for (int i = differing.Count - 1; i >= 0; i--) suspects.Push(differing[i]);
        Continue();
    }

    private void Continue()
    {
        bool isFull = found.Count >= Divergence.KeysMax;
        int count = isFull ? 0 : Math.Min(suspects.Count, RangesPerStepMax);
        IsCutOff |= found.Count > Divergence.KeysMax || (isFull && suspects.Count > 0);
        IsDone = count == 0;
        current = new Suspect[count];
        for (int i = 0; i < count; i++) current[i] = suspects.Pop();
        step++;
        if (!IsDone) Tell();
    }

    private void Tell() => outgoing.Enqueue(new RangesMessage(
        Moment, step, [.. current.Select(s => index.Summarize(s.Range, s.IsByEntity))]));

    private void Compare(in Suspect suspect, RangeSummary theirs, List<Suspect> differing)
    {
        if (theirs.Range != suspect.Range || (theirs.Entities is not null) != suspect.IsByEntity)
            throw Unexpected("it answers another range");
        RangeSummary own = index.Summarize(suspect.Range, suspect.IsByEntity);
        if (suspect.IsByEntity)
        {
            CheckEntities(suspect, theirs.Entities!);
            long ownCount = index.Sum(suspect.Range).Count, theirCount = suspect.Theirs!.Value.Count;
            CompareEntities(own.Entities!, theirs.Entities!, ownCount, theirCount);
            return;
        }
        var sum = new RangeSum(0, 0);
        for (int i = 0; i < KeyRange.FanOut; i++)
        {
            (RangeSum here, RangeSum there) = (own.Parts![i], theirs.Parts![i]);
            sum = new RangeSum(sum.Digest + there.Digest, checked(sum.Count + there.Count));
            if (here == there) continue;
            KeyRange part = suspect.Range.Part(i);
            bool isByEntity = part.Depth == KeyRange.DepthMax
                || Math.Max(here.Count, there.Count) <= RangeSummary.EntitiesMax;
            differing.Add(new Suspect(part, isByEntity, there));
        }
        if (suspect.Theirs is { } told && told != sum) throw Unexpected("the parts do not add up to the whole");
    }

    private static void CheckEntities(in Suspect suspect, EntityDigest[] entities)
    {
        RangeSum told = suspect.Theirs!.Value;
        if (entities.Length != Math.Min(told.Count, RangeSummary.EntitiesMax))
            throw Unexpected($"it told of {told.Count} entities and named {entities.Length}");
        (ulong Hash, EntityKey Key)? before = null;
        UInt128 sum = 0;
        foreach ((EntityKey key, UInt128 digest) in entities)
        {
            ulong hash = KeyRange.HashOf(key);
            if (!suspect.Range.Contains(hash)) throw Unexpected($"{key} does not lie in its range");
            if (before is { } last && (last.Hash, last.Key).CompareTo((hash, key)) >= 0)
                throw Unexpected("entities are not in order");
            before = (hash, key);
            sum += digest;
        }
        if (told.Count == entities.Length && sum != told.Digest)
            throw Unexpected("the entities do not add up to the whole");
    }

    /// <summary>Where a list was cut off, what the other names behind its end may be held there as well.</summary>
    private void CompareEntities(EntityDigest[] own, EntityDigest[] theirs, long ownCount, long theirCount)
    {
        Dictionary<EntityKey, UInt128> held = own.ToDictionary(e => e.Key, e => e.Digest);
        foreach (EntityDigest entity in theirs)
        {
            bool differs = held.Remove(entity.Key, out UInt128 digest)
                ? digest != entity.Digest : IsWithin(entity.Key, own, ownCount);
            if (differs) found.Add(entity.Key);
        }
        foreach (EntityKey key in held.Keys)
        {
            if (IsWithin(key, theirs, theirCount)) found.Add(key);
        }
        IsCutOff |= ownCount > own.Length || theirCount > theirs.Length;
    }

    private static bool IsWithin(EntityKey key, EntityDigest[] listed, long count) => listed.Length == count
        || (KeyRange.HashOf(key), key).CompareTo((KeyRange.HashOf(listed[^1].Key), listed[^1].Key)) < 0;

    private static SyncException Unexpected(string what) =>
        new(SyncError.UnexpectedMessage, $"The peer's part in the search for a divergence is wrong: {what}.");
}
