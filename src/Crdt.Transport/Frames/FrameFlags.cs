namespace Crdt.Transport.Frames;

/// <summary>Flags of a frame. Other bits are written as 0 and not looked at.</summary>
[Flags]
internal enum FrameFlags : byte
{
    None = 0,

    /// <summary>A message that is a piece of its space's compression stream.</summary>
    Packed = 0x01,

    /// <summary>That stream begins with it.</summary>
    PackedAnew = 0x02,

    /// <summary>A receiver that does not know the type ends the connection instead of skipping the frame.</summary>
    MustUnderstand = 0x80,
}
