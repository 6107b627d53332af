namespace Crdt.Transport.Sessions;

/// <summary>A space as one side of a connection numbers it: its <c>data</c> frames carry the number.</summary>
internal readonly record struct SpaceChannel(int Number, SpaceId Space);
