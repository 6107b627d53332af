using System.Diagnostics;
using System.Globalization;
using System.Net;
using Crdt.Bench.SideBySide;
using Crdt.Bench.Workloads;
using Crdt.Store;
using Crdt.Transport;

namespace Crdt.Bench.Quick;

/// <summary>An attachment from one replica in files to another over TLS on loopback, beside TLS alone for as many bytes; and how
/// long a commit takes to be seen on the other side, with and without an attachment under way.</summary>
internal static class BlobLinkRun
{
    private const int Commits = 300;

    public static async Task RunAsync(int mebibytes)
    {
        string root = Directory.CreateTempSubdirectory("crdt-blob-link-").FullName;
        try
        {
            await MeasureAsync(root, (long)mebibytes << 20).ConfigureAwait(false);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task MeasureAsync(string root, long size)
    {
        using EcdsaNodeKey authority = EcdsaSignatures.CreateKey(), left = EcdsaSignatures.CreateKey(), right = EcdsaSignatures.CreateKey();
        SpaceGenesis genesis = SpaceGenesis.Create(Lab.IdOf(200), "bench", [], TimeProvider.System, authority,
        [
            new Enrolment(Lab.IdOf(1), left.PublicKey, ReplicaRole.Client), new Enrolment(Lab.IdOf(2), right.PublicKey, ReplicaRole.Client),
        ]);
        await using Replica from = await OpenAsync(root, genesis, 1, left).ConfigureAwait(false);
        await using Replica to = await OpenAsync(root, genesis, 2, right).ConfigureAwait(false);
        await using var sender = new PeerNode(new PeerNodeOptions { Key = left });
        await using var receiver = new PeerNode(new PeerNodeOptions { Key = right });
        sender.Add(from);
        receiver.Add(to);
        IPEndPoint address = await receiver.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0)).ConfigureAwait(false);
        await sender.ConnectAsync(address).ConfigureAwait(false);
        for (int round = 0; round < 3; round++)
        {
            Stopwatch watch = Stopwatch.StartNew();
            await OverTlsWork.SendAsync(left, right, size).ConfigureAwait(false);
            double raw = size / watch.Elapsed.TotalSeconds / 1e6;
            double[] idle = await CommitAsync(from, to, $"idle{round}", Task.Delay(Timeout.Infinite)).ConfigureAwait(false);
            Blob blob = await PutAsync(from, size, round).ConfigureAwait(false);
            watch.Restart();
            await from.CommitAsync(tx => tx.Upsert(new EntityKey("incident", "photo", $"{round}")).Set("file", blob)).ConfigureAwait(false);
            Task arriving = ArriveAsync(to, blob);
            await arriving.ConfigureAwait(false);
            double flow = size / watch.Elapsed.TotalSeconds / 1e6;
            Blob other = await PutAsync(from, size, round + 100).ConfigureAwait(false);
            await from.CommitAsync(tx => tx.Upsert(new EntityKey("incident", "photo", $"{round}")).Set("other", other)).ConfigureAwait(false);
            Task flowing = ArriveAsync(to, other);
            double[] busy = await CommitAsync(from, to, $"busy{round}", flowing).ConfigureAwait(false);
            await flowing.ConfigureAwait(false);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"TLS alone {raw:F0} MB/s, an attachment {flow:F0} MB/s ({flow / raw:P0}); a commit is seen there after {Median(idle):F2} ms, {Median(busy):F2} ms while "
                + $"an attachment flows ({Median(busy) / Median(idle):F2} times; 95 %: {At(idle, 0.95):F2} and {At(busy, 0.95):F2} ms; {busy.Length} commits)"));
        }
    }

    private static async Task<Blob> PutAsync(Replica replica, long size, int seed)
    {
        byte[] content = new byte[size];
        new Random(seed).NextBytes(content);
        return await replica.Blobs.PutAsync(new MemoryStream(content), "video/mp4", "film.mp4").ConfigureAwait(false);
    }

    private static async Task ArriveAsync(Replica replica, Blob blob)
    {
        while (replica.Blobs.Find(blob.Root) is not { IsWhole: true, Problem: null, IsWanted: false }) await Task.Delay(1).ConfigureAwait(false);
    }

    private static async Task<double[]> CommitAsync(Replica from, Replica to, string name, Task until)
    {
        var took = new List<double>();
        for (int i = 0; i < Commits && !until.IsCompleted; i++)
        {
            EntityKey key = new("incident", "strike", $"{name}-{i}");
            long begun = Stopwatch.GetTimestamp();
            await from.CommitAsync(tx => tx.Upsert(key).Set("height", 100)).ConfigureAwait(false);
            while (to.Get(key) is null) Thread.SpinWait(200);
            took.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            await Task.Delay(2).ConfigureAwait(false);
        }
        return [.. took.Order()];
    }

    private static double Median(double[] sorted) => At(sorted, 0.5);

    private static double At(double[] sorted, double share) => sorted.Length == 0 ? double.NaN : sorted[(int)((sorted.Length - 1) * share)];

    private static ValueTask<Replica> OpenAsync(string root, SpaceGenesis genesis, int number, EcdsaNodeKey key) => Replica.OpenAsync(
        FileReplicaStore.Create(Path.Combine(root, $"{number}"), new ReplicaIdentity(genesis.Space, Lab.IdOf(number), ReplicaRole.Client)),
        new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, Key = key });
}
