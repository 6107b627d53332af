using Crdt.Store;
using Crdt.Store.AtRest;

namespace Crdt.Integration.Store.Blobs;

/// <summary>Blobs on a disk that is cut off, fails or fills up at each of its operations, and at random.</summary>
public sealed class BlobCrashTests
{
    private const int Chunk = BlobTree.ChunkLengthBytes;
    private const string Folder = "/replica/blobs";

    private static AtRestCipher? Cipher(bool isEncrypted) => isEncrypted ? new AtRestCipher(new byte[AtRestCipher.KeyLengthBytes]) : null;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Killed_or_without_power_at_any_operation_what_was_durable_is_there_and_nothing_is_wrong(bool isEncrypted)
    {
        using AtRestCipher? cipher = Cipher(isEncrypted);
        Script script = await Script.MakeAsync();
        var disk = new StepDisk(new SimulatedDisk());
        var found = new List<(SimulatedDisk Disk, string At, HashSet<(BlobHash, int)> Durable)>();
        int steps = 0;
        disk.Changing = what =>
        {
            string at = $"operation {++steps}, {what}";
            found.Add((disk.Below.AfterKill(), at, [.. script.Durable]));
            // Most is under way before a flush: the more ways to lose some of it.
            for (int cut = 0; cut < (what == "flush" ? 6 : 1); cut++) found.Add((disk.Below.AfterPowerCut((10 * steps) + cut), at, [.. script.Durable]));
        };
        await using (FileBlobStore store = FileBlobStore.Open(disk, Folder, cipher, unsyncedMax: 3)) await script.RunAsync(store);
        disk.Changing = null;
        Assert.InRange(steps, 50, 400);
        foreach ((SimulatedDisk left, string at, HashSet<(BlobHash, int)> durable) in found)
        {
            await using FileBlobStore store = FileBlobStore.Open(left, Folder, cipher);
            Assert.Empty(store.Unreadable);
            foreach (SampleBlob sample in script.Samples)
            {
                for (int chunk = 0; chunk < sample.Tree.Chunks; chunk++)
                {
                    bool isThere = await sample.IsInAsync(store, chunk);
                    Assert.True(isThere || !durable.Contains((sample.Root, chunk)), $"{at}: chunk {chunk} of {sample.Root} is lost");
                }
            }
            Assert.All(store.List(), h => Assert.True(h.Damaged == 0, $"{at}: {h}"));
            Assert.Equal(store.List().Sum(h => script.LengthOf(store, h.Root)), store.UsedBytes);
            Assert.DoesNotContain(left.ListFiles(Folder), f => f.EndsWith(".tmp", StringComparison.Ordinal));
            // And it goes on from there.
            SampleBlob next = script.Samples[steps % script.Samples.Count];
            for (int chunk = 0; chunk < next.Tree.Chunks; chunk++) await next.SendAsync(store, chunk);
            await next.AssertWholeAsync(store);
        }
    }

    [Theory]
    [InlineData(28, StoreError.DiskFull)]
    [InlineData(5, StoreError.WriteFailed)]
    public async Task A_disk_that_fails_at_any_operation_is_told_and_nothing_of_the_call_has_happened(int errno, StoreError expected)
    {
        SampleBlob sample = await SampleBlob.MakeAsync((3 * Chunk) + 9), other = await SampleBlob.MakeAsync(100, 2);
        (string Name, Func<IBlobStore, Task> Run)[] calls =
        [
            ("put", async store => await SampleBlob.PutAsync(store, sample.Content)),
            ("put what is there in part", async store => await SampleBlob.PutAsync(store, sample.Content)),
            ("first chunk", async store => await sample.SendAsync(store, 2)),
            ("another chunk", async store => await sample.SendAsync(store, 1)),
            ("last chunk", async store => await sample.SendAsync(store, 3)),
            ("sync", async store => await store.SyncAsync(sample.Root, default)),
            ("remove", async store => await store.RemoveAsync(other.Root, default)),
        ];
        foreach ((string name, Func<IBlobStore, Task> run) in calls)
        {
            int failures = 0;
            for (int failing = 1; ; failing++)
            {
                var disk = new StepDisk(new SimulatedDisk());
                await using FileBlobStore store = FileBlobStore.Open(disk, Folder, null);
                await SampleBlob.PutAsync(store, other.Content);
                int[] before = name switch { "put what is there in part" or "sync" => [0, 2], "another chunk" => [0], "last chunk" => [0, 1, 2], _ => [] };
                foreach (int chunk in before) await sample.SendAsync(store, chunk);
                BlobHolding[] held = [.. store.List()];
                long used = store.UsedBytes;
                int step = 0;
                disk.Changing = _ =>
                {
                    if (++step == failing) throw new IOException("It fails.", errno);
                };
                Exception? problem = await Record.ExceptionAsync(() => run(store));
                disk.Changing = null;
                if (problem is null && step < failing) break;
                failures++;
                if (problem is not null)
                {
                    Assert.Equal(expected, Assert.IsType<StoreException>(problem).Error);
                    // Content that somebody put is not taken away again where it stands for a part of it.
                    bool mayHaveMore = name is "put what is there in part" or "remove";
                    if (!mayHaveMore || !store.List().SequenceEqual(held)) Assert.Equal(mayHaveMore ? store.UsedBytes : used, store.UsedBytes);
                    if (!mayHaveMore) Assert.Equal(held, store.List());
                }
                foreach (int chunk in before) Assert.True(await sample.IsInAsync(store, chunk));
                await run(store);
                if (name is not "remove") Assert.True(await other.IsInAsync(store, 0));
                await store.DisposeAsync();
                await using FileBlobStore again = FileBlobStore.Open(disk.Below.AfterPowerCut(failing), Folder, null);
                if (name is "put" or "put what is there in part" or "last chunk") await sample.AssertWholeAsync(again);
                else if (name is "remove") Assert.Null(again.Find(other.Root));
            }
            Assert.True(failures > 0, name);
        }
    }

    [Fact]
    public async Task A_full_disk_takes_no_content_in_and_keeps_what_it_has()
    {
        SampleBlob small = await SampleBlob.MakeAsync(2 * Chunk, 1), large = await SampleBlob.MakeAsync(9 * Chunk, 2);
        var disk = new SimulatedDisk { CapacityBytes = 6 * Chunk };
        await using FileBlobStore store = FileBlobStore.Open(disk, Folder, null);
        await SampleBlob.PutAsync(store, small.Content);
        Assert.Equal(StoreError.DiskFull, (await Assert.ThrowsAsync<StoreException>(() => SampleBlob.PutAsync(store, large.Content))).Error);
        Assert.Equal(StoreError.DiskFull, (await Assert.ThrowsAsync<StoreException>(async () => await large.SendAsync(store, 5))).Error);
        Assert.Equal(small.Root, Assert.Single(store.List()).Root);
        Assert.Single(disk.ListFiles(Folder));
        disk.CapacityBytes = long.MaxValue;
        await SampleBlob.PutAsync(store, large.Content);
        await small.AssertWholeAsync(store);
        await large.AssertWholeAsync(store);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(4, true)]
    public async Task Whatever_happens_in_whatever_order_it_holds_what_the_model_says(int seed, bool isEncrypted)
    {
        using AtRestCipher? cipher = Cipher(isEncrypted);
        var random = new Random(seed);
        SampleBlob[] samples = [await SampleBlob.MakeAsync((4 * Chunk) + 1, seed), await SampleBlob.MakeAsync(2 * Chunk, seed + 1), await SampleBlob.MakeAsync(700, seed + 2)];
        var disk = new SimulatedDisk();
        FileBlobStore store = FileBlobStore.Open(disk, Folder, cipher, filesMax: 1, unsyncedMax: 100);
        // Of each sample what is there, and what of that is durable.
        var there = samples.ToDictionary(s => s, _ => new HashSet<int>());
        var durable = samples.ToDictionary(s => s, _ => new HashSet<int>());
        for (int step = 0; step < 250; step++)
        {
            SampleBlob sample = samples[random.Next(samples.Length)];
            int chunk = random.Next(sample.Tree.Chunks);
            switch (random.Next(20))
            {
                case < 9:
                    Assert.Equal(there[sample].Add(chunk), await sample.SendAsync(store, chunk));
                    // The first chunk brings the file, and the last one completes it.
                    if (there[sample].Count == 1 || there[sample].Count == sample.Tree.Chunks) durable[sample] = [.. there[sample]];
                    break;
                case < 13:
                    Assert.Equal(there[sample].Contains(chunk), await sample.IsInAsync(store, chunk));
                    break;
                case 13:
                    await SampleBlob.PutAsync(store, sample.Content);
                    there[sample] = [.. Enumerable.Range(0, sample.Tree.Chunks)];
                    durable[sample] = [.. there[sample]];
                    break;
                case 14:
                    await store.SyncAsync(sample.Root, default);
                    durable[sample] = [.. there[sample]];
                    break;
                case 15:
                    Assert.Equal(there[sample].Count > 0, await store.RemoveAsync(sample.Root, default));
                    there[sample] = [];
                    durable[sample] = [];
                    break;
                case 16:
                    await using (IBlobDraft draft = await store.CreateAsync(default)) await draft.AppendAsync(sample.Content.AsMemory(0, sample.Content.Length / 2), default);
                    break;
                case 17:
                    await store.DisposeAsync();
                    store = FileBlobStore.Open(disk, Folder, cipher, filesMax: 1, unsyncedMax: 100);
                    durable = there.ToDictionary(t => t.Key, t => new HashSet<int>(t.Value));
                    break;
                default:
                    disk = random.Next(2) == 0 ? disk.AfterKill() : disk.AfterPowerCut(random.Next());
                    store = FileBlobStore.Open(disk, Folder, cipher, filesMax: 1, unsyncedMax: 100);
                    foreach (SampleBlob each in samples)
                    {
                        var left = new HashSet<int>();
                        for (int c = 0; c < each.Tree.Chunks; c++)
                        {
                            if (await each.IsInAsync(store, c)) left.Add(c);
                        }
                        Assert.Subset(left, durable[each]);
                        Assert.Subset(there[each], left);
                        (there[each], durable[each]) = (left, [.. left]);
                    }
                    break;
            }
            Assert.Equal(there.Sum(t => t.Value.Sum(c => (long)t.Key.Tree.LengthOf(c))), store.UsedBytes);
            Assert.Equal(there.Where(t => t.Value.Count > 0).Select(t => (t.Key.Root, t.Value.Count)).Order(), store.List().Select(h => (h.Root, h.Chunks)));
            Assert.All(store.List(), h => Assert.Equal(0, h.Damaged));
            Assert.InRange(store.OpenFiles, 0, 1);
        }
        await store.DisposeAsync();
    }

    /// <summary>One of everything that a store does, and what was durable at each moment.</summary>
    private sealed class Script
    {
        public required IReadOnlyList<SampleBlob> Samples { get; init; }

        public HashSet<(BlobHash, int)> Durable { get; } = [];

        public static async Task<Script> MakeAsync() => new()
        {
            Samples =
            [
                await SampleBlob.MakeAsync((2 * Chunk) + 77, 1), await SampleBlob.MakeAsync((6 * Chunk) + 5, 2),
                await SampleBlob.MakeAsync(900, 3), await SampleBlob.MakeAsync(3 * Chunk, 4),
            ],
        };

        public long LengthOf(FileBlobStore store, BlobHash root)
        {
            SampleBlob sample = Samples.Single(s => s.Root == root);
            return Enumerable.Range(0, sample.Tree.Chunks).Where(c => store.FindNext(root, c, isThere: true) == c).Sum(c => (long)sample.Tree.LengthOf(c));
        }

        public async Task RunAsync(FileBlobStore store)
        {
            await SampleBlob.PutAsync(store, Samples[0].Content);
            Keep(Samples[0]);
            await Samples[1].SendAsync(store, 4);
            Keep(Samples[1], 4);
            await Samples[1].SendAsync(store, 0);
            await store.SyncAsync(Samples[1].Root, default);
            Keep(Samples[1], 0);
            foreach (int chunk in new[] { 6, 1, 2 }) await Samples[1].SendAsync(store, chunk);
            Keep(Samples[1], 6, 1, 2);
            await Samples[2].SendAsync(store, 0);
            Keep(Samples[2]);
            Durable.RemoveWhere(d => d.Item1 == Samples[0].Root);
            await store.RemoveAsync(Samples[0].Root, default);
            await Samples[3].SendAsync(store, 1);
            Keep(Samples[3], 1);
            await SampleBlob.PutAsync(store, Samples[3].Content);
            Keep(Samples[3]);
            await Samples[1].SendAsync(store, 3);
            await Samples[1].SendAsync(store, 5);
            Keep(Samples[1]);
            await SampleBlob.PutAsync(store, Samples[1].Content);
        }

        private void Keep(SampleBlob sample, params int[] chunks)
        {
            foreach (int chunk in chunks.Length > 0 ? chunks : [.. Enumerable.Range(0, sample.Tree.Chunks)]) Durable.Add((sample.Root, chunk));
        }
    }
}
