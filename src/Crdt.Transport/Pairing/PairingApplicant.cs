using System.Net;
using System.Security.Cryptography;
using Crdt.Transport.Connections;
using Crdt.Transport.Frames;
using Crdt.Transport.Security;
using Crdt.Transport.Sessions;

namespace Crdt.Transport.Pairing;

/// <summary>Has a device let into a space. It may be repeated with the same key and id until it has succeeded: an invitation
/// that was used tells the device that used it the same again.</summary>
public static class PairingApplicant
{
    // What needs no person takes no longer; a person gets the other side's patience.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>By an invitation.</summary>
    /// <param name="invitation">As it was handed over.</param>
    /// <param name="key">The device's key; the caller keeps it.</param>
    /// <param name="replica">A fresh id for its replica.</param>
    /// <param name="name">What to call the device towards the other one's person.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="WireException">Nobody was reached, another one than the inviting device answered, or the device was not
    /// let in.</exception>
    public static async Task<PairingGrant> ApplyAsync(
        PairingInvitation invitation, EcdsaNodeKey key, ReplicaId replica, string name,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(invitation);
        ArgumentOutOfRangeException.ThrowIfZero(invitation.Addresses.Count, nameof(invitation));
        for (int i = 0; ; i++)
        {
            try
            {
                return await ApplyAsync(invitation.Addresses[i], key, async (channel, deskKey, stop) =>
                {
                    if (NodeFingerprint.Of(deskKey.Span) != invitation.Node)
                    {
                        throw new WireException(WireError.WrongIdentity,
                            $"{channel.Peer} answers, and the invitation is one of {invitation.Node.Short}.");
                    }
                    var secrets = new PairingSecrets(key.PublicKey, deskKey, replica);
                    await channel.SendAsync(
                        new TokenApplication(replica, name, secrets.Proof(invitation.Token.Span)), stop).ConfigureAwait(false);
                }, replica, Patience, cancellationToken).ConfigureAwait(false);
            }
            catch (WireException e) when (i < invitation.Addresses.Count - 1 && !e.ByPeer)
            {
                // Of several addresses of a device often one alone leads to it from here.
            }
        }
    }

    /// <summary>By a code that two people compare.</summary>
    /// <param name="address">Where the inviting device listens.</param>
    /// <param name="key">The device's key; the caller keeps it.</param>
    /// <param name="replica">A fresh id for its replica.</param>
    /// <param name="name">What to call the device towards the other one's person.</param>
    /// <param name="confirm">Shows the code to the person here, and asks whether the other screen shows the same.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="WireException">As above; or one of the two did not confirm.</exception>
    public static Task<PairingGrant> ApplyAsync(
        EndPoint address, EcdsaNodeKey key, ReplicaId replica, string name,
        Func<PairingCode, CancellationToken, ValueTask<bool>> confirm, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(confirm);
        return ApplyAsync(address, key, async (channel, deskKey, stop) =>
        {
            var secrets = new PairingSecrets(key.PublicKey, deskKey, replica);
            byte[] own = RandomNumberGenerator.GetBytes(PairingSecrets.NonceLengthBytes);
            await channel.SendAsync(new CodeApplication(replica, name, secrets.Commitment(own)), stop).ConfigureAwait(false);
            PairNonce theirs = await channel.ReceiveAsync<PairNonce>(stop).ConfigureAwait(false);
            await channel.SendAsync(new PairNonce(own), stop).ConfigureAwait(false);
            var code = new PairingCode(secrets.Code(own, theirs.Nonce), "", NodeFingerprint.Of(deskKey.Span));
            if (!await confirm(code, stop).ConfigureAwait(false))
                throw new WireException(WireError.CodeDeclined, "The person at the new device did not confirm the code.");
            await channel.SendAsync(new PairConfirmed(), stop).ConfigureAwait(false);
        }, replica, patience: null, cancellationToken);
    }

    private static async Task<PairingGrant> ApplyAsync(
        EndPoint address, EcdsaNodeKey key, Func<PairChannel, ReadOnlyMemory<byte>, CancellationToken, Task> agree,
        ReplicaId replica, TimeSpan? patience, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(key);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (patience is { } limit)
            stop.CancelAfter(limit);
        try
        {
            using var transport = new TlsTransport(key, StreamPurpose.Pairing);
            IPeerStream stream = await transport.ConnectAsync(address, stop.Token).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                await stream.OpenAsync(stop.Token).ConfigureAwait(false);
                using var frames = new FramedConnection(stream, TimeProvider.System)
                {
                    Peer = $"{NodeFingerprint.Of(stream.PeerKey.Span).Short} at {address}",
                };
                return await ApplyAsync(frames, key, agree, replica, stream.PeerKey, address, stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new WireException(WireError.Unreachable, $"{address} did not answer within {patience}.", e);
        }
    }

    private static async Task<PairingGrant> ApplyAsync(
        FramedConnection frames, EcdsaNodeKey key, Func<PairChannel, ReadOnlyMemory<byte>, CancellationToken, Task> agree,
        ReplicaId replica, ReadOnlyMemory<byte> deskKey, EndPoint address, CancellationToken cancellationToken)
    {
        var channel = new PairChannel(frames);
        try
        {
            await agree(channel, deskKey, cancellationToken).ConfigureAwait(false);
            frames.Greeted = true; // whom people or the invitation vouch for may send more than a stranger
            PairGranted granted = await channel.ReceiveAsync<PairGranted>(cancellationToken).ConfigureAwait(false);
            return Take(granted, key, replica, address, channel.Peer);
        }
        catch (WireException e) when (!e.ByPeer && e.Error is not (WireError.Lost or WireError.Truncated))
        {
            await TellAsync(frames, e, cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    private static PairingGrant Take(
        PairGranted granted, EcdsaNodeKey key, ReplicaId replica, EndPoint address, string peer)
    {
        try
        {
            SpaceGenesis genesis = SpaceGenesis.FromBytes(granted.Genesis);
            Enrolment enrolment = Enrolment.FromBytes(granted.Enrolment);
            return enrolment.Replica == replica && enrolment.PublicKey.Span.SequenceEqual(key.PublicKey.Span)
                && genesis.Certifies(enrolment)
                ? new PairingGrant(genesis, enrolment, address)
                : throw new WireException(WireError.Malformed, $"{peer} grants an enrolment that the space's authority has not certified for this device.");
        }
        catch (BatchFormatException e)
        {
            throw new WireException(WireError.Malformed, $"{peer} grants what is no space: {e.Message}", e);
        }
    }

    private static async ValueTask TellAsync(FramedConnection frames, WireException why, CancellationToken cancellationToken)
    {
        try
        {
            frames.Outgoing.Clear();
            MessageFormat.WriteFarewell(frames.Outgoing, FrameType.Reject, new Farewell(why.Error, 0, why.Message));
            await frames.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WireException or OperationCanceledException)
        {
            // Gone before it could be told.
        }
    }
}
