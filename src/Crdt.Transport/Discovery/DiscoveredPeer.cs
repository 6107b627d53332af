using System.Net;

namespace Crdt.Transport.Discovery;

/// <summary>Somebody who is said to be reachable.</summary>
/// <param name="Instance">Names it among those that a mechanism tells.</param>
/// <param name="EndPoints">Where, the most promising first; at least one.</param>
/// <param name="Properties">What else it tells of itself; nothing of it is proved.</param>
public sealed record DiscoveredPeer(
    string Instance, IReadOnlyList<IPEndPoint> EndPoints, IReadOnlyDictionary<string, string> Properties)
{
    /// <summary>Whether a person has named it, so that it is dialled whatever it tells. Default: no.</summary>
    public bool IsConfigured { get; init; }

    /// <summary>Whether it is said to be at the same addresses and tells the same.</summary>
    public bool Equals(DiscoveredPeer? other) => other is not null
        && Instance == other.Instance
        && IsConfigured == other.IsConfigured
        && EndPoints.SequenceEqual(other.EndPoints)
        && Properties.Count == other.Properties.Count
        && Properties.All(p => other.Properties.TryGetValue(p.Key, out string? value) && value == p.Value);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Instance, EndPoints.Count, Properties.Count);
}
