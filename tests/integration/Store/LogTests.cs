using System.Buffers.Binary;
using Crdt.Store;
using Crdt.Store.Log;

namespace Crdt.Integration.Store;

public sealed class LogTests
{
    private const string Directory = "/replica/log";

    private static readonly byte[] Identity = [.. Enumerable.Range(0, 49).Select(i => (byte)i)];
    private static readonly ReplicaId Ann = new(new Guid("0a000000-0000-4000-8000-000000000001"));
    private static readonly ReplicaId Bob = new(new Guid("0b000000-0000-4000-8000-000000000002"));

    [Fact]
    public async Task What_was_acknowledged_survives_closing_and_opening()
    {
        var disk = new SimulatedDisk();
        var options = new LogOptions { Disk = disk };
        using (ReplicaLog log = ReplicaLog.Create(Directory, Identity, options))
        {
            await log.AppendAsync(Entry(Ann, 1, 3, 100));
            await log.AppendAsync(new[] { Entry(Bob, 1, 1, 0), Entry(Ann, 4, 4, 7) });
        }

        using ReplicaLog opened = ReplicaLog.Open(Directory, options);
        Assert.Equal(Identity, opened.Identity.ToArray());
        Assert.Equal(["A1-3:100", "B1-1:0", "A4-4:7"], Read(opened));
    }

    [Fact]
    public async Task Positions_returned_by_appends_and_readings_are_places_to_read_from()
    {
        var disk = new SimulatedDisk();
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, Options(disk, 700));
        var positions = new List<long> { 0 };
        for (int i = 1; i <= 20; i++)
            positions.Add(await log.AppendAsync(Entry(Ann, i, i, 100)));

        Assert.True(Files(disk, ".seg").Length > 3);
        for (int i = 0; i < positions.Count; i++)
        {
            Assert.Equal(Enumerable.Range(i + 1, 20 - i).Select(n => $"A{n}-{n}:100"), Read(log, positions[i]));
            Assert.Equal(Enumerable.Range(1, i).Select(n => $"A{n}-{n}:100"), Read(log, 0, positions[i]));
        }
        Assert.Equal(positions.Skip(1), log.Read(0).Select(entry => entry.Next.Value));
    }

    [Fact]
    public async Task Reading_goes_on_from_inside_a_group_too()
    {
        var disk = new SimulatedDisk();
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, Options(disk, 900));
        for (int i = 1; i <= 30; i += 3)
            await log.AppendAsync(Enumerable.Range(i, 3).Select(n => Entry(Ann, n, n, n * 7 % 200)).ToArray());

        LoggedEntry[] all = [.. log.Read(0)];
        for (int i = 0; i < all.Length; i++)
        {
            Assert.Equal(
                Enumerable.Range(i + 2, 29 - i).Select(n => (long)n),
                log.Read(all[i].Next.Value).Select(e => e.Entry.LastSequence));
        }
    }

    [Fact]
    public async Task A_torn_tail_of_any_length_leaves_a_prefix_of_whole_groups()
    {
        var disk = new SimulatedDisk();
        ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk });
        await log.AppendAsync(Entry(Ann, 1, 1, 10));
        long before = await log.AppendAsync(Entry(Ann, 2, 2, 10));
        long after = await log.AppendAsync(new[] { Entry(Bob, 1, 1, 20), Entry(Ann, 3, 3, 30) });
        string segment = Segment(disk);
        byte[] whole = disk.AfterKill()[segment];
        log.Dispose();

        for (int length = (int)before; length <= after; length++)
        {
            foreach (bool zeroed in new[] { false, true })
            {
                byte[] torn = whole[..length];
                if (zeroed)
                    Array.Resize(ref torn, (int)after);
                SimulatedDisk crashed = new() { [segment] = torn };
                using ReplicaLog opened = ReplicaLog.Open(Directory, new LogOptions { Disk = crashed });
                string[] expected = length == after
                    ? ["A1-1:10", "A2-2:10", "B1-1:20", "A3-3:30"]
                    : ["A1-1:10", "A2-2:10"];
                Assert.Equal(expected, Read(opened));
                bool hasTornBytes = torn[(int)before..].Any(b => b != 0) && length < after;
                Assert.Equal(hasTornBytes, Files(crashed, ".torn").Length > 0);

                // And it goes on from there.
                await opened.AppendAsync(Entry(Ann, 4, 4, 1));
                Assert.Equal([.. expected, "A4-4:1"], Read(opened));
            }
        }
    }

    [Fact]
    public async Task A_flipped_bit_before_the_last_group_is_named_and_never_read()
    {
        var disk = new SimulatedDisk();
        ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk });
        await log.AppendAsync(new[] { Entry(Ann, 1, 1, 10), Entry(Bob, 1, 1, 3) });
        long middle = await log.AppendAsync(Entry(Ann, 2, 2, 10));
        await log.AppendAsync(Entry(Ann, 3, 3, 10));
        string segment = Segment(disk);
        byte[] whole = disk.AfterKill()[segment];
        log.Dispose();

        for (int bit = 0; bit < middle * 8; bit++)
        {
            byte[] flipped = [.. whole];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            var options = new LogOptions { Disk = new SimulatedDisk { [segment] = flipped } };
            StoreException error = Assert.Throws<StoreException>(() => ReplicaLog.Open(Directory, options));
            Assert.True(
                error.Error == StoreError.LogDamaged
                    || (error.Error == StoreError.UnsupportedFormat && bit / 8 is 8 or 9),
                $"bit {bit}: {error.Message}");
            Assert.Contains(Path.GetFileName(segment), error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task After_a_clean_closing_a_flipped_bit_in_the_last_entry_is_damage_too()
    {
        var disk = new SimulatedDisk();
        long last;
        using (ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk }))
            last = await log.AppendAsync(Entry(Ann, 1, 1, 10));
        byte[] bytes = disk[Segment(disk)];
        bytes[(int)last - 1] ^= 1;
        disk[Segment(disk)] = bytes;

        StoreException error = Assert.Throws<StoreException>(
            () => ReplicaLog.Open(Directory, new LogOptions { Disk = disk }));
        Assert.Equal(StoreError.LogDamaged, error.Error);
    }

    [Fact]
    public async Task Damage_in_an_earlier_segment_is_named_when_the_reading_comes_to_it()
    {
        var disk = new SimulatedDisk();
        var options = new LogOptions { Disk = disk, SegmentLengthBytes = 500 };
        using (ReplicaLog log = ReplicaLog.Create(Directory, Identity, options))
        {
            for (int i = 1; i <= 10; i++)
                await log.AppendAsync(Entry(Ann, i, i, 100));
        }
        string first = Segment(disk);
        byte[] bytes = disk[first];
        bytes[^60] ^= 0x10;
        disk[first] = bytes;

        using ReplicaLog opened = ReplicaLog.Open(Directory, options);
        var read = new List<string>();
        StoreException error = Assert.Throws<StoreException>(() =>
        {
            foreach (LoggedEntry entry in opened.Read(0))
                read.Add(Text(entry));
        });
        Assert.Equal(StoreError.LogDamaged, error.Error);
        Assert.Contains(Path.GetFileName(first), error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(read);
        Assert.True(read.Count < 10);
    }

    [Fact]
    public async Task A_missing_or_shortened_segment_in_the_middle_is_noticed_at_opening()
    {
        var disk = new SimulatedDisk();
        var options = new LogOptions { Disk = disk, SegmentLengthBytes = 500 };
        using (ReplicaLog log = ReplicaLog.Create(Directory, Identity, options))
        {
            for (int i = 1; i <= 10; i++)
                await log.AppendAsync(Entry(Ann, i, i, 100));
        }
        string second = Path.Combine(Directory, Files(disk, ".seg")[1]);
        byte[] bytes = disk[second];

        disk[second] = bytes[..^1];
        AssertRefused(StoreError.LogDamaged, options);
        disk.Delete(second);
        AssertRefused(StoreError.LogDamaged, options);
        disk[second] = bytes;
        ReplicaLog.Open(Directory, options).Dispose();
    }

    [Fact]
    public async Task A_log_of_a_future_format_is_refused_by_its_version()
    {
        var disk = new SimulatedDisk();
        var options = new LogOptions { Disk = disk };
        using (ReplicaLog log = ReplicaLog.Create(Directory, Identity, options))
            await log.AppendAsync(Entry(Ann, 1, 1, 1));
        byte[] bytes = disk[Segment(disk)];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), SegmentHeader.FormatVersion + 1);
        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12));
        // Only damage, as long as the header's hash does not vouch for the version.
        disk[Segment(disk)] = bytes;
        Assert.Equal(StoreError.LogDamaged, Assert.Throws<StoreException>(() => ReplicaLog.Open(Directory, options)).Error);
        BinaryPrimitives.WriteUInt64LittleEndian(
            bytes.AsSpan(length - 8), System.IO.Hashing.XxHash3.HashToUInt64(bytes.AsSpan(0, length - 8)));
        disk[Segment(disk)] = bytes;

        StoreException error = Assert.Throws<StoreException>(() => ReplicaLog.Open(Directory, options));
        Assert.Equal(StoreError.UnsupportedFormat, error.Error);
        Assert.Contains($"version {SegmentHeader.FormatVersion + 1};", error.Message, StringComparison.Ordinal);
        Assert.Contains($"up to {SegmentHeader.FormatVersion}.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_waits_together_is_acknowledged_by_one_flush()
    {
        const int Appends = 1000;
        var disk = new SimulatedDisk();
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk });
        long flushesBefore = log.FlushCount;
        using var allWait = new ManualResetEventSlim();
        disk.Flushing = () => allWait.Wait(TimeSpan.FromSeconds(60));

        var waiting = new List<Task<long>>();
        for (int i = 1; i <= Appends; i++)
            waiting.Add(log.AppendAsync(Entry(Ann, i, i, 50)).AsTask());
        allWait.Set();
        long[] ends = await Task.WhenAll(waiting);

        Assert.InRange(log.FlushCount - flushesBefore, 1, 2);
        Assert.Equal(ends.Order(), ends);
        Assert.Equal(Enumerable.Range(1, Appends).Select(i => $"A{i}-{i}:50"), Read(log));
    }

    [Fact]
    public async Task An_append_that_need_not_be_durable_costs_no_flush_and_is_covered_by_the_next_that_must()
    {
        var disk = new SimulatedDisk();
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk });
        long before = log.FlushCount;
        long end = await log.AppendAsync(Entry(Ann, 1, 1, 5), durable: false);

        Assert.Equal(before, log.FlushCount);
        Assert.Equal(end, log.WrittenEnd);
        Assert.True(log.DurableEnd < end);
        Assert.Empty(Read(log, 0, log.DurableEnd));
        Assert.Equal(["A1-1:5"], Read(log));

        await log.AppendAsync(Entry(Ann, 2, 2, 5));
        Assert.Equal(before + 1, log.FlushCount);
        Assert.Equal(["A1-1:5", "A2-2:5"], Read(log, 0, log.DurableEnd));

        await log.AppendAsync(Entry(Ann, 3, 3, 5), durable: false);
        Assert.Equal(log.WrittenEnd, await log.SyncAsync());
        Assert.Equal(log.WrittenEnd, log.DurableEnd);
        Assert.Equal(before + 2, log.FlushCount);
    }

    [Fact]
    public async Task A_full_disk_acknowledges_nothing_and_works_again_when_there_is_room()
    {
        var disk = new SimulatedDisk();
        var options = new LogOptions { Disk = disk };
        using (ReplicaLog log = ReplicaLog.Create(Directory, Identity, options))
        {
            await log.AppendAsync(Entry(Ann, 1, 1, 100));
            disk.CapacityBytes = disk[Segment(disk)].Length + 100;

            StoreException error = await Assert.ThrowsAsync<StoreException>(
                async () => await log.AppendAsync(Entry(Ann, 2, 2, 100)));
            Assert.Equal(StoreError.DiskFull, error.Error);
            Assert.IsType<IOException>(error.InnerException);
            Assert.Equal(["A1-1:100"], Read(log));
            Assert.Equal(["A1-1:100"], Read(Killed(disk)));

            // What fits goes on; and with room, everything does.
            await log.AppendAsync(Entry(Ann, 2, 2, 10));
            disk.CapacityBytes = long.MaxValue;
            await log.AppendAsync(Entry(Ann, 3, 3, 100));
        }
        using ReplicaLog opened = ReplicaLog.Open(Directory, options);
        Assert.Equal(["A1-1:100", "A2-2:10", "A3-3:100"], Read(opened));
    }

    [Fact]
    public async Task A_failed_flush_acknowledges_nobody_in_its_burst()
    {
        var disk = new SimulatedDisk();
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk });
        await log.AppendAsync(Entry(Ann, 1, 1, 1));
        disk.FailFlushes = true;
        Task<long>[] waiting = [.. Enumerable.Range(2, 5).Select(i => log.AppendAsync(Entry(Ann, i, i, 1)).AsTask())];
        foreach (Task<long> append in waiting)
            Assert.Equal(StoreError.WriteFailed, (await Assert.ThrowsAsync<StoreException>(() => append)).Error);

        Assert.Equal(["A1-1:1"], Read(log));
        disk.FailFlushes = false;
        await log.AppendAsync(Entry(Ann, 2, 2, 2));
        Assert.Equal(["A1-1:1", "A2-2:2"], Read(log));
        Assert.Equal(["A1-1:1", "A2-2:2"], Read(Killed(disk)));
    }

    [Fact]
    public async Task A_flush_that_loses_what_was_accepted_undurably_stops_the_log()
    {
        var disk = new SimulatedDisk();
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk });
        await log.AppendAsync(Entry(Ann, 1, 1, 1), durable: false);
        disk.FailFlushes = true;
        await Assert.ThrowsAsync<StoreException>(async () => await log.AppendAsync(Entry(Ann, 2, 2, 1)));
        disk.FailFlushes = false;
        StoreException error = await Assert.ThrowsAsync<StoreException>(
            async () => await log.AppendAsync(Entry(Ann, 2, 2, 1)));
        Assert.Equal(StoreError.Faulted, error.Error);
    }

    [Fact]
    public async Task A_write_that_fails_leaves_what_was_accepted_undurably()
    {
        var disk = new SimulatedDisk();
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk });
        await log.AppendAsync(Entry(Ann, 1, 1, 1), durable: false);
        disk.CapacityBytes = disk[Segment(disk)].Length + 50;
        await Assert.ThrowsAsync<StoreException>(async () => await log.AppendAsync(Entry(Ann, 2, 2, 100)));
        disk.CapacityBytes = long.MaxValue;
        await log.AppendAsync(Entry(Ann, 2, 2, 2));
        Assert.Equal(["A1-1:1", "A2-2:2"], Read(log));
    }

    [Fact]
    public async Task A_segment_that_could_not_be_begun_is_begun_later()
    {
        var disk = new SimulatedDisk();
        var options = new LogOptions { Disk = disk, SegmentLengthBytes = 300 };
        using (ReplicaLog log = ReplicaLog.Create(Directory, Identity, options))
        {
            await log.AppendAsync(Entry(Ann, 1, 1, 300));
            disk.FailDirectorySyncs = true;
            await Assert.ThrowsAsync<StoreException>(async () => await log.AppendAsync(Entry(Ann, 2, 2, 300)));
            Assert.Equal(["A1-1:300"], Read(Killed(disk)));
            disk.FailDirectorySyncs = false;
            await log.AppendAsync(Entry(Ann, 2, 2, 300));
        }
        using ReplicaLog opened = ReplicaLog.Open(Directory, options);
        Assert.Equal(["A1-1:300", "A2-2:300"], Read(opened));
    }

    [Fact]
    public async Task Appending_after_closing_is_refused()
    {
        var disk = new SimulatedDisk();
        ReplicaLog log = ReplicaLog.Create(Directory, Identity, new LogOptions { Disk = disk });
        log.Dispose();
        StoreException error = await Assert.ThrowsAsync<StoreException>(
            async () => await log.AppendAsync(Entry(Ann, 1, 1, 1)));
        Assert.Equal(StoreError.Closed, error.Error);
    }

    [Fact]
    public async Task Start_positions_are_found_by_vector_and_by_author()
    {
        var disk = new SimulatedDisk();
        var options = new LogOptions { Disk = disk, SegmentLengthBytes = 400 };
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, options);
        for (int i = 1; i <= 30; i++)
        {
            await log.AppendAsync(Entry(Ann, i, i, 100));
            if (i % 3 == 0)
                await log.AppendAsync(Entry(Bob, i / 3, i / 3, 20));
        }

        for (int ann = 0; ann <= 30; ann++)
        {
            long start = log.FindStart(VersionVector.From([new Dot(Ann, ann), new Dot(Bob, ann / 3)]));
            long[] found = [.. log.Read(start).Where(e => e.Entry.Author == Ann).Select(e => e.Entry.LastSequence)];
            Assert.Equal(Enumerable.Range(ann + 1, 30 - ann).Select(i => (long)i), found.Where(last => last > ann));
            // Near: at most one segment's worth of what is covered is read again.
            Assert.InRange(found.Count(last => last <= ann), 0, 4);

            long byAuthor = log.FindStart(Bob, (ann / 3) + 1);
            Assert.Equal(
                10 - (ann / 3),
                log.Read(byAuthor).Count(e => e.Entry.Author == Bob && e.Entry.FirstSequence >= (ann / 3) + 1));
        }
    }

    [Fact]
    public async Task Reading_beside_appending_sees_whole_groups_only()
    {
        var disk = new SimulatedDisk();
        using ReplicaLog log = ReplicaLog.Create(Directory, Identity, Options(disk, 2000));
        Task appending = Task.Run(async () =>
        {
            for (int i = 1; i <= 300; i += 3)
                await log.AppendAsync(Enumerable.Range(i, 3).Select(n => Entry(Ann, n, n, 40)).ToArray());
        });
        while (!appending.IsCompleted)
            Assert.Equal(0, log.Read(0).Count() % 3);
        await appending;
        Assert.Equal(300, log.Read(0).Count());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [Trait("Law", "10")]
    public async Task After_a_power_cut_at_any_instant_all_that_was_acknowledged_is_there_in_whole_groups(int seed)
    {
        var random = new Random(seed);
        var disk = new SimulatedDisk();
        var options = new LogOptions { Disk = disk, SegmentLengthBytes = 5000 };
        (int acknowledged, int bursts) = (0, 0);
        var cuts = new List<(int Promised, SimulatedDisk Disk)>();
        using (ReplicaLog log = ReplicaLog.Create(Directory, Identity, options))
        {
            disk.Flushing = () => cuts.Add((acknowledged, disk.AfterPowerCut((seed * 10_000) + cuts.Count)));
            for (int i = 1; i <= 300;)
            {
                var burst = new List<Task<long>>();
                for (int n = random.Next(1, 6); n > 0; n--, i += 2)
                {
                    LogEntry[] group = [Entry(Ann, i, i, random.Next(900)), Entry(Ann, i + 1, i + 1, random.Next(900))];
                    burst.Add(log.AppendAsync(group, durable: n == 1 || random.Next(3) > 0).AsTask());
                }
                await Task.WhenAll(burst);
                (acknowledged, bursts) = (i - 1, bursts + 1);
            }
        }

        // Each burst ends durably; how many of its appends share a flush is up to the threads.
        Assert.True(cuts.Count >= bursts, $"{cuts.Count} cuts in {bursts} bursts");
        int unfinished = 0;
        foreach ((int promised, SimulatedDisk cut) in cuts)
        {
            using ReplicaLog opened = ReplicaLog.Open(Directory, options with { Disk = cut });
            long[] found = [.. opened.Read(0).Select(entry => entry.Entry.LastSequence)];
            Assert.Equal(Enumerable.Range(1, found.Length).Select(i => (long)i), found);
            Assert.True(found.Length >= promised, $"seed {seed}: {promised} promised, {found.Length} found");
            Assert.Equal(0, found.Length % 2);
            unfinished += Files(cut, ".torn").Length;
        }
        Assert.True(unfinished > bursts / 10, $"{unfinished} torn tails show too little.");
    }

    private static LogOptions Options(SimulatedDisk disk, int segmentLength) =>
        new() { Disk = disk, SegmentLengthBytes = segmentLength };

    private static void AssertRefused(StoreError error, LogOptions options) =>
        Assert.Equal(error, Assert.Throws<StoreException>(() => ReplicaLog.Open(Directory, options)).Error);

    private static string[] Files(SimulatedDisk disk, string extension) =>
        [.. disk.ListFiles(Directory).Where(name => name.EndsWith(extension, StringComparison.Ordinal))];

    private static ReplicaLog Killed(SimulatedDisk disk) =>
        ReplicaLog.Open(Directory, new LogOptions { Disk = disk.AfterKill() });

    private static string Segment(SimulatedDisk disk) => Path.Combine(Directory, Files(disk, ".seg")[0]);

    private static LogEntry Entry(ReplicaId author, long first, long last, int length)
    {
        byte[] payload = new byte[length];
        new Random((int)last).NextBytes(payload);
        return new LogEntry(LogEntryKind.Batch, author, first, last, payload);
    }

    private static string[] Read(ReplicaLog log, long from = 0, long? end = null) =>
        [.. log.Read(from, end).Select(Text)];

    private static string Text(LoggedEntry logged)
    {
        LogEntry entry = logged.Entry;
        LogEntry written = Entry(entry.Author, entry.FirstSequence, entry.LastSequence, entry.Payload.Length);
        Assert.Equal(written.Payload.ToArray(), entry.Payload.ToArray());
        return $"{(entry.Author == Ann ? 'A' : 'B')}{entry.FirstSequence}-{entry.LastSequence}:{entry.Payload.Length}";
    }
}
