namespace Crdt.Server.GraphQL.Types;

/// <summary>What a person meant.</summary>
internal enum MutationType
{
    /// <summary>An entity was made.</summary>
    Create = MutationKind.Create,

    /// <summary>Fields were changed.</summary>
    Update = MutationKind.Update,

    /// <summary>An entity was deleted.</summary>
    Delete = MutationKind.Delete,

    /// <summary>A conflict was settled.</summary>
    Resolve = MutationKind.Resolve,
}
