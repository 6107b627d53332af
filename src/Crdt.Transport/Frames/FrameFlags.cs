namespace Crdt.Transport.Frames;

/// <summary>Flags of a frame. Other bits are written as 0 and not looked at.</summary>
[Flags]
internal enum FrameFlags : byte
{
    None = 0,

    /// <summary>A receiver that does not know the type ends the connection instead of skipping the frame.</summary>
    MustUnderstand = 0x80,
}
