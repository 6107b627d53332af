namespace Crdt.Cli.Import;

/// <summary>What an import did.</summary>
internal sealed class ImportSummary
{
    /// <summary>Rows of the share that was asked for.</summary>
    public long Rows { get; set; }

    public long Created { get; set; }

    public long Updated { get; set; }

    public long Unchanged { get; set; }

    /// <summary>Rows whose entity somebody deleted: left as it is.</summary>
    public long Deleted { get; set; }

    public long Mutations { get; set; }

    public long Rejected { get; private set; }

    /// <summary>The first of the rejected rows.</summary>
    public List<(long Line, string Reason)> Rejections { get; } = [];

    /// <summary>Told of every rejected row.</summary>
    public Action<long, string>? OnRejected { get; set; }

    public void Reject(long line, string reason)
    {
        const int KeptMax = 1_000;
        Rejected++;
        if (Rejections.Count < KeptMax) Rejections.Add((line, reason));
        OnRejected?.Invoke(line, reason);
    }
}
