namespace Crdt.Server.GraphQL.Types;

/// <summary>What has become of a device.</summary>
internal enum DeviceState
{
    /// <summary>Registered; nothing of it has arrived.</summary>
    Invited,

    /// <summary>It takes part.</summary>
    Active,

    /// <summary>Given away: what it had sent counts.</summary>
    Retired,

    /// <summary>Lost or stolen: it is trusted no more.</summary>
    Revoked,
}
