using Crdt.Transport.Connections;
using Crdt.Transport.Lanes;
using Crdt.Transport.Pairing;

namespace Crdt.Transport;

/// <summary>Settings of a <see cref="PeerNode"/>. Each default is meant for the field; a test sets shorter times.
/// </summary>
public sealed record PeerNodeOptions
{
    /// <summary>Identity of the node towards others, the same after a restart if it is to be recognised. Default: a
    /// random UUID for each node.</summary>
    public Guid? NodeId { get; init; }

    /// <summary>The node's key, the one that its replicas are enrolled with: connections are encrypted and both sides prove
    /// theirs. The caller keeps it, and disposes of it after the node. Needed unless <see cref="IsPlain"/>.</summary>
    public EcdsaNodeKey? Key { get; init; }

    /// <summary>Speaks without encryption, and believes everybody: for tests and trials within one machine, whose addresses
    /// alone are listened on and dialled. Default: no.</summary>
    public bool IsPlain { get; init; }

    /// <summary>Clock and timers. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Source of the jitter between attempts; used from several threads. Default: <see
    /// cref="System.Random.Shared"/>.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>Connections after the greeting, in both directions together. Each takes at most about 3 MiB, while
    /// it sends and receives a full run at once, and next to nothing while idle; what waits to be applied is bounded by
    /// <see cref="ReceiveBufferMax"/> for all together.</summary>
    public int ConnectionsMax { get; init; } = 256;

    /// <summary>Connections taken whose greeting is not done: what strangers can occupy.</summary>
    public int HandshakesMax { get; init; } = 64;

    /// <summary>Of those, how many from one address.</summary>
    public int HandshakesPerAddressMax { get; init; } = 4;

    /// <summary>For an address to answer, and again from there to the end of the greeting. Default: 5 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Lets devices into a space that dial for it. Default: nobody is let in.</summary>
    public PairingDesk? Pairing { get; init; }

    /// <summary>Decides, beside enrolment, who may replicate with this node: a server asks for access tokens. Default: whoever
    /// is enrolled.</summary>
    public ISessionGate? Gate { get; init; }

    /// <summary>Gives the access token that servers of this node's spaces ask for, at most 2,048 letters, or none; asked for
    /// each connection, within the time for its greeting. It is shown to nobody else. Default: none is shown.</summary>
    public Func<CancellationToken, ValueTask<string?>>? AccessToken { get; init; }

    /// <summary>For a device to be let in, people's answers included. Default: 3 min.</summary>
    public TimeSpan PairingTimeout { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>A ping is due when nothing was received, or nothing sent, for so long. Default: 5 s.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A connection on which nothing was received for so long is dead. Any byte counts. Default: 15 s.
    /// </summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A piece of at most 64 KiB that the peer has not taken for so long ends the connection. Default:
    /// 20 s.</summary>
    public TimeSpan FlushTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>After a farewell: how long to wait for the peer's. Default: 2 s.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A frame that has begun must go on at this rate, in bytes per second. Default: 1,024, which the
    /// slowest mobile link exceeds.</summary>
    public int ReceiveRateMin { get; init; } = 1_024;

    /// <summary>The age of a frame from which <see cref="ReceiveRateMin"/> is asked for. Default: 10 s.</summary>
    public TimeSpan ReceiveRateGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes of messages of all connections that have arrived and wait to be applied, each space's in turn; beyond
    /// that a connection whose messages wait is not read. Default: 64 MiB.</summary>
    public long ReceiveBufferMax { get; init; } = 64 << 20;

    /// <summary>Shortest wait before dialling again. Default: 250 ms.</summary>
    public TimeSpan ReconnectDelayMin { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Longest wait before dialling again. Default: 30 s.</summary>
    public TimeSpan ReconnectDelayMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Wait before dialling again where a person has to change something first: a peer that does not accept this
    /// one, or that it cannot talk with. Random by a fifth. Default: 10 min.</summary>
    public TimeSpan ReconnectDelayRefused { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Where the attempts to reach peers are noted, and their schedules go on after a restart. Default: nowhere.
    /// </summary>
    public ISyncJournal? Journal { get; init; }

    /// <summary>A connection that lasted so long makes the next wait short again. Default: 60 s.</summary>
    public TimeSpan ReconnectResetAfter { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>For so long a peer is refused that has broken a rule, twice as long each further time. Default: 1 s.</summary>
    public TimeSpan PenaltyMin { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest time for which a peer is refused that has broken rules; what a peer may not be to blame for, such as
    /// being slow, at most <see cref="ReconnectDelayMax"/>. After as long a good while its violations are forgotten. Default:
    /// 10 min.</summary>
    public TimeSpan PenaltyMax { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How the replication of each space runs, such as how much a peer may send ahead.</summary>
    public SyncSessionOptions Sync { get; init; } = new();

    /// <summary>Packs messages into one compression stream for each space and direction of a connection, where the other side
    /// takes that too: on a connection that stays open small changes take half to a third of the bytes. It costs some 350 KB of
    /// memory for each space, at most 8 of them, of a connection that was busy within five minutes. What it lets somebody learn who sees
    /// the encrypted connection: docs/threat-model.md. Default: yes.</summary>
    public bool PacksMessages { get; init; } = true;

    /// <summary>What each connection may cost until something else is said (<see cref="LanePlan.Budget"/>). Default: no
    /// limits.</summary>
    public ConnectionBudget Budget { get; init; } = ConnectionBudget.Unlimited;

    /// <summary>Tells how full the battery is, for <see cref="ConnectionBudget.BatteryPercentMin"/>. Default: what Linux
    /// says; elsewhere nothing is known.</summary>
    public IPowerSource? Power { get; init; } = OperatingSystem.IsLinux() ? new LinuxPowerSource() : null;

    internal IPeerTransport? Transport { get; init; }

    /// <summary>How often the watch over a connection looks: a quarter of the shortest time it guards.</summary>
    internal TimeSpan WatchInterval
    {
        get
        {
            TimeSpan shortest = TimeSpan.FromSeconds(4);
            foreach (TimeSpan guarded in (TimeSpan[])
                [HandshakeTimeout, PingInterval, DeadAfter, FlushTimeout, CloseTimeout, ReceiveRateGrace])
            {
                shortest = guarded < shortest ? guarded : shortest;
            }
            return shortest / 4;
        }
    }

    internal void Check()
    {
        if (IsPlain == Key is not null && Transport is null)
        {
            throw new ArgumentException(IsPlain
                ? "A node that has a key does not speak without encryption: leave the key out, or IsPlain."
                : "A node needs its key, so that both sides of a connection can prove who they are; or IsPlain, which stays within this machine.");
        }
        ArgumentOutOfRangeException.ThrowIfEqual(NodeId ?? Guid.AllBitsSet, Guid.Empty, nameof(NodeId));
        Budget.Check();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ConnectionsMax);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(HandshakesMax);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(HandshakesPerAddressMax);
        ArgumentOutOfRangeException.ThrowIfNegative(ReceiveRateMin);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ReceiveBufferMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(WatchInterval, TimeSpan.FromMilliseconds(1));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(PairingTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(DeadAfter, PingInterval);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ReconnectDelayMin, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(ReconnectDelayMax, ReconnectDelayMin);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ReconnectDelayRefused, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(PenaltyMin, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(PenaltyMax, PenaltyMin);
    }
}
