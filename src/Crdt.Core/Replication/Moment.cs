namespace Crdt;

/// <summary>What readers go by after one commit, published in one step: a state read as of it is never paired with
/// another commit's policies.</summary>
/// <param name="Epoch">Number of the commit; states and refusals that a later one made known are not of this moment.</param>
/// <param name="Policies">The policies in force.</param>
internal sealed record Moment(long Epoch, PolicyTable Policies);
