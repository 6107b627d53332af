using System.Buffers;
using System.IO.Hashing;
using MessagePack;

namespace Crdt;

/// <summary>What the sender holds of some ranges of keys; without any range: that it is not, or no longer, at these
/// heads.</summary>
/// <param name="Moment">Names the heads of both sides: sums of other moments cannot be compared.</param>
/// <param name="Step">Which step of the search, from 0.</param>
/// <param name="Ranges">At most <see cref="DivergenceSearch.RangesPerStepMax"/>.</param>
internal sealed record RangesMessage(
    ReadOnlyMemory<byte> Moment, int Step, IReadOnlyList<RangeSummary> Ranges) : SyncMessage
{
    public const int MomentLengthBytes = 8;

    /// <summary>XxHash64 over all heads, in order of authors: id, sequence, hash.</summary>
    public static byte[] MomentOf(IEnumerable<ChainHead> heads)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        var writer = new MessagePackWriter(buffer);
        foreach (ChainHead head in heads)
        {
            AcknowledgementCodec.WriteReplica(ref writer, head.Author);
            writer.Write(head.Sequence);
            writer.Write(head.Hash.Span[..AuthorTable.HashLengthBytes]);
        }
        writer.Flush();
        return XxHash64.Hash(buffer.WrittenSpan);
    }
}
