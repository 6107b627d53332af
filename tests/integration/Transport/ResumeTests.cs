using System.Net;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Xunit.Abstractions;

namespace Crdt.Integration.Transport;

/// <summary>Connections that break at any moment, and what comes back after them.</summary>
public sealed class ResumeTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Cut_after_any_byte_the_next_connection_completes_what_is_missing()
    {
        var faulty = new FaultyTransport(new MemoryTransport());
        long cut = 0;
        int cuts = 0;
        for (bool isWhole = false; !isWhole; cut += cut < 700 ? 7 : 97)
        {
            await using Mesh mesh = new(faulty);
            (PeerNode left, Replica a) = await mesh.NodeAsync();
            (PeerNode right, Replica b) = await mesh.NodeAsync();
            for (int i = 0; i < 12; i++)
            {
                await Mesh.CommitAsync(a, $"a{i}", $"{i}-{new string((char)('a' + i), 40)}");
                await Mesh.CommitAsync(b, $"b{i}", $"{i}-{new string((char)('A' + i), 40)}");
            }
            EndPoint address = await right.ListenAsync((EndPoint)Mesh.AnyPort, default);

            faulty.CutAfterBytes = cut;
            isWhole = await TrySyncAsync(left, address);
            cuts += isWhole ? 0 : 1;
            faulty.CutAfterBytes = null;
            Assert.True(await TrySyncAsync(left, address), $"after a cut at byte {cut}");
            await Mesh.AssertConvergedAsync(a, b);
            Assert.StartsWith("11-", Mesh.Read(b, "a11"), StringComparison.Ordinal);
            Assert.StartsWith("11-", Mesh.Read(a, "b11"), StringComparison.Ordinal);
        }
        output.WriteLine($"{cuts} cuts, up to byte {cut}");
        Assert.True(cuts > 50);
    }

    [Fact]
    public async Task A_large_transfer_that_breaks_again_and_again_goes_on_where_it_was()
    {
        var faulty = new FaultyTransport(new TcpTransport());
        await using Mesh mesh = new(faulty);
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        var random = new Random(5);
        for (int i = 0; i < 400; i++)
        {
            var noise = new byte[15_000];
            random.NextBytes(noise);
            await Mesh.CommitAsync(a, $"{i}", Convert.ToBase64String(noise));
        }
        EndPoint address = await right.ListenAsync((EndPoint)Mesh.AnyPort, default);
        faulty.CutAfterBytes = 2_500_000;
        int attempts = 1;
        long sent = 0;
        while (!await TrySyncAsync(left, address, connection => sent += connection.BytesSent))
        {
            attempts++;
            Assert.True(attempts < 20, "It does not get ahead.");
        }
        output.WriteLine($"{attempts} attempts, {sent} bytes");
        Assert.True(attempts > 2);
        await Mesh.AssertConvergedAsync(a, b);
    }

    [Fact]
    public async Task A_kept_connection_comes_back_after_each_cut_and_shows_how_it_goes()
    {
        var faulty = new FaultyTransport(new TcpTransport());
        await using Mesh mesh = new(faulty);
        var quick = new PeerNodeOptions
        {
            ReconnectDelayMin = TimeSpan.FromMilliseconds(5),
            ReconnectDelayMax = TimeSpan.FromMilliseconds(40),
        };
        (PeerNode left, Replica a) = await mesh.NodeAsync(quick);
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        EndPoint address = await right.ListenAsync((EndPoint)Mesh.AnyPort, default);
        PeerLink link = left.KeepConnected(address);
        for (int i = 0; i < 5; i++)
        {
            await Mesh.CommitAsync(a, $"a{i}");
            await Mesh.CommitAsync(b, $"b{i}");
            await Mesh.UntilAsync(
                () => Mesh.Read(b, $"a{i}") == "x" && Mesh.Read(a, $"b{i}") == "x", "both changes arrive");
            Assert.Equal(PeerLinkState.Connected, link.State);
            Assert.Equal(i > 0, link.LastError is not null);
            faulty.CutAll();
            await Mesh.CommitAsync(a, $"a{i}'");
        }
        await Mesh.UntilAsync(() => link.Connection is { IsInSync: true }, "in sync at last");
        await Mesh.AssertConvergedAsync(a, b);
        await link.DisposeAsync();
        Assert.Equal(PeerLinkState.Stopped, link.State);
        Assert.Empty(left.Connections);
    }

    [Fact]
    public async Task A_kept_connection_waits_longer_and_longer_and_dials_at_once_when_told_to()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var memory = new MemoryTransport();
        await using Mesh mesh = new(memory, time);
        (PeerNode left, _) = await mesh.NodeAsync(new PeerNodeOptions { Random = new Random(3) });
        (PeerNode right, _) = await mesh.NodeAsync();
        var address = new IPEndPoint(IPAddress.Loopback, 50_123);
        await using PeerLink link = left.KeepConnected(address);
        var waits = new List<TimeSpan>();
        for (int attempt = 1; attempt <= 12; attempt++)
        {
            await Mesh.UntilAsync(() => link.Attempts == attempt && link.State == PeerLinkState.Waiting, "the wait");
            Assert.Equal(WireError.Unreachable, link.LastError!.Error);
            waits.Add(link.NextAttempt!.Value - time.GetUtcNow());
            time.Advance(waits[^1]);
        }
        Assert.InRange(waits[0], TimeSpan.FromSeconds(0.25), TimeSpan.FromSeconds(0.75));
        Assert.InRange(waits[^1], TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30));

        await Mesh.UntilAsync(() => link.Attempts == 13 && link.State == PeerLinkState.Waiting, "the last wait");
        await right.ListenAsync((EndPoint)address, default);
        link.RetryNow();
        await Mesh.UntilAsync(() => link.State == PeerLinkState.Connected, "the connection, in no time");
        Assert.Equal(0, link.Attempts);
        Assert.Null(link.NextAttempt);
    }

    [Fact]
    public async Task Two_kept_connections_to_each_other_settle_on_one_and_both_links_show_it()
    {
        var transport = new TcpTransport();
        await using Mesh mesh = new(transport);
        (PeerNode left, _) = await mesh.NodeAsync();
        (PeerNode right, _) = await mesh.NodeAsync();
        PeerLink fromLeft = left.KeepConnected(await right.ListenAsync((EndPoint)Mesh.AnyPort, default));
        PeerLink fromRight = right.KeepConnected(await left.ListenAsync((EndPoint)Mesh.AnyPort, default));
        await Mesh.UntilAsync(
            () => left.Connections.Count == 1 && right.Connections.Count == 1
                && fromLeft.Connection == left.Connections[0] && fromRight.Connection == right.Connections[0],
            "one connection");
        Assert.NotEqual(left.Connections[0].IsDialler, right.Connections[0].IsDialler);
    }

    private static async Task<bool> TrySyncAsync(
        PeerNode node, EndPoint address, Action<PeerConnection>? then = null)
    {
        PeerConnection? connection = null;
        try
        {
            connection = await node.ConnectAsync(address);
            await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
            await connection.CloseAsync();
            return true;
        }
        catch (WireException e) when (e.Error is WireError.Lost or WireError.Truncated)
        {
            return false;
        }
        finally
        {
            if (connection is not null)
                then?.Invoke(connection);
        }
    }
}
