using Crdt.KillWriter;
using Crdt.Store;
using Xunit.Abstractions;

namespace Crdt.Integration.Store;

/// <summary>Files that were cut, flipped, zeroed or filled with garbage: every reopened state is what whole transactions lead to, or
/// there is a typed error.</summary>
public sealed class StoreFuzzTests(ITestOutputHelper output) : IDisposable
{
    private const int Transactions = 50;

    private readonly string root = Directory.CreateTempSubdirectory("crdt-fuzz-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    private string Base => Path.Combine(root, "base");

    private string Victim => Path.Combine(root, "victim");

    private string Segment => Path.Combine(Victim, "log", "00000000000000000000.seg");

    [Fact]
    public async Task A_log_cut_or_garbled_anywhere_behind_its_beginning_leaves_a_prefix_of_whole_transactions()
    {
        long[] ends = await MakeAsync(isClosed: false);
        var random = new Random(1);
        for (int round = 0; round < 80; round++)
        {
            CopyBase();
            byte[] bytes = File.ReadAllBytes(Segment);
            int cut = random.Next((int)ends[0], bytes.Length + 1);
            byte[] tail = new byte[random.Next(3) == 0 ? 0 : random.Next(5_000)];
            if (random.Next(2) == 0) random.NextBytes(tail);
            File.WriteAllBytes(Segment, [.. bytes[..cut], .. tail]);
            (long last, string? wrong) = await OpenAsync();
            Assert.Null(wrong);
            Assert.Equal(ends.Count(end => end <= cut) - 1, last);
        }
    }

    [Fact]
    public async Task A_flipped_bit_anywhere_in_a_log_is_never_read_and_the_doctor_finds_it()
    {
        await MakeAsync(isClosed: true);
        var random = new Random(2);
        int refused = 0, unread = 0;
        for (int round = 0; round < 80; round++)
        {
            CopyBase();
            byte[] bytes = File.ReadAllBytes(Segment);
            // The last 24 bytes are the seal, which holds nothing.
            int at = random.Next(bytes.Length - 24);
            bytes[at] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(Segment, bytes);
            StoreReport report = await StoreDoctor.CheckAsync(Victim, new StoreDoctorOptions { Replica = Ledger.Options(24) });
            Assert.Contains(report.Findings, f => f.Kind == StoreFindingKind.LogDamaged);
            try
            {
                (long last, string? wrong) = await OpenAsync();
                Assert.Equal((Transactions, (string?)null), (last, wrong));
                unread++;
            }
            catch (StoreException e)
            {
                Assert.Equal(StoreError.LogDamaged, e.Error);
                Assert.Contains("00000000000000000000.seg", e.Message, StringComparison.Ordinal);
                refused++;
            }
        }
        output.WriteLine($"{refused} refused when opened, {unread} had no need to read there");
    }

    /// <summary>As a crash leaves it, what was projected lies in LiteDB's log: damage there is the end of it, and the replica's log
    /// is applied from an earlier point. Closed, it lies in the data.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whatever_becomes_of_the_projection_the_state_is_right_or_the_error_is_typed_and_the_next_opening_right(bool isClosed)
    {
        await MakeAsync(isClosed);
        var random = new Random(3);
        int told = 0, unnoticed = 0, anew = 0;
        for (int round = 0; round < 80; round++)
        {
            CopyBase();
            string[] files = [.. Directory.GetFiles(Path.Combine(Victim, "projection"), "*.pages").Order().Where(f => new FileInfo(f).Length > 0)];
            string path = files[random.Next(files.Length)];
            File.WriteAllBytes(path, Damage(File.ReadAllBytes(path), random));
            try
            {
                (long last, string? wrong) = await OpenAsync();
                Assert.Equal((Transactions, (string?)null), (last, wrong));
                if (Directory.GetFiles(Path.Combine(Victim, "projection"), "*.1").Length > 0) anew++;
                else unnoticed++;
            }
            catch (StoreException e)
            {
                Assert.Equal(StoreError.ProjectionDamaged, e.Error);
                told++;
                Assert.Equal((Transactions, (string?)null), await OpenAsync());
            }
        }
        output.WriteLine($"{anew} begun anew when opened, {told} told while in use, {unnoticed} were of no account");
        if (isClosed) Assert.InRange(anew + told, 30, 80);
    }

    private static byte[] Damage(byte[] bytes, Random random)
    {
        int at = random.Next(bytes.Length);
        switch (random.Next(4))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                return bytes[..at];
            case 2:
                bytes.AsSpan(at / 4096 * 4096, Math.Min(4096, bytes.Length - (at / 4096 * 4096))).Clear();
                return bytes;
            default:
                random.NextBytes(bytes.AsSpan(at, Math.Min(random.Next(20_000), bytes.Length - at)));
                return bytes;
        }
    }

    /// <summary>A replica after some transactions; as a crash leaves it, or closed.</summary>
    /// <returns>Where the log ended after each, the founding first.</returns>
    private async Task<long[]> MakeAsync(bool isClosed)
    {
        string directory = Path.Combine(root, "made");
        FileReplicaStore store = FileReplicaStore.Create(directory, Ledger.Identity);
        await using Replica replica = await Replica.OpenAsync(store, Ledger.Options(24));
        List<long> ends = [store.LogEnd.Value];
        for (int n = 1; n <= Transactions; n++)
        {
            await Ledger.CommitAsync(replica, n);
            ends.Add(store.LogEnd.Value);
        }
        if (isClosed) await replica.DisposeAsync();
        // The projection at rest: a copy of files that change meanwhile is none that a crash leaves.
        else await replica.FlushAsync();
        Copy(directory, Base);
        return [.. ends];
    }

    private void CopyBase()
    {
        if (Directory.Exists(Victim)) Directory.Delete(Victim, recursive: true);
        Copy(Base, Victim);
    }

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            if (Path.GetFileName(file) == "lock") continue;
            using FileStream source = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using FileStream copy = new(target, FileMode.Create);
            source.CopyTo(copy);
        }
    }

    private async Task<(long Last, string? Wrong)> OpenAsync()
    {
        FileReplicaStore store = FileReplicaStore.Open(Victim);
        Replica? replica = null;
        try
        {
            replica = await Replica.OpenAsync(store, Ledger.Options(24));
            return Ledger.Check(replica);
        }
        finally
        {
            if (replica is null) await store.DisposeAsync();
            else await replica.DisposeAsync();
        }
    }
}
