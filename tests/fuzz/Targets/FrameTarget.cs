using System.Buffers;
using Crdt.Transport;
using Crdt.Transport.Frames;
using Crdt.Transport.Pairing;
using Crdt.Transport.Sessions;

namespace Crdt.Fuzz;

/// <summary>A stream's beginning: the frame's header, then what the frame says, before and after the greeting.</summary>
internal sealed class FrameTarget : FuzzTarget
{
    public override string Name => "frame";

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. Corpus.Vectors("frames.json", "bytes"), .. PairSeeds(), .. Corpus.Found("frame")];

    public override bool Run(byte[] input)
    {
        bool isTaken = false;
        foreach (bool greeted in new[] { false, true })
        {
            try
            {
                if (!FrameFormat.TryRead(new ReadOnlySequence<byte>(input), greeted, "x", out Frame frame)) continue;
                if (frame.Payload.Length + FrameFormat.HeaderLengthBytes > input.Length) throw new FuzzException("A frame is longer than what came.");
                Read(frame);
                isTaken = true;
            }
            catch (WireException e) when (e.Error is WireError.FrameTooLarge or WireError.FrameTooShort or WireError.Malformed or WireError.TlsFailed)
            {
                // The errors for that.
            }
        }
        return isTaken;
    }

    /// <summary>What was read is written the same once and again.</summary>
    private static void Read(in Frame frame)
    {
        using FrameBuffer output = new(), again = new();
        switch (frame.Type)
        {
            case FrameType.Hello:
                MessageFormat.WriteHello(output, MessageFormat.ReadHello(frame, "x"));
                MessageFormat.WriteHello(again, MessageFormat.ReadHello(Written(output), "x"));
                break;
            case FrameType.Reject or FrameType.Bye:
                MessageFormat.WriteFarewell(output, frame.Type, MessageFormat.ReadFarewell(frame, "x"));
                MessageFormat.WriteFarewell(again, frame.Type, MessageFormat.ReadFarewell(Written(output), "x"));
                break;
            case FrameType.Ping:
                MessageFormat.WritePing(output, MessageFormat.ReadPing(frame, "x"));
                MessageFormat.WritePing(again, MessageFormat.ReadPing(Written(output), "x"));
                break;
            case FrameType.Pong:
                (uint number, long time) = MessageFormat.ReadPong(frame, "x");
                MessageFormat.WritePong(output, number, time);
                (number, time) = MessageFormat.ReadPong(Written(output), "x");
                MessageFormat.WritePong(again, number, time);
                break;
            case FrameType.Spaces:
                MessageFormat.ReadSpaces(frame, "x");
                break;
            case FrameType.Proof:
                (int channel, Enrolment? enrolment) = MessageFormat.ReadProof(frame, "x");
                MessageFormat.WriteProof(output, channel, enrolment);
                (channel, enrolment) = MessageFormat.ReadProof(Written(output), "x");
                MessageFormat.WriteProof(again, channel, enrolment);
                break;
            case FrameType.Pair:
                PairFormat.Write(output, PairFormat.Read(frame, "x"));
                PairFormat.Write(again, PairFormat.Read(Written(output), "x"));
                break;
            case FrameType.Data:
                MessageFormat.ReadData(frame, "x", out _);
                break;
        }
        Same(output.Written.Span, again.Written.Span, $"A frame of type {frame.Type} is not written as it was read.");
    }

    private static Frame Written(FrameBuffer output) => FrameFormat.TryRead(new ReadOnlySequence<byte>(output.Written), greeted: true, "x", out Frame frame)
        ? frame : throw new FuzzException("A frame that was written is not whole.");

    private static IEnumerable<byte[]> PairSeeds()
    {
        var replica = ReplicaId.FromRandom(new byte[16]);
        PairMessage[] steps =
        [
            new TokenApplication(replica, "tablet", new byte[32]), new CodeApplication(replica, "", new byte[32]),
            new PairNonce(new byte[32]), new PairConfirmed(), new PairGranted(new byte[] { 1, 2 }, new byte[] { 3 }),
        ];
        foreach (PairMessage step in steps)
        {
            using var buffer = new FrameBuffer();
            PairFormat.Write(buffer, step);
            yield return buffer.Written.ToArray();
        }
    }
}
