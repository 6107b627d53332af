namespace Crdt.Testing.Simulation;

/// <summary>How a connection carries bytes.</summary>
/// <param name="LatencyUs">Microseconds that a byte is under way.</param>
/// <param name="BytesPerSecond">How many it takes each way.</param>
/// <param name="SegmentLengthBytes">What arrives at once; 0 for whole frames.</param>
/// <param name="ReactionUs">Microseconds until a side looks whether there is something to send.</param>
/// <param name="CutAfterForth">Bytes from the first side after which the connection ends; never if 0.</param>
/// <param name="CutAfterBack">Bytes from the second side after which the connection ends; never if 0.</param>
/// <param name="EndsInSync">Whether it is closed once both sides hold the same.</param>
internal sealed record LinkQuality(
    int LatencyUs, long BytesPerSecond, int SegmentLengthBytes, int ReactionUs, long CutAfterForth, long CutAfterBack,
    bool EndsInSync)
{
    /// <summary>At most this carries a link to a slow peer.</summary>
    public const long SlowBytesPerSecondMax = 30_000;

    /// <summary>What links are like when nothing is wrong.</summary>
    public static readonly LinkQuality Good = new(5_000, 10_000_000, 0, 500, 0, 0, false);
}
