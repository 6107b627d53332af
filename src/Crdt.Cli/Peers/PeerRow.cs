namespace Crdt.Cli.Peers;

/// <summary>One line of <c>crdt peers</c>: a device of the space, or somebody who is near.</summary>
internal sealed record PeerRow
{
    /// <summary>Its replica in the space; null of somebody who is not known.</summary>
    public string? Replica { get; init; }

    public string? Owner { get; init; }

    public string? Role { get; init; }

    /// <summary>Its name where it was found; null of one that is not near.</summary>
    public string? Name { get; init; }

    /// <summary>Where it is said to be, or connected from.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>Whether it is announced on a network that this device is on.</summary>
    public bool Near { get; init; }

    /// <summary>Whether it is enrolled in the space, and not revoked; in an open space, whether it has the space.</summary>
    public bool Paired { get; init; }

    /// <summary>connected, connecting, waiting, or none.</summary>
    public string Link { get; init; } = "none";

    /// <summary>Why there is no connection.</summary>
    public string? Error { get; init; }

    public string? Message { get; init; }

    public int Attempts { get; init; }

    public DateTimeOffset? NextAttempt { get; init; }

    /// <summary>Mutations that are held here and that it has not said to hold; null when it has said nothing yet.</summary>
    public long? Lacks { get; init; }

    /// <summary>Mutations that it has announced and that have not come yet; null without a connection.</summary>
    public long? Lacking { get; init; }

    /// <summary>When it said last what it holds.</summary>
    public DateTimeOffset? HeardOf { get; init; }
}
