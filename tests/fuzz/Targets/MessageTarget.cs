using System.Buffers;

namespace Crdt.Fuzz;

/// <summary>A message of a session about a space, by itself.</summary>
internal sealed class MessageTarget : FuzzTarget
{
    public override string Name => "message";

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. Corpus.Vectors("messages.json", "bytes"), .. Corpus.Found("message")];

    public override bool Run(byte[] input)
    {
        SyncMessage message;
        try
        {
            message = new SyncMessageCodec().Read(new ReadOnlySequence<byte>(input));
        }
        catch (SyncException e) when (e.Error is SyncError.BadMessage or SyncError.LimitExceeded or SyncError.BadBatch)
        {
            return false;
        }
        Same(input, Write(message).WrittenSpan, "A message is not written as it was read.");
        return true;
    }

    private static ArrayBufferWriter<byte> Write(SyncMessage message)
    {
        var written = new ArrayBufferWriter<byte>();
        new SyncMessageCodec().Write(written, message);
        return written;
    }
}
