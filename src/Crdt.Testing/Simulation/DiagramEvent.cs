namespace Crdt.Testing.Simulation;

/// <summary>Something at one replica, or at all of them, in a <see cref="SpaceTimeDiagram"/>.</summary>
/// <param name="Device">Number of the replica; -1 for all.</param>
/// <param name="AtUs">When.</param>
/// <param name="Mark">How it is drawn.</param>
/// <param name="Text">What is written beside it.</param>
internal readonly record struct DiagramEvent(int Device, long AtUs, DiagramMark Mark, string Text);
