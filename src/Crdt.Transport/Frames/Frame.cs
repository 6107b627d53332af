using System.Buffers;

namespace Crdt.Transport.Frames;

/// <summary>One received frame. The payload is the connection's own buffer, valid until
/// <see cref="FramedConnection.Advance"/>.</summary>
internal readonly record struct Frame(FrameType Type, FrameFlags Flags, ReadOnlySequence<byte> Payload);
