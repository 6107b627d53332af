namespace Crdt;

/// <summary>Which chunks of a blob somebody has: runs of them, in order. Immutable.</summary>
internal sealed class ChunkRuns
{
    /// <summary>As many runs are told; what lies behind is told when that has changed.</summary>
    public const int Max = 256;

    private readonly (int From, int To)[] runs;

    public ChunkRuns(IEnumerable<(int From, int To)> runs) => this.runs = [.. runs];

    public IReadOnlyList<(int From, int To)> Runs => runs;

    /// <summary>How many chunks these are.</summary>
    public int Count => runs.Sum(run => run.To - run.From);

    /// <summary>What a store holds.</summary>
    public static ChunkRuns Of(IBlobStore store, BlobHash root, int chunks)
    {
        var found = new List<(int, int)>();
        int at = store.FindNext(root, 0, isThere: true);
        while (at < chunks && found.Count < Max)
        {
            int end = Math.Min(store.FindNext(root, at, isThere: false), chunks);
            found.Add((at, end));
            if (end >= chunks) break;
            at = store.FindNext(root, end, isThere: true);
        }
        return new ChunkRuns(found);
    }

    /// <summary>These, but for one chunk.</summary>
    public ChunkRuns Without(int chunk) => new(runs.SelectMany(run => chunk < run.From || chunk >= run.To
        ? [run] : new (int From, int To)[] { (run.From, chunk), (chunk + 1, run.To) }.Where(r => r.From < r.To)));

    /// <summary>The first of them from one on; -1 if there is none.</summary>
    public int Next(int from)
    {
        foreach ((int start, int end) in runs)
        {
            if (from < end) return Math.Max(from, start);
        }
        return -1;
    }
}
