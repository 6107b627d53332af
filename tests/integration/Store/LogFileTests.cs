using System.Diagnostics;
using Crdt.Store;
using Crdt.Store.Disk;
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
    public async Task A_single_caller_is_near_the_speed_of_the_bare_file_and_many_callers_share_flushes()
    {
        const int Appends = 400;
        const int Callers = 64;
        byte[] payload = new byte[200];
        System.IO.Directory.CreateDirectory(directory);
        double raw = 0, single = 0, many = 0;
        using ReplicaLog log = ReplicaLog.Create(Path.Combine(directory, "log"), new byte[49]);
        using IDiskFile file = RealDisk.Instance.Open(Path.Combine(directory, "raw"), DiskOpenMode.Create);

        // Interleaved, and the best of each: the machine is shared, and a flush varies more than what is compared.
        for (int round = 0; round < 5; round++)
        {
            long offset = file.Length;
            raw = Math.Max(raw, await RateAsync(Appends, () =>
            {
                for (int i = 0; i < Appends; i++, offset += payload.Length)
                {
                    file.Write(payload, offset);
                    file.Flush();
                }
                return Task.CompletedTask;
            }));
            single = Math.Max(single, await RateAsync(Appends, async () =>
            {
                for (int i = 0; i < Appends; i++)
                    await log.AppendAsync(Batch(i, payload)).ConfigureAwait(false);
            }));
            many = Math.Max(many, await RateAsync(Appends * Callers, () => Task.WhenAll(
                Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
                {
                    for (int i = 0; i < Appends; i++)
                        await log.AppendAsync(Batch(i, payload)).ConfigureAwait(false);
                })))));
        }

        output.WriteLine(
            $"per second: raw append+fsync {raw:N0}, one caller {single:N0} ({single / raw:F2}), "
            + $"{Callers} callers {many:N0} ({many / single:F1} times one)");
        Assert.True(many > 5 * single, $"{Callers} callers: {many:N0}/s, one: {single:N0}/s");
    }

    private LogEntry Batch(int sequence, byte[] payload) =>
        new(LogEntryKind.Batch, author, sequence, sequence, payload);

    private void AssertNotCreated(StoreError error) =>
        Assert.Equal(error, Assert.Throws<StoreException>(() => ReplicaLog.Create(directory, new byte[49])).Error);

    private static async Task<double> RateAsync(int count, Func<Task> run)
    {
        long begin = Stopwatch.GetTimestamp();
        await run().ConfigureAwait(false);
        return count / Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }
}
