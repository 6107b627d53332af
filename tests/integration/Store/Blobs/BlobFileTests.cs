using System.Security.Cryptography;
using Crdt.Store;
using Crdt.Store.AtRest;
using Crdt.Store.Blobs;
using Crdt.Store.Doctor;
using Crdt.Store.Log;

namespace Crdt.Integration.Store.Blobs;

/// <summary>What lies on the disk: damaged, exchanged, read by others, and in whose directory.</summary>
public sealed class BlobFileTests : IDisposable
{
    private const int Chunk = BlobTree.ChunkLengthBytes;
    private const string Folder = "/replica/blobs";

    private readonly AtRestCipher cipher = new(new byte[AtRestCipher.KeyLengthBytes]);

    public void Dispose() => cipher.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_damaged_chunk_is_not_there_any_more_and_can_come_again(bool isEncrypted)
    {
        SampleBlob sample = await SampleBlob.MakeAsync((6 * Chunk) + 100);
        (SimulatedDisk disk, string path, BlobFormat format) = await PutAsync(sample, isEncrypted);
        Flip(disk, path, format.OffsetOfChunk(2) + 5_000, format.OffsetOfChunk(6) + 99);
        FileBlobStore store = Open(disk, isEncrypted);
        Assert.Equal(new BlobHolding(sample.Root, sample.Size, 7, 0, 7), store.Find(sample.Root));
        for (int i = 0; i < 2; i++)
        {
            for (int chunk = 0; chunk < 7; chunk++) Assert.Equal(chunk is not (2 or 6), await sample.IsInAsync(store, chunk));
            Assert.Null(store.ReadProof(sample.Root, 2));
            Assert.Equal(new BlobHolding(sample.Root, sample.Size, 5, 2, 2), store.Find(sample.Root));
            Assert.Equal(sample.Size - Chunk - 100, store.UsedBytes);
            Assert.Equal(6, store.FindNext(sample.Root, 3, isThere: false));
            // It is known after the next opening, too.
            await store.DisposeAsync();
            store = Open(disk, isEncrypted);
        }
        Assert.Equal(new BlobHolding(sample.Root, sample.Size, 5, 2, 2), store.Find(sample.Root));
        Assert.True(await sample.SendAsync(store, 6));
        Assert.Equal(new BlobHolding(sample.Root, sample.Size, 6, 1, 2), store.Find(sample.Root));
        Assert.True(await sample.SendAsync(store, 2));
        await sample.AssertWholeAsync(store);
        await store.DisposeAsync();
        await using FileBlobStore again = Open(disk, isEncrypted);
        await sample.AssertWholeAsync(again);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Damaged_nodes_come_out_again_from_those_below_and_cost_no_chunk(bool isEncrypted)
    {
        SampleBlob sample = await SampleBlob.MakeAsync((10 * Chunk) + 100);
        for (long position = 0; position < (2 * sample.Tree.Chunks) - 1; position++)
        {
            (SimulatedDisk disk, string path, BlobFormat format) = await PutAsync(sample, isEncrypted);
            byte[] before = disk[path];
            Flip(disk, path, format.OffsetOfNode(position) + 3);
            await using (FileBlobStore store = Open(disk, isEncrypted)) await sample.AssertWholeAsync(store);
            // And it is written again: as it was, or sealed anew.
            if (!isEncrypted && position != sample.Tree.PositionOf(sample.Tree.Levels - 1, 0)) Assert.Equal(before, disk[path]);
        }
    }

    [Fact]
    public async Task A_leaf_and_its_chunk_damaged_at_once_cost_that_chunk_and_at_most_its_neighbour()
    {
        SampleBlob sample = await SampleBlob.MakeAsync((6 * Chunk) + 100);
        (SimulatedDisk disk, string path, BlobFormat format) = await PutAsync(sample, isEncrypted: false);
        Flip(disk, path, format.OffsetOfLeaf(4), format.OffsetOfChunk(4));
        await using FileBlobStore store = Open(disk, isEncrypted: false);
        for (int chunk = 0; chunk < 7; chunk++) Assert.Equal(chunk is not (4 or 5), await sample.IsInAsync(store, chunk));
        await sample.SendAsync(store, 4);
        await sample.SendAsync(store, 5);
        await sample.AssertWholeAsync(store);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_damaged_beginning_or_end_is_survived_and_of_both_the_file_stays_until_the_content_comes_again(bool isEncrypted)
    {
        SampleBlob sample = await SampleBlob.MakeAsync((2 * Chunk) + 100);
        foreach (int what in new[] { 1, 2, 3 })
        {
            (SimulatedDisk disk, string path, BlobFormat format) = await PutAsync(sample, isEncrypted);
            if ((what & 1) != 0) Flip(disk, path, 40);
            if ((what & 2) != 0) Flip(disk, path, disk[path].Length - format.NodeLengthBytes - 70);
            await using FileBlobStore store = Open(disk, isEncrypted);
            if (what < 3) await sample.AssertWholeAsync(store);
            else
            {
                Assert.Equal([Path.GetFileName(path)], store.Unreadable);
                Assert.Null(store.Find(sample.Root));
                Assert.True(disk.Exists(path));
                await SampleBlob.PutAsync(store, sample.Content);
                await sample.AssertWholeAsync(store);
            }
        }
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_costs_its_blob_and_no_other()
    {
        SampleBlob sample = await SampleBlob.MakeAsync((2 * Chunk) + 100), other = await SampleBlob.MakeAsync(100, 2);
        (SimulatedDisk disk, string path, BlobFormat _) = await PutAsync(sample, isEncrypted: false);
        await using (FileBlobStore first = Open(disk, isEncrypted: false)) await SampleBlob.PutAsync(first, other.Content);
        disk.Reading = (read, _) => { if (read == path) throw new IOException("Input/output error", 5); };
        await using (FileBlobStore store = Open(disk, isEncrypted: false))
        {
            Assert.Equal([Path.GetFileName(path)], store.Unreadable);
            Assert.Null(store.Find(sample.Root));
            await other.AssertWholeAsync(store);
        }
        disk.Reading = null;
        await using (FileBlobStore store = Open(disk, isEncrypted: false)) await sample.AssertWholeAsync(store);
        // What is wrong with the disk as a whole is none of one blob.
        disk.Reading = (_, _) => throw new IOException("Too many open files", 24);
        Assert.Equal(StoreError.ReadFailed, Assert.Throws<StoreException>(() => Open(disk, isEncrypted: false)).Error);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_node_of_the_tree_that_the_disk_cannot_read_is_made_anew_from_those_below_it(bool isEncrypted)
    {
        SampleBlob sample = await SampleBlob.MakeAsync((4 * Chunk) + 100);
        (SimulatedDisk disk, string path, BlobFormat format) = await PutAsync(sample, isEncrypted);
        for (int position = 0; position < 9; position++)
        {
            long unreadable = format.OffsetOfNode(position);
            disk.Reading = (read, at) => { if (read == path && at == unreadable) throw new IOException("Input/output error", 5); };
            await using FileBlobStore store = Open(disk, isEncrypted);
            await sample.AssertWholeAsync(store);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_doctor_tells_of_a_chunk_that_the_disk_cannot_read_and_gives_up_that_one_alone(bool isEncrypted)
    {
        SampleBlob sample = await SampleBlob.MakeAsync((4 * Chunk) + 100);
        (SimulatedDisk disk, string path, BlobFormat format) = await PutAsync(sample, isEncrypted);
        disk.Reading = (read, at) => { if (read == path && at == format.OffsetOfChunk(2)) throw new IOException("Input/output error", 5); };
        byte[] before = disk[path];
        StoreFinding found = Assert.Single(await Survey().RunAsync(isInUse: false, default));
        Assert.Equal((StoreFindingKind.BlobDamaged, $"attachment {sample.Root}", "Of its 5 chunks, 1 that should be there are damaged."), (found.Kind, found.Where, found.Problem));
        Assert.Contains("--repair", found.WayOut);
        Assert.Equal(before, disk[path]);

        Assert.Equal([$"Of the attachment {sample.Root}, damaged chunks given up: 1."], await Survey().RepairAsync(default));
        Assert.Equal("Of its 5 chunks, 4 are there, 1 were damaged.", Assert.Single(await Survey().RunAsync(isInUse: false, default)).Problem);
        await using FileBlobStore store = Open(disk, isEncrypted);
        for (int chunk = 0; chunk < 5; chunk++) Assert.Equal(chunk != 2, await sample.IsInAsync(store, chunk));
        disk.Reading = null; // a sector that is written anew is another one
        await sample.SendAsync(store, 2);
        await sample.AssertWholeAsync(store);

        BlobSurvey Survey() => new(disk, Path.GetDirectoryName(Folder)!, isEncrypted ? cipher : null);
    }

    [Fact]
    public async Task A_file_whose_end_is_missing_gives_what_can_still_be_proven()
    {
        SampleBlob sample = await SampleBlob.MakeAsync((6 * Chunk) + 100);
        (SimulatedDisk disk, string path, BlobFormat format) = await PutAsync(sample, isEncrypted: true);
        disk[path] = disk[path][..(int)(format.OffsetOfChunk(6) + 7)];
        await using FileBlobStore store = Open(disk, isEncrypted: true);
        for (int chunk = 0; chunk < 7; chunk++) Assert.Equal(chunk < 6, await sample.IsInAsync(store, chunk));
        Assert.Equal(new BlobHolding(sample.Root, sample.Size, 6, 1, 6), store.Find(sample.Root));
        await sample.SendAsync(store, 6);
        await sample.AssertWholeAsync(store);
        await store.DisposeAsync();
        await using FileBlobStore again = Open(disk, isEncrypted: true);
        await sample.AssertWholeAsync(again);
    }

    [Fact]
    public async Task Any_byte_of_a_file_may_change_and_nothing_wrong_is_given_back()
    {
        SampleBlob sample = await SampleBlob.MakeAsync(2 * Chunk);
        foreach (bool isEncrypted in new[] { false, true })
        {
            (SimulatedDisk disk, string path, BlobFormat _) = await PutAsync(sample, isEncrypted);
            byte[] whole = disk[path];
            var random = new Random(7);
            for (int i = 0; i < 120; i++)
            {
                disk[path] = whole;
                Flip(disk, path, i < 60 ? random.Next(400) : i < 100 ? whole.Length - 1 - random.Next(400) : random.Next(whole.Length));
                await using FileBlobStore store = Open(disk, isEncrypted);
                for (int chunk = 0; chunk < 2; chunk++)
                {
                    await sample.IsInAsync(store, chunk);
                    if (store.ReadProof(sample.Root, chunk) is { } proof) Assert.Equal(sample.Proof(chunk), proof);
                }
            }
        }
    }

    [Fact]
    public async Task Nothing_of_an_encrypted_blob_can_be_read_on_the_disk_nor_which_it_is()
    {
        SampleBlob sample = await SampleBlob.MakeAsync((4 * Chunk) + 3_000);
        var disk = new SimulatedDisk();
        await using (FileBlobStore store = Open(disk, isEncrypted: true))
        {
            await sample.SendAsync(store, 1);
            foreach (byte[] file in disk.ListFiles(Folder).Select(f => disk[Path.Combine(Folder, f)])) AssertTellsNothing(file);
            await SampleBlob.PutAsync(store, sample.Content);
        }
        string name = Assert.Single(disk.ListFiles(Folder));
        Assert.DoesNotContain(sample.Root.ToString(), name, StringComparison.OrdinalIgnoreCase);
        AssertTellsNothing(disk[Path.Combine(Folder, name)]);
        // The same content under another key has another name, and under none its own.
        using var other = new AtRestCipher([.. Enumerable.Repeat((byte)1, AtRestCipher.KeyLengthBytes)]);
        var otherDisk = new SimulatedDisk();
        await using (FileBlobStore store = FileBlobStore.Open(otherDisk, Folder, other)) await SampleBlob.PutAsync(store, sample.Content);
        Assert.NotEqual(name, Assert.Single(otherDisk.ListFiles(Folder)));
        (SimulatedDisk _, string plain, BlobFormat _) = await PutAsync(sample, isEncrypted: false);
        Assert.Equal(sample.Root + ".blob", Path.GetFileName(plain));

        void AssertTellsNothing(ReadOnlySpan<byte> file)
        {
            byte[] hash = new byte[BlobHash.LengthBytes];
            for (int chunk = 0; chunk < sample.Tree.Chunks; chunk++)
            {
                Assert.Equal(-1, file.IndexOf(sample.Chunk(chunk).Span[..32]));
                foreach (BlobHash node in (BlobHash[])[BlobTree.HashLeaf(sample.Chunk(chunk).Span), .. sample.Proof(chunk)])
                {
                    node.WriteBytes(hash);
                    Assert.Equal(-1, file.IndexOf(hash));
                }
            }
            sample.Root.WriteBytes(hash);
            Assert.Equal(-1, file.IndexOf(hash));
            Assert.Equal(-1, file.IndexOf(SHA256.HashData(sample.Content)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Chunks_and_files_that_were_exchanged_are_noticed(bool isEncrypted)
    {
        SampleBlob sample = await SampleBlob.MakeAsync(5 * Chunk, 1), other = await SampleBlob.MakeAsync(5 * Chunk, 2);
        (SimulatedDisk disk, string path, BlobFormat format) = await PutAsync(sample, isEncrypted);
        string otherPath;
        await using (FileBlobStore store = Open(disk, isEncrypted))
        {
            await SampleBlob.PutAsync(store, other.Content);
            otherPath = Path.Combine(Folder, disk.ListFiles(Folder).Single(f => f != Path.GetFileName(path)));
        }
        byte[] mine = disk[path], theirs = disk[otherPath], swapped = [.. mine];
        int length = format.LeafAndChunkLengthBytes, at1 = (int)format.OffsetOfLeaf(1), at2 = (int)format.OffsetOfLeaf(2), at3 = (int)format.OffsetOfLeaf(3);
        // Two within the file, with their leaves, and one from another file at its own place.
        mine.AsSpan(at1, length).CopyTo(swapped.AsSpan(at2));
        mine.AsSpan(at2, length).CopyTo(swapped.AsSpan(at1));
        theirs.AsSpan(at3, length).CopyTo(swapped.AsSpan(at3));
        disk[path] = swapped;
        await using (FileBlobStore store = Open(disk, isEncrypted))
        {
            foreach (int chunk in new[] { 1, 2, 3 }) Assert.False(await sample.IsInAsync(store, chunk));
            Assert.True(await sample.IsInAsync(store, 4));
            Assert.Equal(3, store.Find(sample.Root)!.Value.Damaged);
        }
        (disk[path], disk[otherPath]) = (theirs, mine);
        await using FileBlobStore exchanged = Open(disk, isEncrypted);
        Assert.Equal(2, exchanged.Unreadable.Count);
        Assert.Empty(exchanged.List());
    }

    [Fact]
    public async Task What_a_later_version_wrote_is_refused_by_name_and_left_alone()
    {
        (SimulatedDisk disk, string path, BlobFormat _) = await PutAsync(await SampleBlob.MakeAsync(100), isEncrypted: false);
        byte[] bytes = disk[path];
        bytes[8] = 7;
        System.IO.Hashing.XxHash3.Hash(bytes.AsSpan(0, BlobFormat.HeaderLengthBytes - 8)).AsSpan().ToArray().Reverse().ToArray()
            .CopyTo(bytes.AsSpan(BlobFormat.HeaderLengthBytes - 8));
        disk[path] = bytes;
        StoreException error = Assert.Throws<StoreException>(() => Open(disk, isEncrypted: false));
        Assert.Equal(StoreError.UnsupportedFormat, error.Error);
        Assert.Contains(Path.GetFileName(path), error.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, disk[path]);
    }

    [Fact]
    public async Task A_bounded_number_of_files_is_open_however_many_blobs_there_are()
    {
        SampleBlob[] samples = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => SampleBlob.MakeAsync(Chunk + i, i)));
        await using FileBlobStore store = FileBlobStore.Open(new SimulatedDisk(), Folder, null, filesMax: 3);
        foreach (SampleBlob sample in samples) await SampleBlob.PutAsync(store, sample.Content);
        for (int i = 0; i < 3; i++)
        {
            foreach (SampleBlob sample in samples) await sample.AssertWholeAsync(store);
            Assert.Equal(3, store.OpenFiles);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_replica_has_its_blobs_beside_its_log_under_the_same_key(bool isEncrypted)
    {
        var disk = new SimulatedDisk();
        var identity = new ReplicaIdentity(SpaceId.FromBytes(new byte[32]), new ReplicaId(Guid.Parse("00000000-0000-4000-8000-0000000000aa")), ReplicaRole.Client);
        using StoreKey? key = isEncrypted ? StoreKey.FromBytes(new byte[32]) : null;
        var options = new LogOptions { Disk = disk };
        SampleBlob sample = await SampleBlob.MakeAsync(Chunk + 8);
        FileReplicaStore replica = FileReplicaStore.Create("/replica", identity, options, key);
        Assert.Empty(replica.Blobs.List());
        await SampleBlob.PutAsync(replica.Blobs, sample.Content);
        IBlobStore closed = replica.Blobs;
        await replica.DisposeAsync();
        Assert.Equal(StoreError.Closed, Assert.Throws<StoreException>(() => replica.Blobs).Error);
        Assert.Equal(StoreError.Closed, (await Assert.ThrowsAsync<StoreException>(async () => await closed.CreateAsync(default))).Error);
        Assert.Equal(isEncrypted, disk.ListFiles(Folder).Single() != sample.Root + ".blob");
        await using FileReplicaStore again = FileReplicaStore.Open("/replica", options, key);
        await sample.AssertWholeAsync(again.Blobs);
    }

    [Fact]
    public async Task A_store_of_its_own_is_one_process_alone_and_wants_its_key()
    {
        string directory = Directory.CreateTempSubdirectory("crdt-blobs-").FullName;
        try
        {
            using StoreKey key = StoreKey.FromBytes(new byte[32]), wrong = StoreKey.FromBytes([.. Enumerable.Repeat((byte)9, 32)]);
            await using (FileBlobStore store = FileBlobStore.Open(directory, key))
            {
                Assert.Equal(StoreError.InUse, Assert.Throws<StoreException>(() => FileBlobStore.Open(directory, key)).Error);
                await SampleBlob.PutAsync(store, new byte[10]);
            }
            Assert.Equal(StoreError.KeyRequired, Assert.Throws<StoreException>(() => FileBlobStore.Open(directory)).Error);
            Assert.Equal(StoreError.WrongKey, Assert.Throws<StoreException>(() => FileBlobStore.Open(directory, wrong)).Error);
            File.Delete(Path.Combine(directory, "store.key"));
            Assert.Equal(StoreError.NotEncrypted, Assert.Throws<StoreException>(() => FileBlobStore.Open(directory, key)).Error);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private FileBlobStore Open(SimulatedDisk disk, bool isEncrypted) => FileBlobStore.Open(disk, Folder, isEncrypted ? cipher : null);

    private async Task<(SimulatedDisk Disk, string Path, BlobFormat Format)> PutAsync(SampleBlob sample, bool isEncrypted)
    {
        var disk = new SimulatedDisk();
        await using (FileBlobStore store = Open(disk, isEncrypted)) await SampleBlob.PutAsync(store, sample.Content);
        return (disk, Path.Combine(Folder, Assert.Single(disk.ListFiles(Folder))), BlobFormat.Create(isEncrypted ? cipher : null));
    }

    private static void Flip(SimulatedDisk disk, string path, params long[] offsets)
    {
        byte[] bytes = disk[path];
        foreach (long offset in offsets) bytes[offset] ^= 0x10;
        disk[path] = bytes;
    }
}
