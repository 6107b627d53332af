namespace Crdt.Testing.Simulation;

/// <summary>One replica of a <see cref="SimulationSetup"/>.</summary>
/// <param name="Role">Its role.</param>
/// <param name="IsProjecting">Whether its store keeps a projection.</param>
/// <param name="CachedEntities">Entities that it keeps in memory then.</param>
/// <param name="ProjectedPerUpdate">Changed entities after which the projection is brought up to date.</param>
/// <param name="HasFounding">Whether it is opened with the space's founding; else a peer brings it.</param>
/// <param name="RefusesOneIn">A server refuses about one transaction in so many; none if 0.</param>
internal sealed record DeviceSetup(
    ReplicaRole Role, bool IsProjecting, int CachedEntities, int ProjectedPerUpdate, bool HasFounding, int RefusesOneIn = 0)
{
    /// <summary>Whether its projection keeps the zones by which mutations are found; nothing in a run asks for them.</summary>
    public bool HasZones { get; init; } = true;

    /// <summary>When it takes attachments of any other media type.</summary>
    public BlobFetch Fetch { get; init; }

    /// <summary>When it takes those of <c>video/*</c>.</summary>
    public BlobFetch FetchVideos { get; init; }

    /// <summary>What attachments may take there, in bytes; as much as they like if 0.</summary>
    public long BlobQuotaBytes { get; init; }
}
