using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Crdt.Store;

namespace Crdt.Bench.Quick;

/// <summary>Attachments in and out of a store of files, beside writing and reading a plain file with one SHA-256 over it.</summary>
internal static class BlobRun
{
    private const int Rounds = 3;

    private static readonly byte[] RawKey = SHA256.HashData("blobs"u8);

    public static void Run(int mebibytes)
    {
        byte[] piece = new byte[BlobTree.ChunkLengthBytes];
        new Random(1).NextBytes(piece);
        long size = (long)mebibytes << 20;
        string root = Directory.CreateTempSubdirectory("crdt-blobs-").FullName;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{mebibytes} MiB, chunks of {BlobTree.ChunkLengthBytes >> 10} KiB, MB/s, best of {Rounds}"));
        try
        {
            var best = new SortedDictionary<string, double>(StringComparer.Ordinal);
            for (int round = 0; round < Rounds; round++)
            {
                string raw = Path.Combine(root, "raw");
                Note(best, "1 raw: write and SHA-256, flushed", size, () => WriteRaw(raw, piece, size));
                Note(best, "2 raw: read and SHA-256", size, () => ReadRaw(raw));
                File.Delete(raw);
                foreach (bool isEncrypted in new[] { false, true })
                {
                    string what = isEncrypted ? "encrypted" : "plain";
                    string from = Path.Combine(root, "from"), to = Path.Combine(root, "to");
                    using StoreKey? key = isEncrypted ? StoreKey.FromBytes(RawKey) : null;
                    RunAsync(best, what, from, to, key, piece, size).GetAwaiter().GetResult();
                    Directory.Delete(from, recursive: true);
                    Directory.Delete(to, recursive: true);
                }
            }
            foreach ((string what, double rate) in best) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what[2..],-40} {rate,8:F0}"));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task RunAsync(
        SortedDictionary<string, double> best, string what, string from, string to, StoreKey? key, byte[] piece, long size)
    {
        await using FileBlobStore store = FileBlobStore.Open(from, key), copy = FileBlobStore.Open(to, key);
        BlobHash root = default;
        await NoteAsync(best, $"3 put, {what}", size, async () =>
        {
            await using IBlobDraft draft = await store.CreateAsync(default);
            for (long at = 0; at < size; at += piece.Length)
            {
                // No chunk like another.
                BitConverter.TryWriteBytes(piece, at);
                await draft.AppendAsync(piece.AsMemory(0, (int)Math.Min(piece.Length, size - at)), default);
            }
            (root, _, _) = await draft.CompleteAsync(default);
        });
        byte[] buffer = new byte[BlobTree.ChunkLengthBytes];
        var tree = new BlobTree(size);
        await NoteAsync(best, $"4 get, {what}", size, async () =>
        {
            for (int chunk = 0; chunk < tree.Chunks; chunk++)
            {
                if (await store.ReadAsync(root, chunk, buffer, default) < 0) throw new InvalidOperationException("A chunk is missing.");
            }
        });
        await NoteAsync(best, $"5 read with proof, verify and keep, {what}", size, async () =>
        {
            for (int chunk = 0; chunk < tree.Chunks; chunk++)
            {
                int length = await store.ReadAsync(root, chunk, buffer, default);
                await copy.WriteAsync(root, size, chunk, buffer.AsMemory(0, length), store.ReadProof(root, chunk), default);
            }
            if (copy.Find(root)?.IsWhole != true) throw new InvalidOperationException("It is not whole.");
        });
    }

    private static void WriteRaw(string path, byte[] piece, long size)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (long at = 0; at < size; at += piece.Length)
        {
            BitConverter.TryWriteBytes(piece, at);
            int count = (int)Math.Min(piece.Length, size - at);
            hash.AppendData(piece, 0, count);
            file.Write(piece, 0, count);
        }
        file.Flush(flushToDisk: true);
        hash.GetHashAndReset();
    }

    private static void ReadRaw(string path)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        byte[] buffer = new byte[BlobTree.ChunkLengthBytes];
        while (file.Read(buffer) is > 0 and int count) hash.AppendData(buffer, 0, count);
        hash.GetHashAndReset();
    }

    private static void Note(SortedDictionary<string, double> best, string what, long size, Action act)
    {
        long started = Stopwatch.GetTimestamp();
        act();
        Keep(best, what, size, started);
    }

    private static async Task NoteAsync(SortedDictionary<string, double> best, string what, long size, Func<Task> act)
    {
        long started = Stopwatch.GetTimestamp();
        await act();
        Keep(best, what, size, started);
    }

    private static void Keep(SortedDictionary<string, double> best, string what, long size, long started)
    {
        double rate = size / Stopwatch.GetElapsedTime(started).TotalSeconds / 1e6;
        best[what] = Math.Max(rate, best.GetValueOrDefault(what));
    }
}
