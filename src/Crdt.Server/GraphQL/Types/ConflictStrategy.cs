namespace Crdt.Server.GraphQL.Types;

/// <summary>Which of concurrent values is read.</summary>
internal enum ConflictStrategy
{
    /// <summary>The latest.</summary>
    LastWriteWins = ConflictPolicy.LastWriteWins,

    /// <summary>The earliest claim.</summary>
    FirstWriteWins = ConflictPolicy.FirstWriteWins,

    /// <summary>Different members of an object never conflict.</summary>
    Merge = ConflictPolicy.Merge,

    /// <summary>A person decides.</summary>
    Manual = ConflictPolicy.Manual,

    /// <summary>What a server held.</summary>
    ServerWins = ConflictPolicy.ServerWins,

    /// <summary>What arrived at a server.</summary>
    ClientWins = ConflictPolicy.ClientWins,
}
