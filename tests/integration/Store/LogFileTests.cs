using Crdt.Store;
using Crdt.Store.AtRest;
using Crdt.Store.Log;
using Xunit.Abstractions;

namespace Crdt.Integration.Store;

/// <summary>The log on the machine's own files.</summary>
public sealed class LogFileTests(ITestOutputHelper output) : IDisposable
{
    private readonly string directory = Path.Combine(Path.GetTempPath(), "crdt-log-" + Guid.NewGuid().ToString("N"));
    private readonly ReplicaId author = new(Guid.NewGuid());

    public void Dispose()
    {
        if (System.IO.Directory.Exists(directory))
            System.IO.Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task Real_files_keep_what_was_acknowledged_over_many_segments()
    {
        var options = new LogOptions { SegmentLengthBytes = 100_000 };
        using (ReplicaLog log = ReplicaLog.Create(directory, new byte[49], options))
        {
            for (int i = 1; i <= 300; i++)
                await log.AppendAsync(Batch(i, new byte[2000]), durable: i % 50 == 0);
        }

        Assert.True(System.IO.Directory.GetFiles(directory, "*.seg").Length > 4);
        using ReplicaLog opened = ReplicaLog.Open(directory, options);
        Assert.Equal(
            Enumerable.Range(1, 300).Select(i => (long)i), opened.Read(0).Select(entry => entry.Entry.LastSequence));
    }

    [Fact]
    public void A_second_opener_is_refused_while_the_first_is_open()
    {
        using (ReplicaLog.Create(directory, new byte[49]))
        {
            Assert.Equal(StoreError.InUse, Assert.Throws<StoreException>(() => ReplicaLog.Open(directory)).Error);
            AssertNotCreated(StoreError.InUse);
        }
        AssertNotCreated(StoreError.AlreadyExists);
        ReplicaLog.Open(directory).Dispose();
    }

    [Fact]
    public void A_directory_without_a_log_is_not_found()
    {
        Assert.Equal(StoreError.NotFound, Assert.Throws<StoreException>(() => ReplicaLog.Open(directory)).Error);
        Assert.False(System.IO.Directory.Exists(directory));
    }

    [Fact]
    public async Task Many_callers_share_flushes()
    {
        const int Appends = 100;
        const int Callers = 64;
        byte[] payload = new byte[200];
        using ReplicaLog log = ReplicaLog.Create(Path.Combine(directory, "log"), new byte[49]);
        long before = log.FlushCount;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < Appends; i++)
                await log.AppendAsync(Batch(i, payload)).ConfigureAwait(false);
        })));
        long flushes = log.FlushCount - before;
        output.WriteLine($"{Callers * Appends} durable appends by {Callers} callers: {flushes} flushes");
        Assert.InRange(flushes, 1, Callers * Appends / 4);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_acknowledged_last_is_missed_when_it_is_damaged_though_the_process_was_killed(bool isEncrypted)
    {
        byte[] key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        var options = new LogOptions { SealAfter = TimeSpan.FromMilliseconds(1) };
        long first, last;
        byte[] bytes;
        using (ReplicaLog log = ReplicaLog.Create(directory, new byte[49], options, isEncrypted ? () => new AtRestCipher(key) : null))
        {
            first = await log.AppendAsync(Batch(1, new byte[100]));
            last = await log.AppendAsync(Batch(2, new byte[60]));
            // A process that is killed leaves the file as it is at that moment; a little after the append that is with a seal.
            string segment = System.IO.Directory.GetFiles(directory, "*.seg").Single();
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (new FileInfo(segment).Length == last) await Task.Delay(1, deadline.Token);
            bytes = Copy(segment);
        }
        Assert.Equal(2, Reopened(bytes).Count);
        for (long at = first; at < last; at++)
        {
            byte[] damaged = [.. bytes];
            damaged[at] ^= 16;
            Assert.Equal(StoreError.LogDamaged, Assert.Throws<StoreException>(() => Reopened(damaged)).Error);
        }

        List<LoggedEntry> Reopened(byte[] content)
        {
            string copy = Path.Combine(directory, Guid.NewGuid().ToString("N"));
            System.IO.Directory.CreateDirectory(copy);
            File.WriteAllBytes(Path.Combine(copy, Path.GetFileName(System.IO.Directory.GetFiles(directory, "*.seg").Single())), content);
            using ReplicaLog log = ReplicaLog.Open(copy, options with { Cipher = isEncrypted ? new AtRestCipher(key) : null });
            return [.. log.Read(0)];
        }

        static byte[] Copy(string path)
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            byte[] content = new byte[file.Length];
            file.ReadExactly(content);
            return content;
        }
    }

    private LogEntry Batch(int sequence, byte[] payload) =>
        new(LogEntryKind.Batch, author, sequence, sequence, payload);

    private void AssertNotCreated(StoreError error) =>
        Assert.Equal(error, Assert.Throws<StoreException>(() => ReplicaLog.Create(directory, new byte[49])).Error);
}
