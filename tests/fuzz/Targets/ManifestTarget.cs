namespace Crdt.Fuzz;

/// <summary>What a snapshot says of itself.</summary>
internal sealed class ManifestTarget : FuzzTarget
{
    public override string Name => "manifest";

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. Corpus.Vectors("snapshots.json", "manifest"), .. Corpus.Found("manifest")];

    public override bool Run(byte[] input)
    {
        try
        {
            SnapshotManifest.Decode(input);
            return true;
        }
        catch (BatchFormatException)
        {
            return false;
        }
    }
}
