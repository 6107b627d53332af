using System.IO.Pipelines;
using System.Net;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Security;
using Xunit.Abstractions;

namespace Crdt.Integration.Transport;

/// <summary>What it costs that two devices meet again which have nothing to say to each other.</summary>
public sealed class ReconnectionTests(ITestOutputHelper output)
{
    // Of all frames both ways, headers included; without what TLS and TCP add.
    private const int BytesMax = 300;

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2_000, 300)]
    public async Task Over_tls_it_costs_one_round_trip_and_few_bytes_whatever_is_held_by_however_many(int mutations, int members)
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        Camp.Device tablet = await camp.EnrolAsync(office);
        for (int i = 0; i < members; i++)
        {
            using EcdsaNodeKey key = EcdsaSignatures.CreateKey();
            await office.Replica.EnrolAsync(camp.Certify(key));
        }
        await Camp.VisitAsync(tablet, office);
        for (int i = 0; i < mutations; i++)
            await Mesh.CommitAsync(i % 2 == 0 ? office.Replica : tablet.Replica, $"{i}");
        PeerConnection settling = await Camp.MeetAsync(tablet, office);
        await office.Node.Connections.Single().WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        await settling.CloseAsync();
        await Mesh.UntilAsync(() => office.Node.Connections.Count == 0, "both have parted");

        using var tls = new TlsTransport(tablet.Key);
        var counted = new CountingTransport(tls);
        await using var node = new PeerNode(new PeerNodeOptions { Transport = counted });
        node.Add(tablet.Replica);
        PeerConnection again = await node.ConnectAsync(office.Address);
        await again.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        PeerConnection there = office.Node.Connections.Single();
        await there.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        long bytes = again.BytesSent + again.BytesReceived;
        output.WriteLine($"{mutations} mutations, {members + 3} members: {again.BytesSent} bytes there, {again.BytesReceived} back, "
            + $"{counted.Writes} flight from the dialler.");
        // Its one flight, and the answer: with that it knows.
        Assert.Equal(1, counted.Writes);
        Assert.InRange(bytes, 1, BytesMax);
        SyncProgress progress = again.GetProgress(camp.Genesis.Space)!;
        Assert.Equal((0L, 0L), (progress.MutationsSent, progress.MutationsReceived));
    }

    [Fact]
    public async Task A_space_more_on_the_connection_costs_less_than_a_hundred_bytes_each_way()
    {
        using EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        (long Sent, long Received)[] costs = [await MeasureAsync(key, 1), await MeasureAsync(key, 2), await MeasureAsync(key, 3)];
        output.WriteLine(string.Join(", ", costs));
        for (int i = 1; i < costs.Length; i++)
        {
            Assert.InRange(costs[i].Sent - costs[i - 1].Sent, 1, 100);
            Assert.InRange(costs[i].Received - costs[i - 1].Received, 1, 100);
        }
    }

    private static async Task<(long Sent, long Received)> MeasureAsync(EcdsaNodeKey key, int spaces)
    {
        using var tls = new TlsTransport(key);
        await using Mesh mesh = new(tls, key: key);
        var (here, there) = (new List<Replica>(), new List<Replica>());
        for (int i = 0; i < spaces; i++)
        {
            SpaceGenesis genesis = mesh.Space($"{i}");
            here.Add(await mesh.ReplicaAsync(genesis));
            there.Add(await mesh.ReplicaAsync(genesis, ReplicaRole.Server));
            for (int n = 0; n < 20; n++)
                await Mesh.CommitAsync(n % 2 == 0 ? here[i] : there[i], $"{n}");
        }
        (PeerNode left, PeerNode right) = (mesh.Node(null, [.. here]), mesh.Node(null, [.. there]));
        IPEndPoint address = await right.ListenAsync(Mesh.AnyPort);
        PeerConnection? connection = null;
        for (int i = 0; i < 3; i++)
        {
            connection = await left.ConnectAsync(address);
            await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
            await right.Connections.Single().WaitForSyncAsync().WaitAsync(Mesh.Deadline);
            if (i < 2)
            {
                await connection.CloseAsync();
                await Mesh.UntilAsync(() => right.Connections.Count == 0, "both have parted");
            }
        }
        return (connection!.BytesSent, connection.BytesReceived);
    }

    /// <summary>Counts what goes out at once.</summary>
    private sealed class CountingTransport(IPeerTransport inner) : IPeerTransport
    {
        private int writes;

        public int Writes => Volatile.Read(ref writes);

        public async ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
            new Stream(this, await inner.ConnectAsync(endPoint, cancellationToken));

        public ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
            inner.ListenAsync(endPoint, cancellationToken);

        private sealed class Stream(CountingTransport counts, IPeerStream inner) : IPeerStream
        {
            private Writer? output;

            public PipeReader Input => inner.Input;

            public PipeWriter Output => output ??= new Writer(counts, inner.Output);

            public EndPoint RemoteEndPoint => inner.RemoteEndPoint;

            public ReadOnlyMemory<byte> PeerKey => inner.PeerKey;

            public StreamPurpose Purpose => inner.Purpose;

            public ValueTask OpenAsync(CancellationToken cancellationToken) => inner.OpenAsync(cancellationToken);

            public void Abort() => inner.Abort();

            public ValueTask DisposeAsync() => inner.DisposeAsync();
        }

        private sealed class Writer(CountingTransport counts, PipeWriter inner) : PipeWriter
        {
            public override ValueTask<FlushResult> WriteAsync(
                ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
            {
                Interlocked.Increment(ref counts.writes);
                return inner.WriteAsync(source, cancellationToken);
            }

            public override void Advance(int bytes) => inner.Advance(bytes);

            public override void CancelPendingFlush() => inner.CancelPendingFlush();

            public override void Complete(Exception? exception = null) => inner.Complete(exception);

            public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
                inner.FlushAsync(cancellationToken);

            public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

            public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);
        }
    }
}
