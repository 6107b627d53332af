using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using Crdt.Bench.SideBySide;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.Quick;

/// <summary>What coders make of the messages of an open session, each as a piece of one stream: the figures of decision 0022.</summary>
internal static class StreamRun
{
    private static readonly (int Size, int Count)[] Transactions = [(1, 2_000), (10, 400), (100, 60)];

    public static void Run()
    {
        foreach ((int size, int count) in Transactions)
        {
            foreach (bool isPlain in new[] { false, true })
            {
                List<byte[]> messages = Messages(size, count, isPlain);
                Console.WriteLine($"{size} updates, batches {(isPlain ? "plain" : "as stored")}: {Median(messages.Select(m => m.Length))} bytes");
                foreach (int level in new[] { 1, 6, 9 }) Print($"DEFLATE {level}", messages, Deflate(level));
                foreach (int quality in new[] { 1, 2, 3, 4, 5 }) Print($"Brotli {quality}", messages, Brotli(quality));
            }
        }
    }

    private static void Print(string name, List<byte[]> messages, Func<byte[], int> pack)
    {
        var sizes = new List<int>();
        TimeSpan before = Environment.CpuUsage.TotalTime;
        foreach (byte[] message in messages) sizes.Add(pack(message));
        double us = (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / messages.Count;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {name,-10} the first {sizes[0],5}, then {Median(sizes.Skip(sizes.Count / 4)),5}; {us,6:F1} us"));
    }

    private static int Median(IEnumerable<int> values) => (int)Rows.Median(values.Select(static v => (double)v));

    private static List<byte[]> Messages(int size, int count, bool isPlain)
    {
        Replica replica = Field.Load(7);
        FieldWrite[] writes = FieldWorkload.Updates(3 + size, Field.Entities, size * count);
        for (int i = 0; i < count; i++)
        {
            Lab.Write(replica, writes.AsSpan(i * size, size), size);
            Lab.Finish(replica.CloseRunAsync(CancellationToken.None));
        }
        var codec = new SyncMessageCodec();
        var messages = new List<byte[]>();
        foreach (BatchRun run in Lab.AllRunsOf(replica).Where(r => r.Author == replica.Id))
        {
            var output = new ArrayBufferWriter<byte>();
            codec.Write(output, new RunMessage(isPlain ? run with { Batches = [.. run.Batches.Select(Plain)] } : run));
            messages.Add(output.WrittenSpan.ToArray());
        }
        return messages;
    }

    private static ReadOnlyMemory<byte> Plain(ReadOnlyMemory<byte> batch) =>
        (byte[])[BatchWriter.PlainFormat, .. BatchReader.Unpack(batch, out _, new ColumnUnpacker()).Span];

    private static Func<byte[], int> Brotli(int quality)
    {
        var encoder = new BrotliEncoder(quality, window: 16);
        byte[] buffer = new byte[1 << 20];
        return message =>
        {
            encoder.Compress(message, buffer, out _, out int written, isFinalBlock: false);
            encoder.Flush(buffer.AsSpan(written), out int flushed);
            return written + flushed;
        };
    }

    private static Func<byte[], int> Deflate(int level)
    {
        var pieces = new MemoryStream();
        var stream = new DeflateStream(pieces, new ZLibCompressionOptions { CompressionLevel = level }, leaveOpen: true);
        return message =>
        {
            pieces.SetLength(0);
            stream.Write(message);
            stream.Flush();
            return (int)pieces.Length - Crdt.Transport.Sessions.MessagePacker.End.Length;
        };
    }
}
