namespace Crdt;

/// <summary>In which role a batch was written; fixed per batch, and given to a replica at enrolment.</summary>
public enum ReplicaRole
{
    /// <summary>A device: captures people's changes.</summary>
    Client = 0,

    /// <summary>The server role: its durable copy makes a mutation <c>synced</c>, and it may write the space's own data.</summary>
    Server = 1,

    /// <summary>The space's authority, which wrote the genesis batch.</summary>
    Authority = 2,
}
