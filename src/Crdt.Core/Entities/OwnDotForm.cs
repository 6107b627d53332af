using MessagePack;

namespace Crdt;

/// <summary>Dots by the replica's own index: means nothing elsewhere.</summary>
internal sealed class OwnDotForm : IDotForm
{
    public static readonly OwnDotForm Instance = new();

    private OwnDotForm()
    {
    }

    public void WriteDot(ref MessagePackWriter writer, LocalDot dot, LocalDot own) => writer.Write(dot.Bits);

    public LocalDot ReadDot(ref CanonicalReader reader, LocalDot own) => new(reader.ReadUInt64());
}
