using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using Crdt.Bench.Workloads;
using Crdt.Store;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Security;

namespace Crdt.Bench.SideBySide;

/// <summary>A million mutations from one replica in files to another one over TLS on loopback, all durable at the end; then what the
/// store alone takes for the same runs, and TLS alone for the same bytes.</summary>
internal static class OverTlsWork
{
    private const int Mutations = 1_000_000, PerTransaction = 1_000;

    public static void Run(Rows rows)
    {
        string root = Path.Combine(Path.GetTempPath(), $"crdt-over-tls-{Environment.ProcessId}");
        Directory.CreateDirectory(root);
        try
        {
            Measure(rows, root);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static void Measure(Rows rows, string root)
    {
        using EcdsaNodeKey authority = EcdsaSignatures.CreateKey(), left = EcdsaSignatures.CreateKey(), right = EcdsaSignatures.CreateKey();
        SpaceGenesis genesis = SpaceGenesis.Create(Lab.IdOf(200), "bench", [], TimeProvider.System, authority,
        [
            new Enrolment(Lab.IdOf(1), left.PublicKey, ReplicaRole.Client), new Enrolment(Lab.IdOf(2), right.PublicKey, ReplicaRole.Client),
            new Enrolment(Lab.IdOf(3), right.PublicKey, ReplicaRole.Client),
        ]);
        Replica from = Create(root, genesis, 1, left), to = Create(root, genesis, 2, right), alone = Create(root, genesis, 3, right);
        FieldWrite[] writes = FieldWorkload.Inserts(Mutations / FieldWorkload.FieldNames.Count);
        Lab.Write(from, writes, PerTransaction);
        Lab.Finish(from.CloseRunAsync(CancellationToken.None));
        Lab.Finish(from.FlushAsync());
        Lab.Finish(to.FlushAsync());

        long bytes = 0;
        Figure whole = Time(() => bytes = SyncAsync(from, left, to, right).GetAwaiter().GetResult());
        Field.Check(Lab.Finish(to.GetStatusAsync()).Vector[from.Id] == Lab.Finish(from.GetStatusAsync()).Vector[from.Id]);
        List<BatchRun> runs = [.. Lab.AllRunsOf(from).Where(r => r.Author == from.Id)];
        Figure store = Time(() => Lab.Apply(alone, runs));
        Figure transport = Time(() => SendAsync(left, right, bytes).GetAwaiter().GetResult());
        foreach (Replica replica in new[] { from, to, alone }) Lab.Finish(replica.DisposeAsync());
        rows.Add("disk.syncOverTls", new()
        {
            ["mutations"] = Mutations,
            ["runs"] = 1,
            ["clock"] = "wall",
            ["bytes"] = bytes,
            ["ms"] = whole.WallMs,
            ["processorMs"] = whole.ProcessorMs,
            ["us"] = Rows.Round(whole.WallMs * 1_000 / Mutations),
            ["storeMs"] = store.WallMs,
            ["storeProcessorMs"] = store.ProcessorMs,
            ["transportMs"] = transport.WallMs,
            ["transportProcessorMs"] = transport.ProcessorMs,
            ["storeShare"] = Rows.Round(store.ProcessorMs / whole.ProcessorMs),
            ["transportShare"] = Rows.Round(transport.ProcessorMs / whole.ProcessorMs),
            ["note"] = "the store applies the same runs without a connection; TLS carries as many bytes for nobody",
        });
    }

    private static async Task<long> SyncAsync(Replica from, EcdsaNodeKey left, Replica to, EcdsaNodeKey right)
    {
        await using var sender = new PeerNode(new PeerNodeOptions { Key = left });
        await using var receiver = new PeerNode(new PeerNodeOptions { Key = right });
        sender.Add(from);
        receiver.Add(to);
        IPEndPoint address = await receiver.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0)).ConfigureAwait(false);
        PeerConnection connection = await sender.ConnectAsync(address).ConfigureAwait(false);
        await connection.WaitForSyncAsync().ConfigureAwait(false);
        return connection.BytesSent + connection.BytesReceived;
    }

    /// <summary>As many bytes over TLS alone.</summary>
    internal static async Task SendAsync(EcdsaNodeKey left, EcdsaNodeKey right, long bytes)
    {
        using TlsTransport dialling = new(left), listening = new(right);
        await using IPeerListener listener = await listening.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0), default).ConfigureAwait(false);
        Task<IPeerStream?> accepting = listener.AcceptAsync(default).AsTask();
        await using IPeerStream sender = await dialling.ConnectAsync(listener.LocalEndPoint, default).ConfigureAwait(false);
        await using IPeerStream receiver = (await accepting.ConfigureAwait(false))!;
        await Task.WhenAll(sender.OpenAsync(default).AsTask(), receiver.OpenAsync(default).AsTask()).ConfigureAwait(false);
        Task sending = Task.Run(async () =>
        {
            byte[] piece = new byte[64 << 10];
            for (long rest = bytes; rest > 0; rest -= piece.Length)
                await sender.Output.WriteAsync(piece.AsMemory(0, (int)Math.Min(rest, piece.Length))).ConfigureAwait(false);
        });
        for (long rest = bytes; rest > 0;)
        {
            ReadResult read = await receiver.Input.ReadAsync().ConfigureAwait(false);
            rest -= read.Buffer.Length;
            receiver.Input.AdvanceTo(read.Buffer.End);
        }
        await sending.ConfigureAwait(false);
    }

    private static Figure Time(Action work)
    {
        (long start, TimeSpan before) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        work();
        return new Figure(
            Rows.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds), Rows.Round((Environment.CpuUsage.TotalTime - before).TotalMilliseconds));
    }

    private static Replica Create(string root, SpaceGenesis genesis, int number, EcdsaNodeKey key) => Lab.Finish(Replica.OpenAsync(
        FileReplicaStore.Create(Path.Combine(root, $"{number}"), new ReplicaIdentity(genesis.Space, Lab.IdOf(number), ReplicaRole.Client)),
        new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, Key = key }));

    private readonly record struct Figure(double WallMs, double ProcessorMs);
}
