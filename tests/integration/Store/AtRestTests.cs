using System.Security.Cryptography;
using System.Text;
using Crdt.Store;
using Crdt.Store.AtRest;
using Crdt.Store.Log;
using static Crdt.Integration.Store.StoredEntities;

namespace Crdt.Integration.Store;

/// <summary>Encrypted replicas: what is on the disk, who opens it, and what changing the key does.</summary>
public sealed class AtRestTests : IDisposable
{
    private const string Secret = "the witness is called Kowalczyk";
    private static readonly byte[] RawKey = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private static readonly ReplicaIdentity Identity = new(
        SpaceId.FromBytes(new byte[32]), new ReplicaId(Guid.Parse("00000000-0000-4000-8000-0000000000aa")), ReplicaRole.Client);

    private readonly string directory = Path.Combine(Path.GetTempPath(), "crdt-rest-" + Guid.NewGuid().ToString("N"));
    private readonly LogOptions options = new() { SegmentLengthBytes = 20_000 };

    public void Dispose()
    {
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
    }

    [Theory]
    [InlineData("01", "ABCDEFGHIJKLMNOPQRSTUVWX", "XAES-256-GCM", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271")]
    [InlineData("03", "ABCDEFGHIJKLMNOPQRSTUVWX", "XAES-256-GCM", "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d")]
    public void The_cipher_gives_the_published_vectors(string key, string nonce, string text, string associated, string expected)
    {
        using var cipher = new AtRestCipher([.. Enumerable.Repeat(Convert.FromHexString(key)[0], 32)]);
        byte[] content = Encoding.ASCII.GetBytes(text), envelope = new byte[AtRestCipher.EnvelopeLengthBytes];
        cipher.Seal(content, envelope, Encoding.ASCII.GetBytes(associated), Encoding.ASCII.GetBytes(nonce));
        Assert.Equal(expected, Convert.ToHexStringLower([.. content, .. envelope[24..]]));
        Assert.False(cipher.TryOpen([.. content], envelope, "else"u8));
        Assert.True(cipher.TryOpen(content, envelope, Encoding.ASCII.GetBytes(associated)));
        Assert.Equal(text, Encoding.ASCII.GetString(content));
    }

    [Fact]
    public void No_two_messages_are_sealed_alike()
    {
        using var cipher = new AtRestCipher(RawKey);
        var seen = new HashSet<string>();
        for (int i = 0; i < 2_000; i++)
        {
            byte[] content = new byte[32], envelope = new byte[AtRestCipher.EnvelopeLengthBytes];
            cipher.Seal(content, envelope, []);
            Assert.True(seen.Add(Convert.ToHexString(content)));
            Assert.True(seen.Add(Convert.ToHexString(envelope)));
        }
    }

    [Fact]
    public async Task Nothing_that_was_written_can_be_read_on_the_disk()
    {
        EntityKey key = new("case", "witness", Secret);
        using (StoreKey opener = StoreKey.FromBytes(RawKey))
        {
            FileReplicaStore store = FileReplicaStore.Create(directory, Identity, options, opener);
            for (int i = 0; i < 40; i++)
            {
                LogEntry entry = new(LogEntryKind.Batch, Identity.Replica, i + 1, i + 1, Encoding.UTF8.GetBytes(Secret + new string('.', 1000)));
                LogPosition end = await store.AppendAsync(new[] { entry }, isDurable: true, default);
                await store.ProjectAsync(new ProjectionUpdate(end, "checkpoint"u8.ToArray(), [Make(key, Encoding.UTF8.GetBytes(Secret), fields: ("name", Value.From(Secret)))]), default);
            }
            await store.DisposeAsync();
        }
        byte[] replica = new byte[16];
        Identity.Replica.WriteBytes(replica);
        string[] files = Directory.GetFiles(directory, "*", SearchOption.AllDirectories);
        Assert.True(files.Count(f => f.EndsWith(".seg", StringComparison.Ordinal)) > 2);
        foreach (string file in files)
        {
            byte[] bytes = File.ReadAllBytes(file);
            Assert.Equal(-1, bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes("Kowalczyk")));
            Assert.Equal(-1, bytes.AsSpan().IndexOf(replica));
            Assert.Equal(-1, bytes.AsSpan().IndexOf("checkpoint"u8));
        }

        Assert.True(FileReplicaStore.IsEncrypted(directory));
        using StoreKey again = StoreKey.FromBytes(RawKey);
        await using FileReplicaStore opened = FileReplicaStore.Open(directory, options, again);
        Assert.Null(opened.ProjectionLoss);
        Assert.Equal(Identity, opened.Identity);
        Assert.Equal(40, opened.ReadLog(default).Count(e => Encoding.UTF8.GetString(e.Entry.Payload.Span).StartsWith(Secret, StringComparison.Ordinal)));
        Assert.Equal(Secret, Text(opened.ReadState(key)));
        Assert.Equal(Secret, opened.Query(db => db.GetCollection("case_witness").FindById(Secret))["name"].AsString);
    }

    [Fact]
    public async Task The_same_content_written_twice_is_not_the_same_on_the_disk()
    {
        using StoreKey opener = StoreKey.FromBytes(RawKey);
        await using (FileReplicaStore store = FileReplicaStore.Create(directory, Identity, opener))
        {
            LogEntry entry = new(LogEntryKind.Batch, Identity.Replica, 1, 1, new byte[4096]);
            await store.AppendAsync(new[] { entry }, isDurable: true, default);
        }
        string segment = Directory.GetFiles(Path.Combine(directory, "log"), "*.seg").Single();
        byte[] bytes = File.ReadAllBytes(segment);
        Assert.True(bytes.Distinct().Count() > 250);
        // Cut off, as a restored backup would be, and written again: other bytes at the same place.
        File.WriteAllBytes(segment, bytes[..^4200]);
        await using (FileReplicaStore store = FileReplicaStore.Open(directory, opener))
        {
            LogEntry entry = new(LogEntryKind.Batch, Identity.Replica, 1, 1, new byte[4096]);
            await store.AppendAsync(new[] { entry }, isDurable: true, default);
        }
        byte[] again = File.ReadAllBytes(segment);
        Assert.InRange(Enumerable.Range(bytes.Length - 4000, 3000).Count(i => bytes[i] == again[i]), 0, 60);
    }

    [Fact]
    public async Task A_wrong_key_or_none_is_told_before_anything_is_touched()
    {
        using StoreKey right = StoreKey.FromPassphrase("correct horse", 1_000);
        await FileReplicaStore.Create(directory, Identity, right).DisposeAsync();
        // What an opening would clean up.
        File.WriteAllText(Path.Combine(directory, "log", "00000000000000000099.seg.tmp"), "draft");
        byte[] before = Fingerprint();
        using StoreKey wrong = StoreKey.FromPassphrase("correct hors", 1_000), raw = StoreKey.FromBytes(RawKey);
        AssertError(StoreError.WrongKey, () => FileReplicaStore.Open(directory, wrong));
        AssertError(StoreError.WrongKey, () => FileReplicaStore.Open(directory, raw));
        AssertError(StoreError.KeyRequired, () => FileReplicaStore.Open(directory));
        AssertError(StoreError.WrongKey, () => FileReplicaStore.ChangeKey(directory, wrong, raw));
        Assert.Equal(before, Fingerprint());
        await FileReplicaStore.Open(directory, right).DisposeAsync();
    }

    [Fact]
    public async Task A_key_for_a_replica_that_is_not_encrypted_is_refused()
    {
        await FileReplicaStore.Create(directory, Identity).DisposeAsync();
        Assert.False(FileReplicaStore.IsEncrypted(directory));
        using StoreKey key = StoreKey.FromBytes(RawKey);
        AssertError(StoreError.NotEncrypted, () => FileReplicaStore.Open(directory, key));
        await FileReplicaStore.Open(directory).DisposeAsync();
    }

    [Fact]
    public async Task Changing_the_passphrase_rewrites_the_key_file_only_and_shuts_the_old_one_out()
    {
        using StoreKey old = StoreKey.FromPassphrase("old", 1_000), next = StoreKey.FromPassphrase("\u00fcber", 2_000);
        await using (FileReplicaStore store = FileReplicaStore.Create(directory, Identity, old))
            AssertError(StoreError.InUse, () => FileReplicaStore.ChangeKey(directory, old, next));
        string[] others = [.. Directory.GetFiles(directory, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith("store.key", StringComparison.Ordinal)).Order()];
        byte[][] before = [.. others.Select(File.ReadAllBytes)];
        FileReplicaStore.ChangeKey(directory, old, next);
        Assert.Equal(before, others.Select(File.ReadAllBytes));
        AssertError(StoreError.WrongKey, () => FileReplicaStore.Open(directory, old));
        // How often it is hashed stands in the file.
        using StoreKey again = StoreKey.FromPassphrase("\u00fcber");
        await FileReplicaStore.Open(directory, again).DisposeAsync();
    }

    [Fact]
    public async Task A_damaged_key_file_is_named_and_one_damaged_copy_is_not_the_end()
    {
        using StoreKey key = StoreKey.FromBytes(RawKey);
        await FileReplicaStore.Create(directory, Identity, key).DisposeAsync();
        string path = Path.Combine(directory, "store.key");
        byte[] intact = File.ReadAllBytes(path);
        for (int at = 0; at < 112; at += 3)
        {
            byte[] damaged = [.. intact];
            damaged[at] ^= 4;
            File.WriteAllBytes(path, damaged);
            await FileReplicaStore.Open(directory, key).DisposeAsync();
            damaged[4096 + at] ^= 4;
            File.WriteAllBytes(path, damaged);
            AssertError(StoreError.KeyDamaged, () => FileReplicaStore.Open(directory, key));
        }
        File.Delete(path);
        AssertError(StoreError.KeyDamaged, () => FileReplicaStore.Open(directory, key));
        File.WriteAllBytes(path, intact);
        await FileReplicaStore.Open(directory, key).DisposeAsync();
    }

    [Fact]
    public async Task A_changed_byte_anywhere_in_an_encrypted_log_is_noticed()
    {
        using StoreKey key = StoreKey.FromBytes(RawKey);
        await using (FileReplicaStore store = FileReplicaStore.Create(directory, Identity, key))
        {
            for (int i = 0; i < 4; i++)
            {
                LogEntry entry = new(LogEntryKind.Batch, Identity.Replica, i + 1, i + 1, RandomNumberGenerator.GetBytes(50));
                await store.AppendAsync(new[] { entry }, isDurable: true, default);
            }
        }
        string segment = Directory.GetFiles(Path.Combine(directory, "log"), "*.seg").Single();
        byte[] intact = File.ReadAllBytes(segment);
        for (int at = 0; at < intact.Length; at++)
        {
            byte[] damaged = [.. intact];
            damaged[at] ^= 0x10;
            File.WriteAllBytes(segment, damaged);
            if (Directory.Exists(Path.Combine(directory, "projection"))) Directory.Delete(Path.Combine(directory, "projection"), recursive: true);
            try
            {
                await using FileReplicaStore opened = FileReplicaStore.Open(directory, key);
                // Only the seal at the end may be lost without being missed: it holds nothing.
                Assert.Equal(4, opened.ReadLog(default).Count());
                Assert.True(at >= intact.Length - 64);
            }
            catch (StoreException e)
            {
                Assert.Contains(e.Error, new[] { StoreError.LogDamaged, StoreError.KeyRequired, StoreError.NotEncrypted });
            }
        }
    }

    private byte[] Fingerprint()
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in Directory.GetFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            all.AppendData(Encoding.UTF8.GetBytes(file));
            all.AppendData(File.ReadAllBytes(file));
        }
        return all.GetHashAndReset();
    }

    private static void AssertError(StoreError error, Action action) =>
        Assert.Equal(error, Assert.Throws<StoreException>(action).Error);
}
