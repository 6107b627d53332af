namespace Crdt.Server.ThinClients;

/// <summary>What became of a thin client's request.</summary>
/// <param name="RequestId">Its UUID.</param>
/// <param name="Device">The device.</param>
/// <param name="Sequence">Its place among the device's mutations.</param>
/// <param name="Mutation">What it made; <c>default</c> when there was nothing to change.</param>
internal sealed record BookedRequest(Guid RequestId, Guid Device, long Sequence, Dot Mutation);
