using System.Text.Json;
using Crdt.Store;

namespace Crdt.Integration.Cli;

/// <summary><c>crdt doctor</c> on real files: what it finds, what it repairs, and that looking changes nothing.</summary>
public sealed class DoctorTests : CliTest
{
    private static readonly string Strikes = Path.Combine(AppContext.BaseDirectory, "data", "birdstrikes.csv");

    [Fact]
    public async Task A_sound_replica_is_sound_and_stays_as_it_is()
    {
        await FillAsync("a", 300);
        string digest = (await StatusAsync("a")).GetProperty("digest").GetString()!;
        Dictionary<string, byte[]> before = FilesOf("a");
        JsonElement report = await CheckAsync("a", 0);
        Assert.True(report.GetProperty("sound").GetBoolean());
        Assert.Equal(digest, report.GetProperty("digest").GetString());
        Assert.InRange(report.GetProperty("entities_compared").GetInt64(), 300, 310);
        Assert.Empty(report.GetProperty("findings").EnumerateArray());
        AssertSame(before, FilesOf("a"));
        Assert.EndsWith("Sound.\n", (await OkAsync("a", "doctor")).Output);
    }

    [Fact]
    public async Task Where_there_is_no_replica_that_is_said()
    {
        CliResult result = await RunAsync("nowhere", "doctor");
        Assert.Equal(5, result.ExitCode);
        Assert.Contains("There is no replica", result.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("nowhere")));
        Assert.Equal(2, (await RunAsync("nowhere", "doctor", "--cut-log")).ExitCode);
    }

    [Fact]
    public async Task A_replica_in_use_is_checked_as_far_as_its_log_and_not_repaired()
    {
        await FillAsync("a", 50);
        await using (FileReplicaStore.Open(PathOf("a")))
        {
            JsonElement report = await CheckAsync("a", 7);
            Assert.True(report.GetProperty("sound").GetBoolean());
            Assert.False(report.GetProperty("complete").GetBoolean());
            Assert.Equal("inUse", KindsOf(report).Single());
            Assert.Equal(5, (await RunAsync("a", "doctor", "--repair")).ExitCode);
        }
        await CheckAsync("a", 0);
    }

    [Fact]
    public async Task A_missing_key_of_the_device_is_named_before_anything_is_cut()
    {
        await OkAsync("a", "init", "--space", "field");
        await OkAsync("a", "put", "incident/strike/1", "x=1");
        string key = NodeKeyFile.PathIn(PathOf("a"));
        File.Move(key, key + ".away");
        JsonElement report = await CheckAsync("a", 5);
        Assert.Equal(["nodeKeyMissing"], KindsOf(report));
        Assert.DoesNotContain("cut-log", report.GetRawText(), StringComparison.Ordinal);
        (await RunAsync("a", "put", "incident/strike/2", "x=1")).Failed(5, "from a backup");
        byte[] damaged = await File.ReadAllBytesAsync(Segment("a"));
        damaged[^100] ^= 1;
        await File.WriteAllBytesAsync(Segment("a"), damaged);
        Assert.Equal(["nodeKeyMissing", "logDamaged"], KindsOf(await CheckAsync("a", 5)));
        (await RunAsync("a", "doctor", "--repair", "--cut-log")).Failed(5, "is missing");
        Assert.Equal(damaged, await File.ReadAllBytesAsync(Segment("a")));
        File.Move(key + ".away", key);
        Assert.Equal(["logDamaged"], KindsOf(await CheckAsync("a", 5)));
    }

    [Fact]
    public async Task A_torn_end_is_a_note_and_the_repair_keeps_a_copy()
    {
        await FillAsync("a", 50);
        string segment = Segment("a");
        byte[] torn = [.. "gRp1 was being written"u8];
        await File.AppendAllBytesAsync(segment, torn);
        JsonElement report = await CheckAsync("a", 0);
        Assert.Contains("tornTail", KindsOf(report));
        JsonElement repaired = await CheckAsync("a", 0, "--repair");
        Assert.DoesNotContain("tornTail", KindsOf(repaired));
        Assert.Contains("leftOver", KindsOf(repaired));
        Assert.Contains(Directory.GetFiles(PathOf("a") + "/log", "*.torn"), f => File.ReadAllBytes(f).AsSpan().SequenceEqual(torn));
    }

    [Fact]
    public async Task A_damaged_projection_is_found_page_by_page_and_built_anew()
    {
        await FillAsync("a", 300);
        string digest = (await StatusAsync("a")).GetProperty("digest").GetString()!;
        string data = Path.Combine(PathOf("a"), "projection", "data.pages");
        byte[] intact = await File.ReadAllBytesAsync(data);
        int pages = intact.Length / 8208;
        for (int page = 0; page < pages; page += Math.Max(1, pages / 6))
        {
            byte[] damaged = [.. intact];
            damaged[(page * 8208) + 4000] ^= 1;
            await File.WriteAllBytesAsync(data, damaged);
            JsonElement report = await CheckAsync("a", 5);
            Assert.All(report.GetProperty("findings").EnumerateArray(), f => Assert.True(f.GetProperty("repairable").GetBoolean()));
            Assert.Equal(damaged, await File.ReadAllBytesAsync(data));
        }
        JsonElement repaired = await CheckAsync("a", 0, "--repair");
        Assert.NotEmpty(repaired.GetProperty("repairs").EnumerateArray());
        Assert.True(File.Exists(data + ".1"));
        Assert.Equal(digest, (await StatusAsync("a")).GetProperty("digest").GetString());
    }

    [Fact]
    public async Task A_document_that_somebody_changed_is_found_and_made_anew()
    {
        await FillAsync("a", 40);
        string id = "";
        await using (FileReplicaStore store = FileReplicaStore.Open(PathOf("a")))
        {
            id = store.Query(db =>
            {
                LiteDB.ILiteCollection<LiteDB.BsonDocument> documents = db.GetCollection("incident_strike");
                LiteDB.BsonDocument first = documents.FindAll().First(), last = documents.FindAll().Last();
                first["forged"] = "yes";
                documents.Update(first);
                documents.Delete(last["_id"]);
                return first["_id"].AsString;
            });
        }
        JsonElement report = await CheckAsync("a", 5);
        Assert.Equal(2, KindsOf(report).Count(k => k == "documentDiffers"));
        Assert.Contains(report.GetProperty("findings").EnumerateArray(), f => f.GetProperty("where").GetString() == $"incident/strike/{id}");
        await CheckAsync("a", 0, "--repair");
        await CheckAsync("a", 0);
    }

    [Fact]
    public async Task A_projection_that_is_behind_or_missing_is_no_damage()
    {
        await FillAsync("a", 100);
        Directory.Delete(Path.Combine(PathOf("a"), "projection"), recursive: true);
        Assert.Equal(["projectionBehind"], KindsOf(await CheckAsync("a", 0)));
        Assert.False(Directory.Exists(Path.Combine(PathOf("a"), "projection")));
        Assert.Empty(KindsOf(await CheckAsync("a", 0, "--repair")));
    }

    [Fact]
    public async Task A_log_damaged_in_the_middle_is_cut_what_is_behind_applied_again_and_the_rest_comes_back_from_a_peer()
    {
        await FillAsync("a", 3_000);
        await InitPeerAsync("server");
        await SyncAsync("a", "server");
        string before = (await StatusAsync("a")).GetProperty("replica").GetString()!;
        string segment = Segment("a");
        byte[] intact = await File.ReadAllBytesAsync(segment);
        byte[] damaged = [.. intact];
        damaged[intact.Length / 2] ^= 8;
        await File.WriteAllBytesAsync(segment, damaged);

        JsonElement report = await CheckAsync("a", 5);
        Assert.Contains("logDamaged", KindsOf(report));
        Assert.Equal(JsonValueKind.Null, report.TryGetProperty("digest", out JsonElement digest) ? digest.ValueKind : JsonValueKind.Null);
        // A repair without the word for it cuts nothing.
        await CheckAsync("a", 5, "--repair");
        Assert.Equal(damaged, await File.ReadAllBytesAsync(segment));

        JsonElement cut = await CheckAsync("a", 0, "--repair", "--cut-log");
        Assert.Equal(damaged, await File.ReadAllBytesAsync(segment + ".cut"));
        string id = (await StatusAsync("a")).GetProperty("replica").GetString()!;
        Assert.NotEqual(before, id);
        Assert.Contains(cut.GetProperty("repairs").EnumerateArray(), r => r.GetString()!.Contains(id, StringComparison.Ordinal));

        await SyncAsync("a", "server");
        JsonElement a = await StatusAsync("a"), s = await StatusAsync("server");
        Assert.Equal(3_000, a.GetProperty("entities").GetInt64());
        Assert.Equal(s.GetProperty("digest").GetString(), a.GetProperty("digest").GetString());
        await CheckAsync("a", 0, "--repair");
        await CheckAsync("server", 0);
    }

    [Fact]
    public async Task Runs_behind_a_damage_that_no_peer_holds_are_applied_once_what_was_missing_has_come()
    {
        await FillAsync("a", 400);
        await InitPeerAsync("server");
        await SyncAsync("a", "server");
        long known = new FileInfo(Segment("a")).Length;
        for (int i = 0; i < 3; i++) await OkAsync("a", "put", $"note/text/{i}", $"n={i}");
        // A run is closed when it is about to leave: a peer that is not there is enough.
        await InitPeerAsync("other");
        await SyncAsync("a", "other");
        string segment = Segment("a");
        byte[] damaged = await File.ReadAllBytesAsync(segment);
        damaged[known / 2] ^= 8;
        await File.WriteAllBytesAsync(segment, damaged);
        await CheckAsync("a", 0, "--repair", "--cut-log");
        Assert.Equal(3, (await RunAsync("a", "get", "note/text/1")).ExitCode);
        await SyncAsync("a", "server");
        JsonElement again = await CheckAsync("a", 0, "--repair");
        Assert.Contains(again.GetProperty("repairs").EnumerateArray(), r => r.GetString()!.Contains("applied again: ", StringComparison.Ordinal));
        Assert.Contains("n", (await OkAsync("a", "get", "note/text/1")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chain_that_does_not_lead_to_its_head_is_found_though_every_checksum_holds()
    {
        await FillAsync("a", 20);
        await using (FileReplicaStore store = FileReplicaStore.Open(PathOf("a")))
        {
            var author = new ReplicaId(Guid.NewGuid());
            await store.AppendAsync(new[] { new LogEntry(LogEntryKind.Head, author, 0, 0, new byte[32]) }, isDurable: true, default);
            LogEntry own = store.ReadLog(default).Select(e => e.Entry).Last(e => e.Kind == LogEntryKind.Batch);
            await store.AppendAsync(new[] { own with { Kind = LogEntryKind.Head, FirstSequence = own.LastSequence, Payload = new byte[32] } },
                isDurable: true, default);
        }
        JsonElement report = await CheckAsync("a", 5);
        Assert.Contains(report.GetProperty("findings").EnumerateArray(), f => f.GetProperty("kind").GetString() == "logInconsistent"
            && f.GetProperty("problem").GetString()!.Contains("do not lead to the head", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_command_works_on_an_encrypted_replica_and_none_without_the_key()
    {
        string key = Write("key", Convert.ToHexString([.. Enumerable.Range(0, 32).Select(i => (byte)(i * 7))]) + "\n");
        string[] with = ["--key-file", key];
        await OkAsync("a", ["init", "--space", "field", .. with]);
        await OkAsync("a", ["import", Strikes, "--domain", "incident", "--type", "strike", "--count", "200", "--relaxed", .. with]);
        CliResult refused = await RunAsync("a", "status");
        Assert.Equal(5, refused.ExitCode);
        Assert.Contains("CRDT_PASSPHRASE", refused.Error, StringComparison.Ordinal);
        JsonElement report = (await OkAsync("a", ["--json", "doctor", .. with])).Json;
        Assert.True(report.GetProperty("encrypted").GetBoolean());
        Assert.Equal(200, (await OkAsync("a", ["--json", "status", .. with])).Json.GetProperty("entities").GetInt64());

        string next = Write("next", Convert.ToHexString(new byte[32]));
        await OkAsync("a", ["rekey", "--new-key-file", next, .. with]);
        Assert.Equal(5, (await RunAsync("a", ["status", .. with])).ExitCode);
        string store = Path.Combine(PathOf("a"), "store.key");
        byte[] file = await File.ReadAllBytesAsync(store);
        file[20] ^= 1;
        await File.WriteAllBytesAsync(store, file);
        Assert.Equal(["keyCopyDamaged"], KindsOf((await RunAsync("a", "--json", "doctor", "--key-file", next)).Json));
        await OkAsync("a", "doctor", "--repair", "--key-file", next);
        Assert.Equal("Sound.", (await OkAsync("a", "doctor", "--key-file", next)).Output.TrimEnd().Split('\n')[^1]);
        Assert.Equal(2, (await RunAsync("a", "status", "--key-file", Write("short", "abc"))).ExitCode);
    }

    [Fact]
    public async Task A_damaged_attachment_is_named_given_up_and_comes_again_from_a_peer()
    {
        await InitAsync("a", "server");
        byte[] content = new byte[200_000];
        new Random(1).NextBytes(content);
        File.WriteAllBytes(PathOf("scan.bin"), content);
        string root = (await OkAsync("a", "--json", "blob", "put", "incident/photo/1", PathOf("scan.bin"))).Json.GetProperty("root").GetString()!;
        await SyncAsync("a", "server");
        string file = Directory.GetFiles(Path.Combine(PathOf("a"), "blobs"), "*.blob").Single();
        byte[] stored = File.ReadAllBytes(file);
        stored[stored.AsSpan().IndexOf(content.AsSpan(70_000, 100))] ^= 1;
        File.WriteAllBytes(file, stored);

        JsonElement report = await CheckAsync("a", 5);
        Assert.Equal(["blobDamaged"], KindsOf(report));
        Assert.Equal($"attachment {root}", report.GetProperty("findings")[0].GetProperty("where").GetString());
        Assert.Equal(stored, File.ReadAllBytes(file));
        Assert.Contains("'crdt doctor --repair'", (await RunAsync("a", "doctor")).Output);
        report = await CheckAsync("a", 0, "--repair");
        Assert.Equal([$"Of the attachment {root}, damaged chunks given up: 1."], report.GetProperty("repairs").EnumerateArray().Select(r => r.GetString()));
        Assert.Equal(["blobIncomplete"], KindsOf(report));
        await SyncAsync("a", "server");
        Assert.Empty(KindsOf(await CheckAsync("a", 0)));
        await OkAsync("a", "blob", "get", root, "-o", PathOf("copy.bin"));
        Assert.Equal(content, File.ReadAllBytes(PathOf("copy.bin")));
    }

    private async Task FillAsync(string name, int rows)
    {
        await InitAsync(name);
        await OkAsync(name, "import", Strikes, "--domain", "incident", "--type", "strike", "--count", $"{rows}");
    }

    private async Task InitPeerAsync(string name) => await OkAsync(
        name, "init", "--join", Path.Combine(PathOf("a"), "invite.crdt"), "--role", name == "server" ? "server" : "client");

    private async Task<JsonElement> CheckAsync(string name, int exitCode, params string[] args)
    {
        CliResult result = await RunAsync(name, ["--json", "doctor", .. args]);
        Assert.True(exitCode == result.ExitCode, $"{result.ExitCode}\n{result.Output}\n{result.Error}");
        return result.Json;
    }

    private string Segment(string name) => Directory.GetFiles(Path.Combine(PathOf(name), "log"), "*.seg").Order().First();

    private static string[] KindsOf(JsonElement report) =>
        [.. report.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("kind").GetString()!)];

    private Dictionary<string, byte[]> FilesOf(string name) => Directory
        .GetFiles(PathOf(name), "*", SearchOption.AllDirectories).ToDictionary(f => f, File.ReadAllBytes);

    private static void AssertSame(Dictionary<string, byte[]> expected, Dictionary<string, byte[]> actual)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        Assert.All(expected, file => Assert.True(file.Value.AsSpan().SequenceEqual(actual[file.Key]), file.Key));
    }
}
