using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Crdt.Integration.Cli;
using Crdt.Integration.Docs;
using Crdt.Store;

namespace Crdt.Integration.Store;

/// <summary>Files of every released format are read for ever, and those of a later one are left alone.</summary>
public sealed class FormatTests : CliTest
{
    private const string Passphrase = "format one";
    private static readonly string Assets = Path.Combine(RepositoryRoot.Path, "tests", "integration", "data", "format-1");

    /// <summary>A replica as the first released format wrote it: values of every kind, sets, counters, a conflict that is open
    /// and one that is settled, deleted entities, a snapshot, and a log behind it.</summary>
    [Theory]
    [InlineData("plain")]
    [InlineData("encrypted")]
    public async Task A_replica_of_the_first_released_format_is_read_written_and_found_sound(string kind)
    {
        string[] key = kind == "plain" ? [] : ["--key-file", Path.Combine(Assets, "key.hex")];
        Copy(kind, "old");
        JsonElement expected = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Assets, "expected.json"))).RootElement;
        string export = await File.ReadAllTextAsync(Path.Combine(Assets, "export.jsonl"));
        JsonElement report = (await OkAsync("old", ["--json", "doctor", .. key])).Json;
        Assert.True(report.GetProperty("sound").GetBoolean());
        Assert.Equal(expected.GetProperty(kind).GetString(), report.GetProperty("digest").GetString());

        JsonElement status = (await OkAsync("old", ["--json", "status", .. key])).Json;
        Assert.Equal(expected.GetProperty(kind).GetString(), status.GetProperty("digest").GetString());
        Assert.Equal("sound", status.GetProperty("projection").GetString());
        // The two sides of the one that nobody settled.
        Assert.Equal(2, status.GetProperty("conflict").GetInt64());
        Assert.Equal(export, (await OkAsync("old", ["export", .. key])).Output);

        await OkAsync("old", ["put", "incident/strike/new", "species=owl", .. key]);
        Assert.Contains("owl", (await OkAsync("old", ["get", "incident/strike/new", .. key])).Output, StringComparison.Ordinal);
        Directory.Delete(Path.Combine(PathOf("old"), "projection"), recursive: true);
        Assert.Contains("owl", (await OkAsync("old", ["get", "incident/strike/new", .. key])).Output, StringComparison.Ordinal);
        Assert.True((await OkAsync("old", ["--json", "doctor", .. key])).Json.GetProperty("sound").GetBoolean());
    }

    [Fact]
    public async Task A_passphrase_of_the_first_released_format_opens_its_key_file()
    {
        Copy("encrypted", "old");
        File.Copy(Path.Combine(Assets, "passphrase.key"), Path.Combine(PathOf("old"), "store.key"), overwrite: true);
        using StoreKey key = StoreKey.FromPassphrase(Passphrase);
        await using FileReplicaStore store = FileReplicaStore.Open(PathOf("old"), key);
        Assert.Null(store.ProjectionLoss);
    }

    [Theory]
    [InlineData("log/*.seg")]
    [InlineData("projection/data.pages")]
    [InlineData("store.key")]
    public void A_file_of_a_later_format_is_refused_by_name_and_both_versions_and_nothing_is_changed(string pattern)
    {
        Copy("encrypted", "new");
        using StoreKey key = StoreKey.FromBytes(Convert.FromHexString(File.ReadAllText(Path.Combine(Assets, "key.hex")).Trim()));
        string folder = Path.Combine(PathOf("new"), Path.GetDirectoryName(pattern)!);
        string path = Directory.GetFiles(folder, Path.GetFileName(pattern)).Order().Last();
        byte[] bytes = File.ReadAllBytes(path);
        const ushort Later = 7;
        switch (Path.GetExtension(path))
        {
            case ".seg":
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), Later);
                Seal(bytes.AsSpan(0, BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12))));
                break;
            case ".pages":
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8192 + 40 + 12), Later);
                BinaryPrimitives.WriteUInt64LittleEndian(
                    bytes.AsSpan(8192 + 40), XxHash3.HashToUInt64(bytes.AsSpan(0, 8192 + 40), (long)Later << 48));
                break;
            default:
                foreach (int at in new[] { 0, 4096 })
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at + 8), Later);
                    Seal(bytes.AsSpan(at, 112));
                }
                break;
        }
        File.WriteAllBytes(path, bytes);
        byte[] before = Fingerprint(PathOf("new"));
        StoreException error = Assert.Throws<StoreException>(() => FileReplicaStore.Open(PathOf("new"), key));
        Assert.Equal(StoreError.UnsupportedFormat, error.Error);
        Assert.Contains(Path.GetFileName(path), error.Message, StringComparison.Ordinal);
        Assert.Contains("version 7;", error.Message, StringComparison.Ordinal);
        Assert.Contains("up to 1.", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Fingerprint(PathOf("new")));
    }

    [Fact]
    public async Task A_release_record_of_a_later_format_is_refused()
    {
        string path = PathOf("record");
        var record = new FileReleaseRecord(path);
        await record.WriteAsync(new ChainHead(new ReplicaId(Guid.NewGuid()), 3, new byte[32]), default);
        byte[] bytes = File.ReadAllBytes(path);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), 2);
        Seal(bytes);
        File.WriteAllBytes(path, bytes);
        StoreException error = await Assert.ThrowsAsync<StoreException>(async () => await record.ReadAsync(default));
        Assert.Equal(StoreError.UnsupportedFormat, error.Error);
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    /// <summary>With CRDT_WRITE_FORMAT_ASSETS set, makes the files anew: before the first release only. A later format gets a
    /// folder and a test of its own beside these.</summary>
    [Fact]
    public async Task The_assets_are_complete()
    {
        if (Environment.GetEnvironmentVariable("CRDT_WRITE_FORMAT_ASSETS") is not null) await WriteAssetsAsync();
        foreach (string name in new[] { "plain/log", "plain/projection", "encrypted/log", "encrypted/store.key", "key.hex", "expected.json", "export.jsonl" })
            Assert.True(Path.Exists(Path.Combine(Assets, name)), name);
    }

    private async Task WriteAssetsAsync()
    {
        if (Directory.Exists(Assets)) Directory.Delete(Assets, recursive: true);
        Directory.CreateDirectory(Assets);
        string key = Path.Combine(Assets, "key.hex");
        await File.WriteAllTextAsync(key, Convert.ToHexStringLower(SHA256.HashData("format-1"u8)) + "\n");
        var digests = new Dictionary<string, string>();
        foreach (string kind in new[] { "plain", "encrypted" })
        {
            string[] with = kind == "plain" ? [] : ["--key-file", key];
            await FillAsync(kind, with);
            digests[kind] = (await OkAsync(kind, ["--json", "status", .. with])).Json.GetProperty("digest").GetString()!;
            await File.WriteAllTextAsync(Path.Combine(Assets, "export.jsonl"), (await OkAsync(kind, ["export", .. with])).Output);
            foreach (string file in Directory.GetFiles(PathOf(kind), "*", SearchOption.AllDirectories))
            {
                string to = Path.Combine(Assets, kind, Path.GetRelativePath(PathOf(kind), file));
                if (Path.GetFileName(file) == "lock") continue;
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.Copy(file, to);
            }
            File.Copy(PathOf(kind) + ".released", Path.Combine(Assets, kind + ".released"));
        }
        await File.WriteAllTextAsync(Path.Combine(Assets, "expected.json"), JsonSerializer.Serialize(digests) + "\n");
        using StoreKey from = StoreKey.FromBytes(Convert.FromHexString((await File.ReadAllTextAsync(key)).Trim()));
        using StoreKey to2 = StoreKey.FromPassphrase(Passphrase);
        FileReplicaStore.ChangeKey(PathOf("encrypted"), from, to2);
        File.Copy(Path.Combine(PathOf("encrypted"), "store.key"), Path.Combine(Assets, "passphrase.key"));
    }

    private async Task FillAsync(string name, string[] key)
    {
        string peer = name + "-peer";
        await OkAsync(name, ["init", "--open", "--space", "field", "--role", "server", "--policy", "incident/strike/species=Manual", .. key]);
        await OkAsync(peer, "init", "--join", Path.Combine(PathOf(name), "invite.crdt"));
        for (int i = 0; i < 12; i++)
        {
            string doc = $$"""{"height":{{i * 100}},"speed":{{i}}.5,"night":{{(i % 2 == 0 ? "true" : "false")}},"note":null,"crew":["Ann","Bob"],"place":{"city":"Gdańsk","gate":{{i}} } }""";
            await OkAsync(name, ["put", $"incident/strike/{i}", "--json-doc", doc, "--add", "tags=dawn", "--add", $"tags=n{i}", "--increment", "views=3", "-u", "Ann", .. key]);
        }
        await MeetAsync(name, peer, key);
        foreach (string id in new[] { "1", "2" })
        {
            await OkAsync(name, ["put", $"incident/strike/{id}", "species=gull", "-u", "Ann", .. key]);
            await OkAsync(peer, "put", $"incident/strike/{id}", "species=tern", "--increment", "views", "-u", "Bob");
        }
        await OkAsync(peer, "put", "incident/strike/3", "--delete");
        await OkAsync(peer, "put", "incident/strike/4", "--discard", "tags=dawn", "--remove", "place/gate");
        await MeetAsync(name, peer, key);
        await OkAsync(name, ["resolve", "incident/strike/1", "species", "--value", "gull", .. key]);
        await OkAsync(name, ["snapshot", .. key]);
        await OkAsync(name, ["put", "incident/strike/5", "species=kite", .. key]);
        await OkAsync(peer, "put", "incident/strike/6", "species=crow");
        await MeetAsync(name, peer, key);
    }

    private async Task MeetAsync(string server, string peer, string[] key)
    {
        for (int i = 0; i < 2; i++)
        {
            await using CliServer serving = await ServeAsync(server, key);
            await OkAsync(peer, "--json", "sync", serving.EndPoint.ToString(), "--plain");
        }
    }

    private void Copy(string kind, string name)
    {
        foreach (string file in Directory.GetFiles(Path.Combine(Assets, kind), "*", SearchOption.AllDirectories))
        {
            string to = Path.Combine(PathOf(name), Path.GetRelativePath(Path.Combine(Assets, kind), file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
        File.Copy(Path.Combine(Assets, kind + ".released"), PathOf(name) + ".released");
    }

    private static void Seal(Span<byte> bytes) =>
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[^8..], XxHash3.HashToUInt64(bytes[..^8]));

    private static byte[] Fingerprint(string directory)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in Directory.GetFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            // Made by whoever tries to open it: empty.
            if (Path.GetFileName(file) == "lock") continue;
            all.AppendData(Encoding.UTF8.GetBytes(file));
            all.AppendData(File.ReadAllBytes(file));
        }
        return all.GetHashAndReset();
    }
}
