using MessagePack;

namespace Crdt;

/// <summary>How a dot is told where siblings are written: by the replica's own index, or by an index that others know.</summary>
internal interface ISiblingForm
{
    /// <summary>Writes which mutation wrote a sibling, and when.</summary>
    void WriteOrigin(ref MessagePackWriter writer, LocalDot dot, HybridTimestamp timestamp);

    /// <summary>Writes a dot that a sibling speaks of.</summary>
    void WriteDot(ref MessagePackWriter writer, LocalDot dot);

    /// <summary>Reads back what <see cref="WriteOrigin"/> wrote.</summary>
    void ReadOrigin(ref CanonicalReader reader, out LocalDot dot, out HybridTimestamp timestamp);

    /// <summary>Reads back what <see cref="WriteDot"/> wrote.</summary>
    LocalDot ReadDot(ref CanonicalReader reader);
}
