namespace Crdt.Transport.Lanes;

/// <summary>What a node wants of one space on its connections: when it has its turn, and whether it has one at all. It is told to
/// the other side, which goes by it, too: what is wanted most is sent first in both directions.</summary>
public sealed record SpaceLane
{
    /// <summary>The most and, negative, the least that a priority may be.</summary>
    public const int PriorityMax = 1_000;

    private readonly int priority;

    /// <summary>How a space is replicated of which nothing was said.</summary>
    public static SpaceLane Default { get; } = new();

    /// <summary>What is higher goes first: as long as it has something to say, what is lower waits. From -1,000 to 1,000; 0 by
    /// default. The two sides' priorities add up.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside of that.</exception>
    public int Priority
    {
        get => priority;
        init
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, PriorityMax);
            ArgumentOutOfRangeException.ThrowIfLessThan(value, -PriorityMax);
            priority = value;
        }
    }

    /// <summary>Whether the space rests: nothing of it is sent or asked for until it is released. Nothing is lost by that; what is
    /// written meanwhile goes when it is released, or through other peers. Default: no.</summary>
    public bool IsHeld { get; init; }

    /// <summary>Whether its mutations go on when the budget of a connection is spent; its attachments rest then all the same.
    /// Default: no.</summary>
    public bool IsEssential { get; init; }

    /// <summary>Whether attachments travel, in either direction. Default: yes.</summary>
    public bool CarriesAttachments { get; init; } = true;
}
