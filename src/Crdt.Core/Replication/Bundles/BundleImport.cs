namespace Crdt;

/// <summary>What taking a bundle came to.</summary>
/// <param name="Bundle">What it says of itself.</param>
/// <param name="Mutations">How many mutations were news; the others were held already.</param>
public sealed record BundleImport(Bundle Bundle, long Mutations)
{
    /// <summary>How many attachments are whole by it that were not before.</summary>
    public int Blobs { get; init; }
}
