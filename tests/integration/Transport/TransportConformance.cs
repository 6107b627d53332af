using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Security;

namespace Crdt.Integration.Transport;

/// <summary>What the sessions rely on, of every transport.</summary>
public abstract class TransportConformance : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource deadline = new(Deadline);

    private protected abstract IPeerTransport Transport { get; }

    private static IPEndPoint AnyPort => new(IPAddress.Loopback, 0);

    public void Dispose()
    {
        deadline.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Bytes_arrive_in_order_both_ways()
    {
        (IPeerStream dialler, IPeerStream acceptor) = await PairAsync();
        byte[] forth = Bytes(3_000_000, seed: 1);
        byte[] back = Bytes(2_000_000, seed: 2);

        Task<byte[]> there = ReadAsync(acceptor.Input, forth.Length);
        Task<byte[]> here = ReadAsync(dialler.Input, back.Length);
        await Task.WhenAll(
            dialler.Output.WriteAsync(forth, deadline.Token).AsTask(),
            acceptor.Output.WriteAsync(back, deadline.Token).AsTask());

        Assert.Equal(forth, await there);
        Assert.Equal(back, await here);
        await dialler.DisposeAsync();
        await acceptor.DisposeAsync();
    }

    [Fact]
    public async Task What_was_flushed_before_closing_arrives_and_then_the_end()
    {
        (IPeerStream dialler, IPeerStream acceptor) = await PairAsync();
        await dialler.Output.WriteAsync(new byte[] { 1, 2, 3 }, deadline.Token);
        await dialler.DisposeAsync();

        Assert.Equal([1, 2, 3], await ReadAsync(acceptor.Input, 3));
        ReadResult end = await acceptor.Input.ReadAsync(deadline.Token);
        Assert.True(end.IsCompleted && end.Buffer.IsEmpty);
        await acceptor.DisposeAsync();
    }

    [Fact]
    public async Task A_peer_that_does_not_read_holds_the_writer_up()
    {
        (IPeerStream dialler, IPeerStream acceptor) = await PairAsync();
        Task<FlushResult> writing = dialler.Output.WriteAsync(new byte[64 << 20], deadline.Token).AsTask();
        Assert.False(writing.IsCompleted);

        dialler.Abort();
        await AssertEndsAsync(async () => await writing);
        await acceptor.DisposeAsync();
        await dialler.DisposeAsync();
    }

    [Fact]
    public async Task An_abort_ends_what_waits_on_both_sides()
    {
        (IPeerStream dialler, IPeerStream acceptor) = await PairAsync();
        Task<ReadResult> here = dialler.Input.ReadAsync(deadline.Token).AsTask();
        Task<ReadResult> there = acceptor.Input.ReadAsync(deadline.Token).AsTask();

        dialler.Abort();
        dialler.Abort();
        await AssertEndsAsync(async () => await here);
        await AssertEndsAsync(async () => await there);
        await dialler.DisposeAsync();
        await acceptor.DisposeAsync();
    }

    [Fact]
    public async Task A_wait_for_bytes_can_be_given_up()
    {
        (IPeerStream dialler, IPeerStream acceptor) = await PairAsync();
        using var giveUp = new CancellationTokenSource();
        Task<ReadResult> reading = dialler.Input.ReadAsync(giveUp.Token).AsTask();
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        await dialler.DisposeAsync();
        await acceptor.DisposeAsync();
    }

    [Fact]
    public async Task Dialling_where_nobody_listens_says_so()
    {
        IPeerListener listener = await Transport.ListenAsync(AnyPort, deadline.Token);
        EndPoint address = listener.LocalEndPoint;
        await listener.DisposeAsync();
        WireException e = await Assert.ThrowsAsync<WireException>(
            async () => await Transport.ConnectAsync(address, deadline.Token));
        Assert.Equal(WireError.Unreachable, e.Error);
        Assert.Contains(address.ToString()!, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Error", nameof(WireError.AddressUnavailable))]
    public async Task An_address_that_is_taken_cannot_be_listened_on()
    {
        await using IPeerListener listener = await Transport.ListenAsync(AnyPort, deadline.Token);
        WireException e = await Assert.ThrowsAsync<WireException>(
            async () => await Transport.ListenAsync(listener.LocalEndPoint, deadline.Token));
        Assert.Equal(WireError.AddressUnavailable, e.Error);
    }

    [Fact]
    public async Task A_listener_that_is_disposed_stops_accepting_and_leaves_its_streams_alone()
    {
        IPeerListener listener = await Transport.ListenAsync(AnyPort, deadline.Token);
        Task<IPeerStream?> first = listener.AcceptAsync(deadline.Token).AsTask();
        await using IPeerStream dialler = await Transport.ConnectAsync(listener.LocalEndPoint, deadline.Token);
        await using IPeerStream? acceptor = await first;
        await Task.WhenAll(dialler.OpenAsync(deadline.Token).AsTask(), acceptor!.OpenAsync(deadline.Token).AsTask());
        Task<IPeerStream?> second = listener.AcceptAsync(deadline.Token).AsTask();

        await listener.DisposeAsync();
        Assert.Null(await second);
        await dialler.Output.WriteAsync(new byte[] { 7 }, deadline.Token);
        Assert.Equal([7], await ReadAsync(acceptor!.Input, 1));
    }

    private async Task<(IPeerStream Dialler, IPeerStream Acceptor)> PairAsync()
    {
        await using IPeerListener listener = await Transport.ListenAsync(AnyPort, deadline.Token);
        Task<IPeerStream?> accepting = listener.AcceptAsync(deadline.Token).AsTask();
        IPeerStream dialler = await Transport.ConnectAsync(listener.LocalEndPoint, deadline.Token);
        IPeerStream acceptor = Assert.IsAssignableFrom<IPeerStream>(await accepting);
        await Task.WhenAll(dialler.OpenAsync(deadline.Token).AsTask(), acceptor.OpenAsync(deadline.Token).AsTask());
        return (dialler, acceptor);
    }

    private async Task<byte[]> ReadAsync(PipeReader reader, int lengthBytes)
    {
        var read = new MemoryStream();
        while (read.Length < lengthBytes)
        {
            ReadResult result = await reader.ReadAsync(deadline.Token);
            foreach (ReadOnlyMemory<byte> segment in result.Buffer)
                read.Write(segment.Span);
            Assert.False(result.IsCompleted && result.Buffer.IsEmpty);
            reader.AdvanceTo(result.Buffer.End);
        }
        return read.ToArray();
    }

    // An ended stream either says so or fails as streams do; what matters is that nobody waits for ever.
    private static async Task AssertEndsAsync(Func<Task> waiting)
    {
        Exception? e = await Record.ExceptionAsync(() => waiting().WaitAsync(Deadline));
        Assert.True(e is null or IOException or ObjectDisposedException, e?.ToString());
    }

    private static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}

public sealed class MemoryTransportTests : TransportConformance
{
    private protected override IPeerTransport Transport { get; } = new MemoryTransport();
}

public sealed class TcpTransportTests : TransportConformance
{
    private protected override IPeerTransport Transport { get; } = new TcpTransport();

    [Theory]
    [Trait("Error", nameof(WireError.NotLoopback))]
    [InlineData("0.0.0.0")]
    [InlineData("192.0.2.1")]
    [InlineData("::")]
    public async Task Only_loopback_is_listened_on_and_dialled(string address)
    {
        var endPoint = new IPEndPoint(IPAddress.Parse(address), 1);
        WireException listening = await Assert.ThrowsAsync<WireException>(
            async () => await Transport.ListenAsync(endPoint, CancellationToken.None));
        WireException dialling = await Assert.ThrowsAsync<WireException>(
            async () => await Transport.ConnectAsync(endPoint, CancellationToken.None));
        Assert.Equal(WireError.NotLoopback, listening.Error);
        Assert.Equal(WireError.NotLoopback, dialling.Error);
    }

    [Theory]
    [Trait("Error", nameof(WireError.Unreachable))]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_takes_a_connection_and_resets_it_at_once_was_not_reached(bool encrypted)
    {
        using EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        using TlsTransport? tls = encrypted ? new TlsTransport(key) : null;
        IPeerTransport dialling = tls ?? Transport;
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(128);
        Task resetting = Task.Run(() =>
        {
            for (int i = 0; i < 2_000; i++)
            {
                Socket accepted = listener.Accept();
                accepted.LingerState = new LingerOption(true, 0);
                accepted.Dispose();
            }
        });
        for (int i = 0; i < 2_000; i++)
        {
            try
            {
                await using IPeerStream stream = await dialling.ConnectAsync(listener.LocalEndPoint!, CancellationToken.None);
            }
            catch (WireException e)
            {
                Assert.Equal(WireError.Unreachable, e.Error); // reset before it could be looked at
            }
        }
        await resetting.WaitAsync(Mesh.Deadline);
    }

    [Fact]
    public async Task A_name_is_dialled_at_the_address_that_answers()
    {
        await using IPeerListener listener =
            await Transport.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0), CancellationToken.None);
        int port = ((IPEndPoint)listener.LocalEndPoint).Port;
        await using IPeerStream stream =
            await Transport.ConnectAsync(new DnsEndPoint("localhost", port), CancellationToken.None);
        Assert.Equal(port, ((IPEndPoint)stream.RemoteEndPoint).Port);
    }
}

public sealed class TlsTransportTests : TransportConformance
{
    private readonly EcdsaNodeKey key = EcdsaSignatures.CreateKey();

    public TlsTransportTests() => Transport = new TlsTransport(key);

    private protected override IPeerTransport Transport { get; }

    [Fact]
    public async Task Both_sides_know_the_key_that_the_other_has_proved()
    {
        using EcdsaNodeKey other = EcdsaSignatures.CreateKey();
        using var dialling = new TlsTransport(other);
        await using IPeerListener listener = await Transport.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0), default);
        Task<IPeerStream?> accepting = listener.AcceptAsync(default).AsTask();
        await using IPeerStream dialler = await dialling.ConnectAsync(listener.LocalEndPoint, default);
        await using IPeerStream? acceptor = await accepting;
        await Task.WhenAll(dialler.OpenAsync(default).AsTask(), acceptor!.OpenAsync(default).AsTask());
        Assert.Equal(key.PublicKey.ToArray(), dialler.PeerKey.ToArray());
        Assert.Equal(other.PublicKey.ToArray(), acceptor.PeerKey.ToArray());
        Assert.Equal(StreamPurpose.Session, acceptor.Purpose);
    }
}
