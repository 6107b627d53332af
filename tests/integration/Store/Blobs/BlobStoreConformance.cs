namespace Crdt.Integration.Store.Blobs;

/// <summary>What every blob store promises.</summary>
public abstract class BlobStoreConformance
{
    private const int Chunk = BlobTree.ChunkLengthBytes;

    protected abstract IBlobStore Create();

    /// <summary>Ends the store's process, as far as it has one, and begins the next.</summary>
    protected abstract Task<IBlobStore> ReopenAsync(IBlobStore store);

    [Theory]
    [InlineData(1)]
    [InlineData(Chunk - 1)]
    [InlineData(Chunk)]
    [InlineData(Chunk + 1)]
    [InlineData((3 * Chunk) + 7)]
    [InlineData(8 * Chunk)]
    [InlineData((11 * Chunk) + 100)]
    public async Task Content_that_was_put_comes_back_with_proofs_also_after_reopening(int length)
    {
        SampleBlob sample = await SampleBlob.MakeAsync(length);
        IBlobStore store = Create();
        Assert.Equal(sample.Root, await SampleBlob.PutAsync(store, sample.Content, piece: length % 7 == 0 ? 1_000 : 70_000));
        await sample.AssertWholeAsync(store);
        Assert.Equal(length, store.UsedBytes);
        store = await ReopenAsync(store);
        await sample.AssertWholeAsync(store);
        Assert.Equal(length, store.UsedBytes);
        for (int chunk = 0; chunk < sample.Tree.Chunks; chunk++)
            Assert.True(sample.Tree.Verifies(sample.Root, chunk, BlobTree.HashLeaf(sample.Chunk(chunk).Span), store.ReadProof(sample.Root, chunk)));
        await store.DisposeAsync();
    }

    [Fact]
    public async Task The_empty_blob_is_there_and_takes_nothing()
    {
        await using IBlobStore store = Create();
        var empty = new BlobHolding(BlobTree.EmptyRoot, 0, 0, 0, 0);
        Assert.Equal(empty, store.Find(BlobTree.EmptyRoot));
        Assert.Equal(BlobTree.EmptyRoot, await SampleBlob.PutAsync(store, []));
        Assert.Equal(empty, store.Find(BlobTree.EmptyRoot));
        Assert.True(empty.IsWhole);
        Assert.Empty(store.List());
        Assert.False(await store.RemoveAsync(BlobTree.EmptyRoot, default));
    }

    [Fact]
    public async Task Chunks_arrive_in_any_order_and_make_the_blob_whole()
    {
        SampleBlob sample = await SampleBlob.MakeAsync((12 * Chunk) + 5);
        IBlobStore store = Create();
        int[] order = [.. Enumerable.Range(0, sample.Tree.Chunks)];
        new Random(3).Shuffle(order);
        var held = new SortedSet<int>();
        foreach (int chunk in order)
        {
            Assert.False(await sample.IsInAsync(store, chunk));
            Assert.Null(store.ReadProof(sample.Root, chunk));
            Assert.True(await sample.SendAsync(store, chunk));
            Assert.False(await sample.SendAsync(store, chunk));
            held.Add(chunk);
            int first = Enumerable.Range(0, sample.Tree.Chunks + 1).First(c => !held.Contains(c));
            Assert.Equal(new BlobHolding(sample.Root, sample.Size, held.Count, 0, first), store.Find(sample.Root));
            for (int from = 0; from <= sample.Tree.Chunks; from++)
            {
                Assert.Equal(held.Where(c => c >= from).DefaultIfEmpty(sample.Tree.Chunks).First(), store.FindNext(sample.Root, from, isThere: true));
                Assert.Equal(Enumerable.Range(from, sample.Tree.Chunks - from).Where(c => !held.Contains(c)).DefaultIfEmpty(sample.Tree.Chunks).First(),
                    store.FindNext(sample.Root, from, isThere: false));
            }
            // What is here can be handed on at once.
            Assert.All(held, c => Assert.Equal(sample.Proof(c), store.ReadProof(sample.Root, c)));
            Assert.Equal(held.Sum(c => (long)sample.Tree.LengthOf(c)), store.UsedBytes);
            if (held.Count % 5 == 0)
            {
                await store.SyncAsync(sample.Root, default);
                store = await ReopenAsync(store);
            }
        }
        await sample.AssertWholeAsync(store);
        await store.DisposeAsync();
    }

    [Fact]
    public async Task What_is_not_the_chunk_is_refused_and_leaves_nothing()
    {
        SampleBlob sample = await SampleBlob.MakeAsync((5 * Chunk) + 9);
        await using IBlobStore store = Create();
        byte[] wrong = sample.Chunk(2).ToArray();
        wrong[77] ^= 1;
        BlobHash[] proof = sample.Proof(2), other = [.. proof];
        other[^1] = BlobTree.EmptyRoot;
        await RefusedAsync(sample.Size, 2, wrong, proof);
        await RefusedAsync(sample.Size, 2, sample.Chunk(2), other);
        await RefusedAsync(sample.Size, 2, sample.Chunk(2), proof[..^1]);
        await RefusedAsync(sample.Size, 2, sample.Chunk(2), [.. proof, BlobTree.EmptyRoot]);
        await RefusedAsync(sample.Size, 3, sample.Chunk(2), proof);
        await RefusedAsync(sample.Size, -1, sample.Chunk(2), proof);
        await RefusedAsync(sample.Size, 6, sample.Chunk(2), proof);
        await RefusedAsync(sample.Size, 2, sample.Chunk(2)[..^1], proof);
        await RefusedAsync(sample.Size + 1, 2, sample.Chunk(2), proof);
        await RefusedAsync(0, 2, sample.Chunk(2), proof);
        await RefusedAsync(-5, 2, sample.Chunk(2), proof);
        await RefusedAsync(long.MaxValue, 2, sample.Chunk(2), proof);
        Assert.Null(store.Find(sample.Root));
        Assert.Empty(store.List());
        Assert.Equal(0, store.UsedBytes);
        Assert.True(await sample.SendAsync(store, 2));
        await RefusedAsync(sample.Size + 1, 2, sample.Chunk(2), proof);

        async Task RefusedAsync(long size, int chunk, ReadOnlyMemory<byte> content, BlobHash[] with) =>
            Assert.Equal(BlobError.ChunkRefused, (await Assert.ThrowsAsync<BlobException>(
                async () => await store.WriteAsync(sample.Root, size, chunk, content, with, default))).Error);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(6)]
    public async Task Content_that_is_there_in_part_or_whole_is_kept_once(int held)
    {
        SampleBlob sample = await SampleBlob.MakeAsync((5 * Chunk) + 9);
        IBlobStore store = Create();
        for (int chunk = 0; chunk < held; chunk++) await sample.SendAsync(store, chunk);
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(sample.Root, await SampleBlob.PutAsync(store, sample.Content));
            Assert.Equal(sample.Size, store.UsedBytes);
            await sample.AssertWholeAsync(store);
        }
        Assert.False(await sample.SendAsync(store, 1));
        store = await ReopenAsync(store);
        await sample.AssertWholeAsync(store);
        Assert.Equal(sample.Size, store.UsedBytes);
        await store.DisposeAsync();
    }

    [Fact]
    public async Task Blobs_are_listed_in_order_and_go_when_they_are_removed()
    {
        IBlobStore store = Create();
        var samples = new List<SampleBlob>();
        for (int i = 0; i < 6; i++) samples.Add(await SampleBlob.MakeAsync(1 + (i * 40_000), i));
        foreach (SampleBlob sample in samples) await SampleBlob.PutAsync(store, sample.Content);
        samples = [.. samples.OrderBy(s => s.Root.ToString(), StringComparer.Ordinal)];
        Assert.Equal(samples.Select(s => s.Root), store.List().Select(h => h.Root));
        Assert.All(store.List(), h => Assert.True(h.IsWhole));
        Assert.True(await store.RemoveAsync(samples[2].Root, default));
        Assert.False(await store.RemoveAsync(samples[2].Root, default));
        Assert.Null(store.Find(samples[2].Root));
        Assert.False(await samples[2].IsInAsync(store, 0));
        Assert.Null(store.ReadProof(samples[2].Root, 0));
        Assert.Equal((int.MaxValue, 3), (store.FindNext(samples[2].Root, 0, isThere: true), store.FindNext(samples[2].Root, 3, isThere: false)));
        samples.RemoveAt(2);
        store = await ReopenAsync(store);
        Assert.Equal(samples.Select(s => s.Root), store.List().Select(h => h.Root));
        Assert.Equal(samples.Sum(s => s.Size), store.UsedBytes);
        foreach (SampleBlob sample in samples) await sample.AssertWholeAsync(store);
        await store.DisposeAsync();
    }

    [Fact]
    public async Task The_quota_counts_before_anything_is_taken_and_room_comes_back()
    {
        SampleBlob first = await SampleBlob.MakeAsync(3 * Chunk, 1), second = await SampleBlob.MakeAsync(2 * Chunk, 2);
        await using IBlobStore store = Create();
        Assert.Equal(long.MaxValue, store.QuotaBytes);
        store.QuotaBytes = 4 * Chunk;
        await SampleBlob.PutAsync(store, first.Content);
        Assert.True(await second.SendAsync(store, 0));
        await OverQuotaAsync(async () => await second.SendAsync(store, 1));
        Assert.Equal(new BlobHolding(second.Root, second.Size, 1, 0, 1), store.Find(second.Root));
        await OverQuotaAsync(async () => await SampleBlob.PutAsync(store, new byte[Chunk + 1]));
        await OverQuotaAsync(async () => await (await SampleBlob.MakeAsync(9, 3)).SendAsync(store, 0));
        Assert.Equal(2, store.List().Count);
        Assert.Equal(4L * Chunk, store.UsedBytes);

        Assert.True(await store.RemoveAsync(first.Root, default));
        // What is still being taken in counts as well, and a refused piece does not.
        await using (IBlobDraft draft = await store.CreateAsync(default))
        {
            await draft.AppendAsync(new byte[(2 * Chunk) + 1], default);
            await OverQuotaAsync(async () => await second.SendAsync(store, 1));
            await OverQuotaAsync(async () => await draft.AppendAsync(new byte[Chunk], default));
            await draft.AppendAsync(new byte[Chunk - 1], default);
        }
        Assert.True(await second.SendAsync(store, 1));
        await SampleBlob.PutAsync(store, new byte[2 * Chunk]);
        Assert.Equal(4L * Chunk, store.UsedBytes);
        store.QuotaBytes = 0;
        await second.AssertWholeAsync(store);
        Assert.Throws<ArgumentOutOfRangeException>(() => store.QuotaBytes = -1);

        static async Task OverQuotaAsync(Func<Task> act) =>
            Assert.Equal(BlobError.QuotaExceeded, (await Assert.ThrowsAsync<BlobException>(act)).Error);
    }

    [Fact]
    public async Task A_draft_that_is_given_up_leaves_nothing_and_takes_nothing_more()
    {
        IBlobStore store = Create();
        IBlobDraft draft = await store.CreateAsync(default);
        await draft.AppendAsync(new byte[3 * Chunk], default);
        await draft.DisposeAsync();
        await draft.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await draft.AppendAsync(new byte[1], default));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await draft.CompleteAsync(default));
        Assert.Empty(store.List());
        Assert.Equal(0, store.UsedBytes);
        store = await ReopenAsync(store);
        Assert.Empty(store.List());
        await store.DisposeAsync();
    }

    [Fact]
    public async Task Readers_writers_and_removers_beside_each_other_never_see_anything_wrong()
    {
        SampleBlob[] samples = [await SampleBlob.MakeAsync((6 * Chunk) + 3, 1), await SampleBlob.MakeAsync((3 * Chunk) + 9, 2), await SampleBlob.MakeAsync(500, 3)];
        await using IBlobStore store = Create();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 60; i++)
            {
                SampleBlob sample = samples[random.Next(samples.Length)];
                int chunk = random.Next(sample.Tree.Chunks);
                switch (random.Next(10))
                {
                    case 0:
                        await store.RemoveAsync(sample.Root, default);
                        break;
                    case 1:
                        await SampleBlob.PutAsync(store, sample.Content);
                        break;
                    case 2:
                        await store.SyncAsync(sample.Root, default);
                        break;
                    case 3 or 4 or 5:
                        await sample.SendAsync(store, chunk);
                        break;
                    default:
                        await sample.IsInAsync(store, chunk);
                        if (store.ReadProof(sample.Root, chunk) is { } proof) Assert.Equal(sample.Proof(chunk), proof);
                        break;
                }
            }
        })));
        Assert.All(store.List(), h => Assert.Equal(0, h.Damaged));
        foreach (SampleBlob sample in samples) await SampleBlob.PutAsync(store, sample.Content);
        foreach (SampleBlob sample in samples) await sample.AssertWholeAsync(store);
        Assert.Equal(samples.Sum(s => s.Size), store.UsedBytes);
    }
}
