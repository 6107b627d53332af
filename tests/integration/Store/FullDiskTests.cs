using Crdt.KillWriter;
using Crdt.Store;
using Xunit.Abstractions;

namespace Crdt.Integration.Store;

/// <summary>A real file system that is full, or that lets nobody write.</summary>
public sealed class FullDiskTests(ITestOutputHelper output)
{
    [TmpfsFact]
    public async Task A_full_disk_loses_nothing_reads_go_on_and_writing_resumes_when_there_is_room()
    {
        using var disk = new Tmpfs(8 << 20);
        string directory = Path.Combine(disk.Path, "replica"), ballast = Path.Combine(disk.Path, "ballast");
        await File.WriteAllBytesAsync(ballast, new byte[4 << 20]);
        FileReplicaStore store = FileReplicaStore.Create(directory, Ledger.Identity);
        long acknowledged = 0, refused = 0;
        await using (Replica replica = await Replica.OpenAsync(store, Ledger.Options(24)))
        {
            while (refused == 0 && acknowledged < 100_000)
            {
                if (await TryCommitAsync(replica, acknowledged + 1)) acknowledged++;
                else refused++;
            }
            Assert.True(refused > 0);
            for (int i = 0; i < 20; i++)
            {
                // What is small may still find room; what does not is refused, and everything is as before.
                if (await TryCommitAsync(replica, acknowledged + 1)) acknowledged++;
                Assert.Equal((acknowledged, (string?)null), Ledger.Check(replica));
            }
            output.WriteLine($"full after {acknowledged} transactions");
            File.Delete(ballast);
            long before = acknowledged;
            for (int i = 0; i < 60; i++)
            {
                if (await TryCommitAsync(replica, acknowledged + 1)) acknowledged++;
            }
            Assert.Equal(before + 60, acknowledged);
            await replica.FlushAsync();
            Assert.Null(replica.ProjectionError);
            Assert.Equal((acknowledged, (string?)null), Ledger.Check(replica));
        }
        await using Replica again = await Replica.OpenAsync(FileReplicaStore.Open(directory), Ledger.Options(24));
        Assert.Equal((acknowledged, (string?)null), Ledger.Check(again));
    }

    [TmpfsFact]
    public async Task A_replica_left_on_a_full_disk_opens_there_once_there_is_room_and_says_so_before()
    {
        using var disk = new Tmpfs(8 << 20);
        string directory = Path.Combine(disk.Path, "replica"), ballast = Path.Combine(disk.Path, "ballast");
        await using (Replica replica = await Replica.OpenAsync(
            FileReplicaStore.Create(directory, Ledger.Identity), Ledger.Options(24)))
        {
            for (int n = 1; n <= 30; n++) await Ledger.CommitAsync(replica, n);
        }
        Directory.Delete(Path.Combine(directory, "projection"), recursive: true);
        Fill(ballast);
        try
        {
            // Without its projection, which does not find room: it may work from memory, or say what is the case.
            await using Replica cramped = await Replica.OpenAsync(FileReplicaStore.Open(directory), Ledger.Options(24));
            Assert.Equal((30L, (string?)null), Ledger.Check(cramped));
        }
        catch (StoreException e)
        {
            Assert.Equal(StoreError.DiskFull, e.Error);
        }
        File.Delete(ballast);
        await using Replica roomy = await Replica.OpenAsync(FileReplicaStore.Open(directory), Ledger.Options(24));
        Assert.Equal((30L, (string?)null), Ledger.Check(roomy));
    }

    [TmpfsFact]
    public async Task A_disk_that_lets_nobody_write_is_told_as_that_and_the_doctor_reads_it_none_the_less()
    {
        using var disk = new Tmpfs(16 << 20);
        string directory = Path.Combine(disk.Path, "replica");
        await using (Replica replica = await Replica.OpenAsync(
            FileReplicaStore.Create(directory, Ledger.Identity), Ledger.Options(24)))
        {
            for (int n = 1; n <= 30; n++) await Ledger.CommitAsync(replica, n);
        }
        disk.Remount("ro");
        StoreException error = Assert.Throws<StoreException>(() => FileReplicaStore.Open(directory));
        Assert.Equal(StoreError.WriteFailed, error.Error);
        Assert.Contains("Read-only", error.Message, StringComparison.OrdinalIgnoreCase);
        StoreReport report = await StoreDoctor.CheckAsync(directory, new StoreDoctorOptions { Replica = Ledger.Options(24) });
        Assert.True(report.IsSound, string.Join('\n', report.Findings));
        disk.Remount("rw");
        await using Replica again = await Replica.OpenAsync(FileReplicaStore.Open(directory), Ledger.Options(24));
        Assert.Equal((30L, (string?)null), Ledger.Check(again));
    }

    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.Create);
        try
        {
            while (true)
            {
                file.Write(new byte[4096]);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static async Task<bool> TryCommitAsync(Replica replica, long n)
    {
        try
        {
            await Ledger.CommitAsync(replica, n);
            return true;
        }
        catch (StoreException e)
        {
            Assert.Equal(StoreError.DiskFull, e.Error);
            return false;
        }
    }
}
