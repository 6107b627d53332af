using System.Threading.Channels;

namespace Crdt.Transport.Sessions;

/// <summary>A wake-up call for one waiter, remembered once when nobody waits.</summary>
internal sealed class Wakeup
{
    private readonly Channel<byte> calls = Channel.CreateBounded<byte>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    public void Set() => calls.Writer.TryWrite(0);

    public async ValueTask WaitAsync(CancellationToken cancellationToken) =>
        await calls.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
}
