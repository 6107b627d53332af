namespace FieldDay;

/// <summary>What the organiser asks of a node; one line of JSON.</summary>
internal sealed record Request(string Do, string? Peer = null, string? Owner = null, int Share = 0, int Shares = 1, int Reports = 0);

/// <summary>What a node answers; one line of JSON. Any number with <see cref="IsProgress"/> come first.</summary>
internal sealed record Reply
{
    public bool IsProgress { get; init; }

    public string? Error { get; init; }

    public string? ReplicaId { get; init; }

    public string? Invitation { get; init; }

    public long Done { get; init; }

    public long Total { get; init; }

    /// <summary>Attachments that were found to be what they should be, byte by byte.</summary>
    public int Verified { get; init; }

    public long BytesSent { get; init; }

    public long BytesReceived { get; init; }

    public NodeStatus? Status { get; init; }

    public IReadOnlyList<ContestedReport>? Contested { get; init; }
}

internal sealed record NodeStatus(
    long Entities, long Mutations, long Pending, long Synced, long Conflict, long Failed,
    IReadOnlyDictionary<string, long> Vector, string Digest, long Written, long Unaccounted);

/// <summary>A shared report at the end: what each replica wrote to it, and what is read.</summary>
internal sealed record ContestedReport(int Row, string Policy, IReadOnlyDictionary<string, string> Wrote, string Result);
