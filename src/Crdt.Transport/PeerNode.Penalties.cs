using System.Globalization;
using System.Net;
using Crdt.Transport.Connections;
using Crdt.Transport.Security;
using Crdt.Transport.Sessions;

namespace Crdt.Transport;

/// <content>Peers that break rules are refused for a while, each for its own doing.</content>
public sealed partial class PeerNode
{
    // Of what a peer may not be to blame for: a person may be trying.
    private const int FreeAttempts = 2;

    private readonly Penalties penalties;

    /// <summary>Peers that have broken rules and are refused now, in order of names. A restart forgives them all.</summary>
    public IReadOnlyList<PeerPenalty> Penalties =>
        [.. penalties.Standing.Select(e => new PeerPenalty(e.Name, e.Violations, e.Error, e.Until))];

    /// <summary>Refuses a peer that has dialled before its time is over: by its key, or, where that is of nobody who is known
    /// here, because of others like it at its address. Who is enrolled never pays for its neighbours.</summary>
    /// <exception cref="WireException"><see cref="WireError.Penalised"/>.</exception>
    internal void RefusePenalised(ConnectionRun run, IPeerStream stream)
    {
        if (run.IsDialler || stream.Purpose == StreamPurpose.Pairing)
            return;
        bool isEnrolled = IsEnrolled(run);
        if (NameOf(run) is { } who && penalties.Find(who.Key) is { } own)
        {
            if (own.Error != WireError.NotEnrolled || !isEnrolled)
                throw Penalised(own);
            penalties.Forgive(who.Key);
        }
        if (!run.PeerKey.IsEmpty && !isEnrolled && AddressOf(stream.RemoteEndPoint) is { } address && penalties.Find(address) is { } others)
            throw Penalised(others);
    }

    /// <summary>What a connection's end says about its peer.</summary>
    private void Judge(PeerConnection connection, CloseReason reason)
    {
        ConnectionRun run = connection.Run;
        if (LimitFor(reason) is not { } limit)
            return;
        if (NameOf(run) is { } who)
            Penalise(connection, who, reason, limit);
        if (!run.IsDialler && !IsEnrolled(run) && AddressOf(connection.RemoteEndPoint) is { } address)
            Penalise(connection, (address, address), reason, Options.ReconnectDelayMax);
    }

    private void Penalise(PeerConnection connection, (string Key, string Name) who, CloseReason reason, TimeSpan limit)
    {
        Penalties.Entry entry = penalties.Note(
            who.Key, who.Name, reason.Error, limit == Options.PenaltyMax ? 0 : FreeAttempts, limit);
        if (entry.Until <= Options.TimeProvider.GetUtcNow())
            return;
        Report(PeerNodeEventKind.Penalised, connection.RemoteEndPoint, connection, reason.Error, string.Create(
            CultureInfo.InvariantCulture, $"{entry.Name} is refused until {entry.Until:O}: {entry.Violations} violation(s), {reason.Message}"));
    }

    /// <summary>For how long at most somebody is refused for something; <see langword="null"/> where it is nobody's fault, or
    /// this side's. Rules are broken on purpose or by a defect; to be slow, or not to belong here, is neither.</summary>
    private TimeSpan? LimitFor(CloseReason reason) => reason switch
    {
        { ByPeer: true } => null,
        {
            Cause: WireException
            {
                InnerException: SyncException { Error: SyncError.SameReplica or SyncError.Forked or SyncError.SnapshotRevoked or SyncError.UnknownFormat },
            },
        } => null,
        {
            Error: WireError.FrameTooLarge or WireError.FrameTooShort or WireError.UnknownFrame or WireError.UnexpectedFrame
                or WireError.Malformed or WireError.UnknownChannel or WireError.SyncViolation or WireError.WrongIdentity,
        } => Options.PenaltyMax,
        {
            Error: WireError.VersionNotSupported or WireError.NoCommonSpace or WireError.NotEnrolled or WireError.KeyRevoked
                or WireError.AccessTokenRefused
                or WireError.TooSlow or WireError.HandshakeTimeout or WireError.TlsFailed,
        } => Options.ReconnectDelayMax,
        _ => null,
    };

    private bool IsEnrolled(ConnectionRun run) =>
        Array.Exists(replicas, replica => run.Channels.Peer.StandingIn(replica) == NodeStanding.Enrolled);

    private static (string Key, string Name)? NameOf(ConnectionRun run)
    {
        if (!run.PeerKey.IsEmpty)
        {
            NodeFingerprint fingerprint = NodeFingerprint.Of(run.PeerKey.Span);
            return (fingerprint.ToString(), fingerprint.Short);
        }
        return run.PeerNodeId == Guid.Empty ? null : (run.PeerNodeId.ToString(), run.PeerNodeId.ToString());
    }

    /// <summary>What strangers have in common who dial from one place: an IPv4 address, 64 bits of an IPv6 address. Within this
    /// machine it is nothing.</summary>
    private static string? AddressOf(EndPoint endPoint)
    {
        if (endPoint is not IPEndPoint { Address: var address } || IPAddress.IsLoopback(address))
            return null;
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4().ToString();
        if (address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6)
            return address.ToString();
        byte[] network = address.GetAddressBytes();
        Array.Clear(network, 8, 8);
        return $"{new IPAddress(network)}/64";
    }

    private WireException Penalised(Penalties.Entry entry)
    {
        TimeSpan left = entry.Until - Options.TimeProvider.GetUtcNow();
        return new WireException(WireError.Penalised, string.Create(CultureInfo.InvariantCulture,
            $"{entry.Name} broke rules {entry.Violations} time(s), last {entry.Error}: it is answered again in {Math.Ceiling(Math.Max(0, left.TotalSeconds))} s."));
    }
}
