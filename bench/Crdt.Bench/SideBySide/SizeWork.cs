using System.Buffers;
using Crdt.Bench.Workloads;
using Crdt.Transport.Sessions;

namespace Crdt.Bench.SideBySide;

/// <summary>W3: how many bytes the state, and a change of it, take.</summary>
internal static class SizeWork
{
    private const int JsonLengthBytes = 1_865_277;

    // Of a message the hash of its head, which is told apart: no coder shortens it.
    private const int HeadLengthBytes = 34;

    /// <summary>How many updates in a transaction, and how often.</summary>
    public static IReadOnlyList<(int Size, int Count)> Deltas { get; } = [(1, 200), (10, 50), (100, 20)];

    public static void Run(Rows rows)
    {
        var fresh = new Whole(Field.LoadedRuns);
        rows.Add("W3.full", new()
        {
            ["bytes"] = fresh.LengthBytes,
            ["gzip"] = fresh.CompressedLengthBytes,
            ["fields"] = Field.Fields,
            ["perField"] = Rows.Round(fresh.LengthBytes / (double)Field.Fields),
            ["overJson"] = Rows.Round((fresh.LengthBytes - JsonLengthBytes) / (double)Field.Fields),
            ["note"] = "a snapshot; its chunks are compressed already",
        });
        foreach ((int size, int count) in Deltas)
        {
            (double batch, double message, double session) = MeasureDelta(size, count);
            rows.Add("W3.delta", new()
            {
                ["ops"] = size,
                ["samples"] = count,
                ["bytes"] = batch,
                ["perField"] = Rows.Round(batch / size),
                ["message"] = message,
                ["session"] = session - HeadLengthBytes,
            });
        }
        Replica server = Whole.Server(Field.LoadedRuns);
        Replica writer = Field.Load(7);
        int known = Lab.RunsOf(writer).Count;
        Lab.Write(writer, FieldWorkload.Updates(2, Field.Entities, Field.Fields), 100);
        List<BatchRun> news = Lab.RunsOf(writer)[known..];
        Lab.Apply(server, news);
        var aged = new Whole(server);
        rows.Add("W3.aged", new()
        {
            ["bytes"] = aged.LengthBytes,
            ["gzip"] = aged.CompressedLengthBytes,
            ["overwrites"] = Field.Fields,
            ["overFreshPerField"] = Rows.Round((aged.LengthBytes - fresh.LengthBytes) / (double)Field.Fields),
            ["logBytes"] = Field.LoadedRuns.Concat(news).Sum(r => r.Batches.Sum(b => (long)b.Length)),
        });
    }

    /// <summary>Median bytes of the batch of so many updates, of the message that carries it, and of what that takes on a connection
    /// that has been open for a while.</summary>
    /// <param name="size">How many updates.</param>
    /// <param name="count">How often.</param>
    public static (double Batch, double Message, double Session) MeasureDelta(int size, int count)
    {
        Replica replica = Field.Load(7);
        FieldWrite[] writes = FieldWorkload.Updates(3 + size, Field.Entities, size * count);
        List<double> batches = [], messages = [], session = [];
        using var packer = new MessagePacker();
        var codec = new SyncMessageCodec();
        for (int i = 0; i < count; i++)
        {
            Lab.Write(replica, writes.AsSpan(i * size, size), size);
            BatchRun last = Lab.RunsOf(replica)[^1];
            var output = new ArrayBufferWriter<byte>();
            codec.Write(output, new RunMessage(last));
            batches.Add(last.Batches.Sum(b => b.Length));
            messages.Add(output.WrittenCount);
            session.Add(MessagePacker.IsWorthIt(output.WrittenSpan) ? packer.Pack(output.WrittenSpan, out _).Length : output.WrittenCount);
        }
        return (Rows.Median(batches), Rows.Median(messages), Rows.Median(session.Skip(count / 4)));
    }
}
