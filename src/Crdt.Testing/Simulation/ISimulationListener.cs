namespace Crdt.Testing.Simulation;

/// <summary>Is told what happens, for traces and diagrams. Must change nothing.</summary>
internal interface ISimulationListener
{
    /// <summary>A step is taken.</summary>
    void OnStep(SimulationStep step, long nowUs);

    /// <summary>Something happened at a replica.</summary>
    void OnEvent(SimulatedDevice device, long nowUs, DiagramMark mark, string text);

    /// <summary>A message was sent; it arrives unless the connection ends before.</summary>
    void OnMessage(SimulatedConnection connection, int side, long sentUs, ReadOnlyMemory<byte> message);
}
