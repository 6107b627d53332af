namespace Crdt.Server.GraphQL.Types;

/// <summary>Where a conflict stands.</summary>
internal enum ConflictStatus
{
    /// <summary>It waits for a person.</summary>
    Open,

    /// <summary>A policy decided what is read; nobody has looked at what it passed over.</summary>
    Decided,

    /// <summary>A person settled it.</summary>
    Resolved,
}
