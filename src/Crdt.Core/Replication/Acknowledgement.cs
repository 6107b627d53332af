namespace Crdt;

/// <summary>What a replica says it holds durably. Outside log, vector and digest; the newest of each replica travels
/// through the mesh (semantics 8).</summary>
/// <param name="By">Who says so.</param>
/// <param name="Role">In which role: what a server-role replica holds is <c>synced</c>.</param>
/// <param name="Time">When, by its wall clock, in UTC.</param>
/// <param name="Held">What it holds; on the wire the difference to what was said before.</param>
public sealed record Acknowledgement(ReplicaId By, ReplicaRole Role, DateTimeOffset Time, VersionVector Held)
{
    /// <summary>In a keyed space its maker's signature over space, maker, time and the whole vector, with the beginning of each
    /// author's chain hash; else empty.</summary>
    public ReadOnlyMemory<byte> Signature { get; init; }

    /// <summary>Of a signed statement of what arrived: of which logs it speaks.</summary>
    internal ChainTags Tags { get; init; } = ChainTags.None;

    /// <summary>The vector and its tags.</summary>
    internal Holding Holding => new(Held, Tags);

    /// <summary>The same statement of something else that is held.</summary>
    internal Acknowledgement Of(Holding holding) => this with { Held = holding.Held, Tags = holding.Tags };

    /// <summary>In the log: it takes the place of what was known of its maker, instead of adding to it.</summary>
    internal bool IsWhole { get; init; }

    /// <summary>On the wire: it is the difference to what both sides of the session held when it began.</summary>
    internal bool IsRelative { get; init; }
}
