using System.Net.NetworkInformation;

namespace Crdt.Transport;

/// <content>Attempts that need not wait any longer.</content>
public sealed partial class PeerNode
{
    // A change of network comes as several events, and addresses take a moment.
    private static readonly TimeSpan NetworkSettling = TimeSpan.FromMilliseconds(500);

    private readonly ITimer? networkSettled;

    /// <summary>Dials now wherever a link waits for its next attempt, and then again after short waits: something has changed.
    /// Links that wait because somebody has to do something first, such as letting this device in, are left alone.</summary>
    /// <param name="reason">What has changed, for the log.</param>
    public void Hurry(string reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        PeerLink[] waiting;
        lock (gate)
            waiting = [.. links];
        foreach (PeerLink link in waiting)
        {
            if (link.State != PeerLinkState.Waiting || link.LastError is { Class: not SyncErrorClass.Transient })
                continue;
            link.RetryNow();
            Report(PeerNodeEventKind.Hurried, link.EndPoint, null, WireError.None, $"Tried again now: {reason}.");
        }
    }

    /// <summary>What the system tells about the machine's networks, as if it had.</summary>
    internal void NoteNetworkChange() => networkSettled?.Change(NetworkSettling, Timeout.InfiniteTimeSpan);

    private ITimer WatchNetwork()
    {
        NetworkChange.NetworkAddressChanged += OnNetworkChanged;
        NetworkChange.NetworkAvailabilityChanged += OnNetworkChanged;
        return Options.TimeProvider.CreateTimer(
            static node => ((PeerNode)node!).Hurry("the network has changed"), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private void LeaveNetwork()
    {
        NetworkChange.NetworkAddressChanged -= OnNetworkChanged;
        NetworkChange.NetworkAvailabilityChanged -= OnNetworkChanged;
        networkSettled?.Dispose();
    }

    private void OnNetworkChanged(object? sender, EventArgs e) => NoteNetworkChange();
}
