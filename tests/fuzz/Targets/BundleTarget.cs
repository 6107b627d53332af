using Crdt.Testing;

namespace Crdt.Fuzz;

/// <summary>A bundle on a stick, of which the replica holds everything: whatever becomes of it, nothing changes.</summary>
internal sealed class BundleTarget : FuzzTarget
{
    private readonly Team team;
    private readonly VersionVector vector;
    private readonly StateDigest digest;
    private int count;

    public BundleTarget()
    {
        team = Team.CreateAsync(new TeamOptions { Devices = 2, Servers = 1, IsKeyed = true }).GetAwaiter().GetResult();
        Seeds = MakeAsync().GetAwaiter().GetResult();
        (vector, digest) = (team[0].Vector, team[0].ComputeDigestAsync(default).AsTask().GetAwaiter().GetResult());
    }

    public override string Name => "bundle";

    public override IReadOnlyList<byte[]> Seeds { get; }

    public override long AllocatedBytesMax(int lengthBytes) => (1L << 20) + (64L * lengthBytes);

    public override bool Run(byte[] input) => RunAsync(input).GetAwaiter().GetResult();

    private async Task<bool> RunAsync(byte[] input)
    {
        bool isTaken = false;
        try
        {
            using var stream = new MemoryStream(input);
            await team[0].ImportBundleAsync(stream);
            isTaken = true;
        }
        catch (BundleException)
        {
            // The one error for it.
        }
        if (!team[0].Vector.Equals(vector)) throw new FuzzException($"The replica holds {team[0].Vector}, and held {vector}.");
        if (++count % 256 == 0 && await team[0].ComputeDigestAsync(default) != digest) throw new FuzzException("The replica's state has changed.");
        return isTaken;
    }

    private async Task<IReadOnlyList<byte[]>> MakeAsync()
    {
        await team[1].CommitAsync(tx => tx.Create(new("incident", "strike", "42")).Set("species", "gull"));
        var bundles = new List<byte[]>();
        using (var first = new MemoryStream())
        {
            await team[1].ExportBundleAsync(first, VersionVector.Empty);
            bundles.Add(first.ToArray());
        }
        await team.MeetAllAsync();
        using (var all = new MemoryStream())
        {
            await team[2].ExportBundleAsync(all, VersionVector.Empty);
            bundles.Add(all.ToArray());
        }
        return [.. bundles, .. Corpus.Found("bundle")];
    }
}
