using System.Security.Cryptography;
using Crdt.Transport.Frames;
using Crdt.Transport.Security;

namespace Crdt.Transport.Pairing;

/// <summary>Lets devices into a space: by an invitation that they hold, or because two people compare what their screens
/// show. Given to the node that is dialled for it (<see cref="PeerNodeOptions.Pairing"/>). Safe for concurrent calls.</summary>
/// <remarks>Needs the key of the space's authority, and a replica in the server role, which writes the enrolment.</remarks>
public sealed class PairingDesk
{
    /// <summary>Applicants that are served at a time.</summary>
    public const int ApplicantsMax = 4;

    /// <summary>Wrong tokens within five minutes, after which there are no more attempts for as long.</summary>
    public const int WrongTokensMax = 10;

    /// <summary>Codes that were not confirmed within five minutes, after which there are no more attempts for as long: each
    /// is a guess at one of a million.</summary>
    public const int CodesRefusedMax = 3;

    private readonly Replica replica;
    private readonly SpaceGenesis genesis;
    private readonly NodeKey authority;
    private readonly IPairingBook book;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly PairingAttempts wrongTokens, refusedCodes;
    private CodeOffer? codeOffer;
    private int applicants;
    private bool isComparing;

    /// <summary>Opens the desk; nobody is let in before an invitation is in the book, or <see cref="OfferCode"/> was called.
    /// </summary>
    /// <param name="replica">Of the space; in the server role.</param>
    /// <param name="genesis">The space's founding, which newcomers get.</param>
    /// <param name="authority">The key of the space's authority; the caller keeps it.</param>
    /// <param name="book">The invitations.</param>
    /// <param name="time">Source of wall time; the system's by default.</param>
    /// <exception cref="ArgumentException">The founding is another space's, or the key is not its authority's.</exception>
    /// <exception cref="InvalidOperationException">The replica writes in the client role.</exception>
    public PairingDesk(
        Replica replica, SpaceGenesis genesis, NodeKey authority, IPairingBook book, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(replica);
        ArgumentNullException.ThrowIfNull(genesis);
        ArgumentNullException.ThrowIfNull(authority);
        ArgumentNullException.ThrowIfNull(book);
        if (genesis.Space != replica.Space)
            throw new ArgumentException($"The founding is that of space {genesis.Space}, the replica's is {replica.Space}.", nameof(genesis));
        if (!genesis.AuthorityKey.Span.SequenceEqual(authority.PublicKey.Span))
            throw new ArgumentException("The key is not that of the space's authority.", nameof(authority));
        if (replica.Role == ReplicaRole.Client)
            throw new InvalidOperationException("To enrol others takes a replica in the server role.");
        (this.replica, this.genesis, this.authority, this.book) = (replica, genesis, authority, book);
        this.time = time ?? TimeProvider.System;
        wrongTokens = new PairingAttempts(WrongTokensMax, this.time);
        refusedCodes = new PairingAttempts(CodesRefusedMax, this.time);
    }

    /// <summary>A device was let in: its enrolment is written. Raised on the connection's thread.</summary>
    public event EventHandler<Enrolment>? Paired;

    /// <summary>Lets one device in whose person sees the same code; until it is in, or <see cref="WithdrawCode"/>.</summary>
    /// <param name="role">The role that it gets.</param>
    /// <param name="owner">Whose it will be.</param>
    /// <param name="confirm">Shows the code to the person here and asks whether the other screen shows the same; cancelled
    /// when the other side gives up.</param>
    public void OfferCode(
        ReplicaRole role, string? owner, Func<PairingCode, CancellationToken, ValueTask<bool>> confirm)
    {
        ArgumentNullException.ThrowIfNull(confirm);
        lock (gate)
            codeOffer = new CodeOffer(role, owner, confirm);
    }

    /// <summary>Ends <see cref="OfferCode"/>.</summary>
    public void WithdrawCode()
    {
        lock (gate)
            codeOffer = null;
    }

    /// <summary>Serves one applicant.</summary>
    /// <returns>What it was enrolled as.</returns>
    /// <exception cref="WireException">It was not let in.</exception>
    internal async Task<Enrolment> ServeAsync(
        FramedConnection frames, ReadOnlyMemory<byte> applicantKey, ReadOnlyMemory<byte> ownKey,
        CancellationToken cancellationToken)
    {
        Enter();
        try
        {
            var channel = new PairChannel(frames);
            PairMessage first = await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            (ReplicaId id, ReplicaRole role, string? owner) = first switch
            {
                TokenApplication byToken => Redeem(byToken, applicantKey, ownKey),
                CodeApplication byCode => await CompareAsync(
                    channel, byCode, applicantKey, ownKey, cancellationToken).ConfigureAwait(false),
                _ => throw new WireException(WireError.UnexpectedFrame, $"{frames.Peer} did not say what it applies for."),
            };
            Enrolment enrolment = await EnrolAsync(id, applicantKey, role, owner, cancellationToken).ConfigureAwait(false);
            await channel.SendAsync(new PairGranted(genesis.ToBytes(), enrolment.ToBytes()), cancellationToken)
                .ConfigureAwait(false);
            Paired?.Invoke(this, enrolment);
            return enrolment;
        }
        finally
        {
            lock (gate)
                applicants--;
        }
    }

    private void Enter()
    {
        lock (gate)
        {
            if (applicants == ApplicantsMax)
                throw new WireException(WireError.TooManyConnections, $"{ApplicantsMax} devices are being paired already, the limit.");
            applicants++;
        }
    }

    private (ReplicaId Id, ReplicaRole Role, string? Owner) Redeem(
        TokenApplication application, ReadOnlyMemory<byte> applicantKey, ReadOnlyMemory<byte> ownKey)
    {
        NodeFingerprint applicant = NodeFingerprint.Of(applicantKey.Span);
        var secrets = new PairingSecrets(applicantKey, ownKey, application.Replica);
        lock (gate)
        {
            wrongTokens.Check();
            IReadOnlyList<PairingOffer> offers = book.Offers;
            if (offers.Count == 0)
                throw new WireException(WireError.PairingClosed, "Nobody has been invited here.");
            PairingOffer? offer = null;
            foreach (PairingOffer candidate in offers)
            {
                if (CryptographicOperations.FixedTimeEquals(secrets.Proof(candidate.Token.Span), application.Proof))
                    offer = candidate;
            }
            if (offer is null)
            {
                wrongTokens.Fail();
                throw new WireException(WireError.WrongToken, "This is no invitation of this device's.");
            }
            if (offer.UsedBy is null && offer.Expires <= time.GetUtcNow())
                throw new WireException(WireError.TokenExpired, $"The invitation ended at {offer.Expires:u}.");
            if (offer.UsedBy is { } by && by != applicant)
                throw new WireException(WireError.TokenUsed, "The invitation has been used by another device.");
            book.Update(offer with { UsedBy = applicant });
            return (application.Replica, offer.Role, offer.Owner);
        }
    }

    private async ValueTask<(ReplicaId Id, ReplicaRole Role, string? Owner)> CompareAsync(
        PairChannel channel, CodeApplication application, ReadOnlyMemory<byte> applicantKey, ReadOnlyMemory<byte> ownKey,
        CancellationToken cancellationToken)
    {
        CodeOffer offer;
        lock (gate)
        {
            offer = codeOffer ?? throw new WireException(WireError.PairingClosed, "Nobody waits here to compare a code.");
            refusedCodes.Check();
            if (isComparing)
                throw new WireException(WireError.TooManyConnections, "Another device's code is being compared.");
            isComparing = true;
        }
        bool isAgreed = false;
        try
        {
            var secrets = new PairingSecrets(applicantKey, ownKey, application.Replica);
            byte[] own = RandomNumberGenerator.GetBytes(PairingSecrets.NonceLengthBytes);
            await channel.SendAsync(new PairNonce(own), cancellationToken).ConfigureAwait(false);
            PairNonce revealed = await channel.ReceiveAsync<PairNonce>(cancellationToken).ConfigureAwait(false);
            if (!CryptographicOperations.FixedTimeEquals(secrets.Commitment(revealed.Nonce), application.Commitment))
                throw new WireException(WireError.CodeMismatch, $"{channel.Peer} reveals something else than it had committed to.");
            var code = new PairingCode(
                secrets.Code(revealed.Nonce, own), application.Name, NodeFingerprint.Of(applicantKey.Span));
            await ConfirmAsync(channel, offer, code, cancellationToken).ConfigureAwait(false);
            isAgreed = true;
            return (application.Replica, offer.Role, offer.Owner);
        }
        finally
        {
            if (!isAgreed)
                refusedCodes.Fail();
            lock (gate)
            {
                isComparing = false;
                if (isAgreed && codeOffer == offer)
                    codeOffer = null;
            }
        }
    }

    // Both people have to agree; whoever does not, or goes, ends it for the other.
    private static async ValueTask ConfirmAsync(
        PairChannel channel, CodeOffer offer, PairingCode code, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<PairConfirmed> there = channel.ReceiveAsync<PairConfirmed>(stop.Token).AsTask();
        Task<bool> here = offer.Confirm(code, stop.Token).AsTask();
        bool isDeclined = false;
        try
        {
            if (await Task.WhenAny(there, here).ConfigureAwait(false) == there)
                await there.ConfigureAwait(false);
            isDeclined = !await here.ConfigureAwait(false);
            if (!isDeclined)
                await there.ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(there, here).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        if (isDeclined)
            throw new WireException(WireError.CodeDeclined, "The person at the inviting device did not confirm the code.");
    }

    private async ValueTask<Enrolment> EnrolAsync(
        ReplicaId id, ReadOnlyMemory<byte> key, ReplicaRole role, string? owner, CancellationToken cancellationToken)
    {
        Enrolment? known = replica.Enrolments.FirstOrDefault(e => e.Replica == id);
        if (known is not null && known.PublicKey.Span.SequenceEqual(key.Span))
            return known;
        if (known is not null)
            throw new WireException(WireError.WrongIdentity, $"Replica {id} is enrolled with another key.");
        Enrolment enrolment = Enrolment.Issue(authority, genesis.Space, id, key.ToArray(), role, owner);
        try
        {
            await replica.EnrolAsync(enrolment, cancellationToken).ConfigureAwait(false);
        }
        catch (MutationException e)
        {
            throw e.Error == MutationError.KeyRevoked
                ? new WireException(WireError.KeyRevoked, e.Message, e)
                : new WireException(WireError.LocalFailure, $"The enrolment was not written: {e.Message}", e);
        }
        return enrolment;
    }

    private sealed record CodeOffer(
        ReplicaRole Role, string? Owner, Func<PairingCode, CancellationToken, ValueTask<bool>> Confirm);
}
