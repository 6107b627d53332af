namespace Crdt;

/// <summary>Where a replica stands in the tree that live changes travel along: under which root, and how far from it.
/// </summary>
/// <param name="RootRole">The root's role as it says.</param>
/// <param name="Root">The root.</param>
/// <param name="Distance">Links between the two; 0 for the root itself.</param>
internal readonly record struct MeshPlace(ReplicaRole RootRole, ReplicaId Root, int Distance)
{
    /// <summary>Nobody stands further from a root than this: a longer way counts as none.</summary>
    public const int DistanceMax = 1_024;

    /// <summary>Whether this is a place under a better root than another, or nearer to the same one. Servers make better
    /// roots: they stay.</summary>
    public bool IsBetterThan(in MeshPlace other)
    {
        if (RootRole != other.RootRole) return RootRole > other.RootRole;
        return Root != other.Root ? Root < other.Root : Distance < other.Distance;
    }
}
