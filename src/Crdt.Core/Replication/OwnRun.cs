namespace Crdt;

/// <summary>The replica's own batches since the last head of its chain: what nobody else may see before a head
/// vouches for it. Owned by the single writer.</summary>
internal sealed class OwnRun
{
    private List<byte[]> batches = [];
    private int lengthBytes, plainLengthBytes;

    public bool IsEmpty => batches.Count == 0;

    /// <summary>Whether a further batch would make it longer than a run may be.</summary>
    public bool IsFullFor(ReadOnlySpan<byte> batch) => batches.Count == FormatLimits.RunBatchesMax
        || lengthBytes + batch.Length > FormatLimits.RunLengthBytesMax
        || plainLengthBytes + BatchReader.PlainLengthOf(batch) > FormatLimits.RunPlainLengthBytesMax;

    public void Add(byte[] batch)
    {
        batches.Add(batch);
        lengthBytes += batch.Length;
        plainLengthBytes += BatchReader.PlainLengthOf(batch);
    }

    /// <summary>Ends the run.</summary>
    /// <param name="head">The chain's hash before it.</param>
    /// <returns>The chain's hash behind it.</returns>
    public byte[] Close(byte[] head)
    {
        foreach (byte[] batch in batches) head = AuthorTable.ChainNext(head, batch);
        // A new list, not a cleared one: a mark may still stand for the old one.
        (batches, lengthBytes, plainLengthBytes) = ([], 0, 0);
        return head;
    }

    /// <summary>Where the run stands, to come back to when a group is given up.</summary>
    public readonly record struct Mark(List<byte[]> Batches, int Count, int LengthBytes, int PlainLengthBytes);

    public Mark Position => new(batches, batches.Count, lengthBytes, plainLengthBytes);

    public void Revert(Mark mark)
    {
        (batches, lengthBytes, plainLengthBytes) = (mark.Batches, mark.LengthBytes, mark.PlainLengthBytes);
        if (batches.Count > mark.Count) batches.RemoveRange(mark.Count, batches.Count - mark.Count);
    }
}
