namespace Crdt.Server.Authorization;

/// <summary>What a scope lets somebody do.</summary>
internal enum ScopeVerb
{
    /// <summary>See entities, mutations and conflicts.</summary>
    Read,

    /// <summary>Send mutations.</summary>
    Write,

    /// <summary>Decide conflicts, and what becomes of refused work.</summary>
    Resolve,

    /// <summary>Set policies, enrol and end devices.</summary>
    Admin,
}
