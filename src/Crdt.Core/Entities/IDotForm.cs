using MessagePack;

namespace Crdt;

/// <summary>How dots are told that a sibling speaks of: by the replica's own index, or by one that others know.</summary>
internal interface IDotForm
{
    /// <summary>Writes a dot that the sibling written by <paramref name="own"/> speaks of.</summary>
    void WriteDot(ref MessagePackWriter writer, LocalDot dot, LocalDot own);

    /// <summary>Reads back what <see cref="WriteDot"/> wrote.</summary>
    LocalDot ReadDot(ref CanonicalReader reader, LocalDot own);
}
