namespace Crdt.Transport.Pairing;

/// <summary>Invitations that are honoured as long as the process lives. Safe for concurrent calls.</summary>
public sealed class MemoryPairingBook : IPairingBook
{
    private readonly Lock gate = new();
    private readonly List<PairingOffer> offers = [];

    /// <inheritdoc/>
    public IReadOnlyList<PairingOffer> Offers
    {
        get
        {
            lock (gate)
                return [.. offers];
        }
    }

    /// <summary>Notes an invitation.</summary>
    public void Add(PairingOffer offer)
    {
        ArgumentNullException.ThrowIfNull(offer);
        lock (gate)
            offers.Add(offer);
    }

    /// <inheritdoc/>
    public void Update(PairingOffer offer)
    {
        ArgumentNullException.ThrowIfNull(offer);
        lock (gate)
        {
            int at = offers.FindIndex(held => held.Token.Span.SequenceEqual(offer.Token.Span));
            if (at >= 0)
                offers[at] = offer;
        }
    }
}
