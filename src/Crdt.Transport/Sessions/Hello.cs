namespace Crdt.Transport.Sessions;

/// <summary>The greeting: first frame of each side of a connection.</summary>
internal sealed record Hello
{
    /// <summary>The lowest protocol version the sender speaks.</summary>
    public required int VersionMin { get; init; }

    /// <summary>The highest protocol version the sender speaks.</summary>
    public required int VersionMax { get; init; }

    public required Guid NodeId { get; init; }

    /// <summary>Drawn when the node was started: another one means that everything from before is gone.</summary>
    public required ulong BootNonce { get; init; }

    /// <summary>The connection's name, given by the dialler and repeated by the other side: the dialler's boot nonce
    /// plus how many it had dialled, so that of two by one dialler the later is known.</summary>
    public required ulong ConnectionId { get; init; }

    /// <summary>The sender's wall clock, Unix milliseconds.</summary>
    public required long WallClockMs { get; init; }

    /// <summary>The largest <c>data</c> frame the sender takes.</summary>
    public required int DataLengthBytesMax { get; init; }

    /// <summary>What the sender replicates, with its own numbers: the dialler lists what it has, the other side
    /// what both have.</summary>
    public required IReadOnlyList<SpaceChannel> Spaces { get; init; }

    /// <summary>The connections that the sender knows of and that may lead to the receiver, without this one;
    /// <see langword="null"/> when they are too many to list.</summary>
    public required IReadOnlyList<ulong>? Holds { get; init; }

    /// <summary>Channels of <see cref="Spaces"/> in which the sender does not know the receiver, and asks for a <c>proof</c>.
    /// </summary>
    public IReadOnlyList<int> Asks { get; init; } = [];

    /// <summary>An access token for a server that wants one; <see langword="null"/> when none is shown.</summary>
    public string? AccessToken { get; init; }

    /// <summary>Whether the sender takes packed messages.</summary>
    public bool TakesPacked { get; init; }

    /// <summary>Without the token, which is a secret.</summary>
    public override string ToString() => $"hello of {NodeId}, connection {ConnectionId}";
}
