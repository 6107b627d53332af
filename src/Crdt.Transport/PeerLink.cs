using System.Net;
using Crdt.Transport.Sessions;

namespace Crdt.Transport;

/// <summary>A standing wish to be connected to an address, and how it goes. Safe for concurrent calls.</summary>
public sealed class PeerLink : IAsyncDisposable
{
    private readonly PeerNode node;
    private readonly TimeProvider time;
    private readonly Backoff backoff;
    private readonly TimeSpan? first;
    private readonly Lock gate = new();
    private readonly CancellationTokenSource lifetime = new();
    private Status status = new(PeerLinkState.Connecting, null, 0, null, null);
    private TaskCompletionSource retry = NewRetry();
    private Task loop = Task.CompletedTask;

    internal PeerLink(PeerNode node, EndPoint endPoint)
    {
        this.node = node;
        EndPoint = endPoint;
        PeerNodeOptions options = node.Options;
        time = options.TimeProvider;
        backoff = new Backoff(options.ReconnectDelayMin, options.ReconnectDelayMax, options.Random);
        if (options.Journal?.Find(PeerNode.NameOf(endPoint)) is { Attempts: > 0, Delay: { } delay } known)
        {
            backoff.Resume(delay);
            // Never longer than the longest wait, whatever the clock was then.
            if (known.NextAttempt - time.GetUtcNow() is { } left && left > TimeSpan.Zero && left <= delay)
                first = left;
        }
    }

    /// <summary>The address.</summary>
    public EndPoint EndPoint { get; }

    /// <summary>What it is doing.</summary>
    public PeerLinkState State => Current.State;

    /// <summary>The connection there is, if there is one: its own, or the one that the two nodes had already.
    /// </summary>
    public PeerConnection? Connection => Current.Connection;

    /// <summary>Attempts since the last connection, the one in progress included.</summary>
    public int Attempts => Current.Attempts;

    /// <summary>Why the last attempt failed, or the last connection ended.</summary>
    public CloseReason? LastError => Current.LastError;

    /// <summary>When it will dial next, while it waits.</summary>
    public DateTimeOffset? NextAttempt => Current.NextAttempt;

    private Status Current
    {
        get
        {
            lock (gate)
                return status;
        }
    }

    /// <summary>Dials now if it waits, and then again after short waits: the network changed, or the peer was seen.</summary>
    public void RetryNow()
    {
        lock (gate)
            retry.TrySetResult();
    }

    /// <summary>Stops dialling and closes the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await lifetime.CancelAsync().ConfigureAwait(false);
        await loop.ConfigureAwait(false);
        node.Forget(this);
    }

    internal void Start() => loop = RunAsync(lifetime.Token);

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            // The schedule goes on where it was before a restart.
            if (first is { } left)
                await WaitAsync(left, cancellationToken).ConfigureAwait(false);
            while (true)
            {
                Change(now => now with
                {
                    State = PeerLinkState.Connecting,
                    Attempts = now.Attempts + 1,
                    NextAttempt = null,
                });
                try
                {
                    PeerConnection connection = await node.ConnectAsync(EndPoint, cancellationToken)
                        .ConfigureAwait(false);
                    await StayAsync(connection, cancellationToken).ConfigureAwait(false);
                }
                catch (WireException e)
                {
                    Change(now => now with { LastError = CloseReason.From(e) });
                }
                await WaitAsync(NextDelay(), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // This link, or its node, is being disposed.
        }
        PeerConnection? last = Connection;
        Change(now => now with { State = PeerLinkState.Stopped, Connection = null, NextAttempt = null });
        if (last is not null)
            await last.CloseAsync().ConfigureAwait(false);
    }

    // As long as the two nodes have a connection: where one proves to be a duplicate, it is the other one.
    private async Task StayAsync(PeerConnection first, CancellationToken cancellationToken)
    {
        long since = time.GetTimestamp();
        for (PeerConnection? connection = first; connection is not null;)
        {
            PeerConnection current = connection;
            Change(now => now with { State = PeerLinkState.Connected, Connection = current, Attempts = 0 });
            CloseReason reason = await current.Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
            Change(now => now with { Connection = null, LastError = reason });
            connection = reason.Error == WireError.Duplicate ? node.FindSame(current) : null;
        }
        if (time.GetElapsedTime(since) >= node.Options.ReconnectResetAfter)
            backoff.Reset();
    }

    private TimeSpan NextDelay()
    {
        PeerNodeOptions options = node.Options;
        TimeSpan delay = backoff.Next();
        if (Current.LastError is { Class: not SyncErrorClass.Transient, Error: not WireError.Closed })
        {
            // Nothing changes by trying: somebody has to do something first.
            TimeSpan refused = options.ReconnectDelayRefused * (0.9 + (0.2 * options.Random.NextDouble()));
            delay = refused > delay ? refused : delay;
        }
        DateTimeOffset next = time.GetUtcNow() + delay;
        options.Journal?.Update(PeerNode.NameOf(EndPoint), peer => peer.Waiting(delay, next));
        return delay;
    }

    private async Task WaitAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        Task called;
        lock (gate)
        {
            if (retry.Task.IsCompleted)
                retry = NewRetry();
            called = retry.Task;
            status = status with { State = PeerLinkState.Waiting, NextAttempt = time.GetUtcNow() + delay };
        }
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (await Task.WhenAny(called, Task.Delay(delay, time, enough.Token)).ConfigureAwait(false) == called)
            backoff.Reset();
        await enough.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private static TaskCompletionSource NewRetry() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Change(Func<Status, Status> change)
    {
        lock (gate)
            status = change(status);
    }

    private sealed record Status(
        PeerLinkState State,
        PeerConnection? Connection,
        int Attempts,
        CloseReason? LastError,
        DateTimeOffset? NextAttempt);
}
