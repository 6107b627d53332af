namespace Crdt.Store;

/// <summary>What a check of a replica's files found.</summary>
public sealed record StoreReport
{
    /// <summary>The replica's directory.</summary>
    public required string Directory { get; init; }

    /// <summary>Whether the files are encrypted.</summary>
    public required bool IsEncrypted { get; init; }

    /// <summary>Number of the log's segments, and their bytes.</summary>
    public required int Segments { get; init; }

    /// <summary>Bytes of the log.</summary>
    public required long LogLengthBytes { get; init; }

    /// <summary>Intact entries of the log.</summary>
    public required long Entries { get; init; }

    /// <summary>Mutations in them.</summary>
    public required long Mutations { get; init; }

    /// <summary>The digest of the state that the log leads to, computed anew from it; null where it could not be.</summary>
    public StateDigest? Digest { get; init; }

    /// <summary>Number of entities, deleted ones too, that were compared with the projection.</summary>
    public long EntitiesCompared { get; init; }

    /// <summary>Number of attachments that are there, whole or in part.</summary>
    public int Blobs { get; init; }

    /// <summary>What of them is there, in bytes.</summary>
    public long BlobLengthBytes { get; init; }

    /// <summary>What was found, in the order of the checks.</summary>
    public required IReadOnlyList<StoreFinding> Findings { get; init; }

    /// <summary>What was repaired before, as sentences.</summary>
    public IReadOnlyList<string> Repairs { get; init; } = [];

    /// <summary>Whether nothing is wrong with what was checked.</summary>
    public bool IsSound => Findings.All(f => f.IsHarmless);

    /// <summary>Whether everything was checked: not so while another process has the replica open.</summary>
    public bool IsComplete => !Findings.Any(f => f.Kind == StoreFindingKind.InUse);
}
