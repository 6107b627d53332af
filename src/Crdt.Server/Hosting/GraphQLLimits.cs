namespace Crdt.Server.Hosting;

/// <summary>Bounds of one GraphQL request: what a stranger can cost.</summary>
internal sealed class GraphQLLimits
{
    /// <summary>Bytes of a request's body, and of a WebSocket message. As much as a whole transaction may take, and more.</summary>
    public int RequestBytesMax { get; set; } = 2 << 20;

    /// <summary>Levels of fields below each other.</summary>
    public int DepthMax { get; set; } = 14;

    /// <summary>Fields that may be answered, lists counted as often as they are asked for.</summary>
    public int ComplexityMax { get; set; } = 20_000;

    /// <summary>Requests of one client in a second, on average.</summary>
    public int RequestsPerSecond { get; set; } = 100;

    /// <summary>Requests of one client at once, after a pause.</summary>
    public int RequestBurst { get; set; } = 400;

    /// <summary>Subscriptions on one connection.</summary>
    public int SubscriptionsMax { get; set; } = 32;

    /// <summary>WebSocket connections of all clients.</summary>
    public int ConnectionsMax { get; set; } = 1_000;

    /// <summary>For a WebSocket client to say who it is.</summary>
    public TimeSpan InitTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Messages that wait for a WebSocket client to take them; a client that is slower is let go.</summary>
    public int WaitingMessagesMax { get; set; } = 1_024;
}
