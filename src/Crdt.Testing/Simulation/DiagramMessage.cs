namespace Crdt.Testing.Simulation;

/// <summary>A message in a <see cref="SpaceTimeDiagram"/>.</summary>
internal readonly record struct DiagramMessage(int From, int To, long SentUs, long ArrivesUs, string Text);
