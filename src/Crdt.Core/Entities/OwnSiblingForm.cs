using MessagePack;

namespace Crdt;

/// <summary>Dots by the replica's own index: means nothing elsewhere.</summary>
internal sealed class OwnSiblingForm : ISiblingForm
{
    public static readonly OwnSiblingForm Instance = new();

    private OwnSiblingForm()
    {
    }

    public void WriteOrigin(ref MessagePackWriter writer, LocalDot dot, HybridTimestamp timestamp)
    {
        writer.Write(dot.Bits);
        writer.Write(timestamp.Bits);
    }

    public void WriteDot(ref MessagePackWriter writer, LocalDot dot) => writer.Write(dot.Bits);

    public void ReadOrigin(ref CanonicalReader reader, out LocalDot dot, out HybridTimestamp timestamp)
    {
        dot = new LocalDot(reader.ReadUInt64());
        timestamp = new HybridTimestamp(reader.ReadUInt64());
    }

    public LocalDot ReadDot(ref CanonicalReader reader) => new(reader.ReadUInt64());
}
