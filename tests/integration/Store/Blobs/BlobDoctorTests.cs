using Crdt.KillWriter;
using Crdt.Store;

namespace Crdt.Integration.Store.Blobs;

/// <summary>Attachments under the eyes of the doctor, and in a backup.</summary>
public sealed class BlobDoctorTests : IDisposable
{
    private const int Chunk = BlobTree.ChunkLengthBytes;

    private readonly string root = Directory.CreateTempSubdirectory("crdt-blobs-").FullName;
    private readonly StoreKey key = StoreKey.FromBytes(new byte[32]);

    private string Place => Path.Combine(root, "replica");

    private StoreDoctorOptions Options => new() { Replica = Ledger.Options(24), Key = key };

    public void Dispose()
    {
        key.Dispose();
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task The_doctor_names_damaged_and_missing_chunks_and_leftovers_and_gives_up_what_is_damaged()
    {
        StoreDoctorOptions plain = Options with { Key = null };
        SampleBlob whole = await SampleBlob.MakeAsync(3 * Chunk, 1), part = await SampleBlob.MakeAsync(3 * Chunk, 2), lost = await SampleBlob.MakeAsync(500, 3);
        await using (Replica replica = await Replica.OpenAsync(FileReplicaStore.Create(Place, Ledger.Identity), Ledger.Options(24)))
            await Ledger.CommitAsync(replica, 1);
        StoreReport report = await StoreDoctor.CheckAsync(Place, plain);
        Assert.Empty(report.Findings);
        Assert.Equal(0, report.Blobs);

        await using (FileReplicaStore store = FileReplicaStore.Open(Place))
        {
            await SampleBlob.PutAsync(store.Blobs, whole.Content);
            await part.SendAsync(store.Blobs, 1);
        }
        report = await StoreDoctor.CheckAsync(Place, plain);
        Assert.True(report.IsSound);
        StoreFinding incomplete = Assert.Single(report.Findings);
        Assert.Equal((StoreFindingKind.BlobIncomplete, $"attachment {part.Root}", "Of its 3 chunks, 1 are there."), (incomplete.Kind, incomplete.Where, incomplete.Problem));
        Assert.Equal((2, 4L * Chunk), (report.Blobs, report.BlobLengthBytes));

        string folder = Path.Combine(Place, "blobs"), ofWhole = Path.Combine(folder, whole.Root + ".blob"), ofLost = Path.Combine(folder, lost.Root + ".blob");
        await using (FileReplicaStore store = FileReplicaStore.Open(Place))
            await SampleBlob.PutAsync(store.Blobs, lost.Content);
        File.WriteAllBytes(ofLost, new byte[900]);
        byte[] bytes = File.ReadAllBytes(ofWhole);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(ofWhole, bytes);
        File.WriteAllText(Path.Combine(folder, "1.tmp"), "half");
        string[] before = [.. Directory.GetFiles(folder).Order()];
        report = await StoreDoctor.CheckAsync(Place, plain);
        Assert.Equal(before, Directory.GetFiles(folder).Order());
        Assert.Equal(bytes, File.ReadAllBytes(ofWhole));
        Assert.False(report.IsSound);
        Assert.Equal(
            [StoreFindingKind.LeftOver, StoreFindingKind.BlobDamaged, StoreFindingKind.BlobDamaged, StoreFindingKind.BlobIncomplete],
            report.Findings.Select(f => f.Kind));
        Assert.Contains(report.Findings, f => f.Where == $"attachment {whole.Root}" && f.Problem.Contains("of its 3 chunks, 1", StringComparison.OrdinalIgnoreCase));
        Assert.Contains(report.Findings, f => f.Where == $"blobs/{Path.GetFileName(ofLost)}");
        Assert.All(report.Findings, f => Assert.True(f.IsHarmless || f.IsRepairable));

        report = await StoreDoctor.RepairAsync(Place, plain);
        Assert.True(report.IsSound, string.Join('\n', report.Findings));
        Assert.Equal(2, report.Repairs.Count(r => r.Contains("given up", StringComparison.Ordinal) || r.Contains("moved aside", StringComparison.Ordinal)));
        Assert.Contains(report.Findings, f => f.Problem == "Of its 3 chunks, 2 are there, 1 were damaged.");
        await using FileReplicaStore mended = FileReplicaStore.Open(Place);
        await whole.SendAsync(mended.Blobs, 1);
        await whole.AssertWholeAsync(mended.Blobs);
    }

    [Fact]
    public async Task A_backup_takes_along_what_is_there_also_while_more_arrives()
    {
        SampleBlob whole = await SampleBlob.MakeAsync(20 * Chunk, 1), arriving = await SampleBlob.MakeAsync(150 * Chunk, 2);
        await using Replica replica = await Replica.OpenAsync(FileReplicaStore.Create(Place, Ledger.Identity, key), Ledger.Options(24));
        await Ledger.CommitAsync(replica, 1);
        await replica.DisposeAsync();
        await using FileReplicaStore store = FileReplicaStore.Open(Place, key);
        await SampleBlob.PutAsync(store.Blobs, whole.Content);
        await arriving.SendAsync(store.Blobs, 7);
        Task more = Task.Run(async () =>
        {
            for (int chunk = 0; chunk < 150; chunk++)
            {
                await arriving.SendAsync(store.Blobs, chunk);
                if (chunk % 20 == 0) await store.Blobs.SyncAsync(arriving.Root, default);
            }
        });
        var copies = new List<string>();
        do
        {
            string copy = Path.Combine(root, $"copy{copies.Count}");
            StoreBackupReport made = await StoreBackup.CopyAsync(Place, copy);
            Assert.Equal(2, made.Blobs);
            Assert.InRange(made.BlobLengthBytes, 170L * Chunk, 180L * Chunk);
            copies.Add(copy);
        }
        while (!more.IsCompleted);
        await more;
        foreach (string copy in copies)
        {
            StoreReport report = await StoreDoctor.CheckAsync(copy, Options);
            Assert.True(report.IsSound, string.Join('\n', report.Findings));
            await using FileReplicaStore opened = FileReplicaStore.Open(copy, key);
            await whole.AssertWholeAsync(opened.Blobs);
            Assert.True(await arriving.IsInAsync(opened.Blobs, 7));
        }
    }
}
