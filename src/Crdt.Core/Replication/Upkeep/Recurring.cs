namespace Crdt;

/// <summary>Work that is done when asked and at intervals, one at a time.</summary>
/// <param name="time">Tells the intervals.</param>
/// <param name="work">Does it once.</param>
internal sealed class Recurring<T>(TimeProvider time, Func<CancellationToken, ValueTask<T>> work) : IDisposable
{
    private readonly SemaphoreSlim turn = new(1);
    private readonly CancellationTokenSource ending = new();
    private ITimer? timer;

    /// <summary>What went wrong the last time that it was done of its own accord; <see langword="null"/> if nothing.</summary>
    public Exception? Error { get; private set; }

    public void Start(TimeSpan interval) =>
        timer = time.CreateTimer(static p => _ = ((Recurring<T>)p!).RunQuietlyAsync(), this, interval, interval);

    public async ValueTask<T> RunAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await work(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose()
    {
        timer?.Dispose();
        ending.Cancel();
        ending.Dispose();
    }

    private async Task RunQuietlyAsync()
    {
        // One at a time: who comes while another is under way has nothing to add.
        if (ending.IsCancellationRequested || !await turn.WaitAsync(TimeSpan.Zero).ConfigureAwait(false)) return;
        try
        {
            await work(ending.Token).ConfigureAwait(false);
            Error = null;
        }
#pragma warning disable CA1031 // Nobody waits for it: the error is kept to be looked at, and the next time tries again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Error = e is OperationCanceledException or ObjectDisposedException ? Error : e;
        }
        finally
        {
            turn.Release();
        }
    }
}
