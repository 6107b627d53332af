using System.Diagnostics;
using System.Globalization;
using System.Net;
using Crdt.KillWriter;
using Crdt.Store;
using Crdt.Testing;
using Crdt.Transport;
using Xunit.Abstractions;

namespace Crdt.Integration.Transport;

/// <summary>Real processes that send and receive attachments, killed with SIGKILL at each phase of it.</summary>
public sealed class BlobKillTests(ITestOutputHelper output) : IAsyncDisposable
{
    private const int Letter = 1, Chunks = 321, LengthBytes = Chunks * BlobTree.ChunkLengthBytes;

    // What comes is made durable after so many chunks (FileBlobStore).
    private const int Unsynced = 256;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string root = Directory.CreateTempSubdirectory("crdt-kill-").FullName;
    private readonly List<IAsyncDisposable> open = [];
    private int kills;

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable one in Enumerable.Reverse(open)) await one.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task A_receiver_killed_at_any_phase_goes_on_from_what_was_durable_and_claims_only_what_it_holds()
    {
        var sent = new FaultyBlobStore();
        (Replica sender, int port) = await OpenAsync(2, ReplicaRole.Client, sent);
        Blob blob = await sender.Blobs.PutAsync(new MemoryStream(Courier.Content(Letter, LengthBytes)), "image/jpeg", "letter.jpg");
        await sender.CommitAsync(tx => tx.Upsert(Courier.Key(Letter)).Set("file", blob));
        string directory = await CreateAsync(1, ReplicaRole.Server);
        int held = 0;
        (string Phase, Func<DeadlyMoment> When, int Held)[] phases =
        [
            ("before there is a file", () => new("create@blobs", 1, "before"), 0),
            ("amid the first chunk", () => new("chunk@blobs", 1, "half"), 0),
            ("before the file has its name", () => new("rename@blobs", 1, "before"), 0),
            ("amid a chunk", () => new("chunk@blobs", 60, "half"), 1),
            ("between two chunks", () => new("chunk@blobs", 120, "after"), 1),
            ("before the chunks are durable", () => new("flush@blobs", 1, "before", "chunk@blobs", 20), 1),
            ("before it is noted that they are", () => new("flush@blobs", 1, "after", "chunk@blobs", 20), 1),
            ("amid a chunk behind what is durable", () => new("chunk@blobs", 20, "half", "chunk@blobs", Unsynced), Unsynced),
            ("amid the last chunk", () => new("chunk@blobs", Chunks - held, "half"), Unsynced),
            ("before the last is durable", () => new("flush@blobs", 1, "before", "chunk@blobs", Chunks - held), Unsynced),
            ("amid the note of it", () => new("write@blobs", 1, "half", "flush@blobs", 1), Unsynced),
            ("while all is verified", () => new("read@blobs", 100, "before"), Chunks),
            ("before the claim", () => new("write@log", 1, "before", "read@blobs", Chunks), Chunks),
            ("amid the claim", () => new("write@log", 1, "half"), Chunks),
            ("behind the claim", () => new("flush@log", 1, "after"), Chunks),
        ];
        foreach ((string phase, Func<DeadlyMoment> when, int least) in phases)
        {
            int before = sent.Reads;
            await KillAsync(directory, when(), $"connect {port}");
            (int now, _) = await LookAsync(directory, blob, phase);
            Assert.True(now >= Math.Max(held, least), $"{phase}: {now} chunks, before {held}");
            Assert.True(sent.Reads - before <= Chunks - held, $"{phase}: {sent.Reads - before} chunks were sent, {Chunks - held} were missing");
            held = now;
            if (held < Chunks) Assert.Empty(sender.Blobs.Find(blob.Root)!.OnServers);
        }
        Assert.Equal(Chunks, held);
        using Process receiver = await StartAsync(directory);
        await SayAsync(receiver, $"connect {port}", $"await {Letter}");
        await HearAsync(receiver, "here");
        await Mesh.UntilAsync(() => sender.Blobs.Find(blob.Root)!.OnServers.Count == 1, "it says that it holds it");
        await EndAsync(receiver);
        await LookAsync(directory, blob, "in the end");
        output.WriteLine($"{kills} kills, {sent.Reads} of {Chunks} chunks sent");
    }

    [Fact]
    public async Task A_sender_killed_at_any_phase_costs_the_receiver_nothing_of_what_came()
    {
        (Replica receiver, int port) = await OpenAsync(2, ReplicaRole.Client, new MemoryBlobStore());
        string directory = await CreateAsync(1, ReplicaRole.Server);
        await KillAsync(directory, new DeadlyMoment("chunk@blobs", 50, "half"), $"put {Letter} {LengthBytes}");
        await LookAsync(directory, null, "amid taking it in");
        await KillAsync(directory, new DeadlyMoment("rename@blobs", 1, "before"), $"put {Letter} {LengthBytes}");
        await LookAsync(directory, null, "before it has its name");
        await KillAsync(directory, new DeadlyMoment("write@log", 1, "half"), $"put {Letter} {LengthBytes}");
        await LookAsync(directory, null, "before a field names it");
        using (Process sender = await StartAsync(directory))
        {
            await SayAsync(sender, $"put {Letter} {LengthBytes}");
            await HearAsync(sender, "put ");
            sender.Kill(); // all that it has said has happened
            await sender.WaitForExitAsync();
        }
        (int held, int sent) = (0, 0);
        foreach (int chunk in (int[])[1, 2, 40, 100])
        {
            await KillAsync(directory, new DeadlyMoment("read@blobs", chunk, "before"), $"connect {port}");
            Blob named = Courier.BlobOf(receiver, Letter);
            int now = receiver.Blobs.Find(named.Root)!.Chunks;
            // The last that came before a death may be written behind it.
            sent += chunk - 1;
            Assert.InRange(now, held, sent);
            held = now;
        }
        using Process last = await StartAsync(directory);
        await SayAsync(last, $"connect {port}");
        Blob blob = Courier.BlobOf(receiver, Letter);
        await receiver.Blobs.FetchAsync(blob).AsTask().WaitAsync(Patience);
        await AssertContentAsync(receiver.Store.Blobs, blob);
        await EndAsync(last);
        await LookAsync(directory, blob, "in the end");
    }

    [Fact]
    public async Task One_killed_while_it_drops_content_says_that_it_holds_only_what_it_holds()
    {
        string directory = await CreateAsync(1, ReplicaRole.Server);
        Blob? blob = null;
        (string Line, DeadlyMoment Moment)[] deaths =
        [
            ($"evict {Letter}", new("write@log", 1, "half")),
            ($"evict {Letter}", new("delete@blobs", 1, "before")),
            ($"evict {Letter}", new("delete@blobs", 1, "after")),
            ("collect", new("delete@blobs", 1, "before")),
            ("collect", new("sync@blobs", 1, "before")),
        ];
        foreach ((string line, DeadlyMoment moment) in deaths)
        {
            using (Process process = await StartAsync(directory))
            {
                await SayAsync(process, $"put {Letter} {3 * BlobTree.ChunkLengthBytes}");
                await HearAsync(process, "put ");
                if (line == "collect")
                {
                    await SayAsync(process, $"forget {Letter}");
                    await HearAsync(process, "forgotten");
                }
                await EndAsync(process);
            }
            await KillAsync(directory, moment, line);
            (int chunks, Blob? named) = await LookAsync(directory, blob, $"{line}, {moment}");
            blob = named ?? blob;
            if (line == "collect") Assert.Null(named);
            if (moment.Operation == "write@log") Assert.Equal(3, chunks); // its word is taken back before anything goes
        }
    }

    // ---- one process ----

    private async Task<string> CreateAsync(int number, ReplicaRole role)
    {
        string directory = Path.Combine(root, number.ToString(CultureInfo.InvariantCulture));
        await FileReplicaStore.Create(directory, Courier.Identity(number, role)).DisposeAsync();
        return directory;
    }

    private async Task<(Replica Replica, int Port)> OpenAsync(int number, ReplicaRole role, IBlobStore blobs)
    {
        var store = new MemoryReplicaStore(Courier.Identity(number, role)) { Blobs = blobs };
        Replica replica = await Replica.OpenAsync(store, Courier.Options);
        var node = new PeerNode(Courier.NodeOptions);
        open.AddRange([replica, node]);
        node.Add(replica);
        return (replica, (await node.ListenAsync(Mesh.AnyPort)).Port);
    }

    private async Task KillAsync(string directory, DeadlyMoment moment, string line)
    {
        using Process process = await StartAsync(directory);
        await SayAsync(process, $"die {moment}", line);
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"It did not die: {moment}");
        }
        Assert.True(process.ExitCode == 128 + 9, $"{moment}: {await process.StandardError.ReadToEndAsync()}");
        kills++;
    }

    /// <summary>What the dead have left: nothing is wrong with it, and what is said to be held is.</summary>
    private static async Task<(int Chunks, Blob? Named)> LookAsync(string directory, Blob? blob, string when)
    {
        StoreReport report = await StoreDoctor.CheckAsync(directory, new StoreDoctorOptions { Replica = Courier.Options });
        Assert.True(report.IsSound, $"{when}: {string.Join('\n', report.Findings)}");
        // Opened without anybody who goes on beside it: what is there is what was left.
        await using FileReplicaStore store = FileReplicaStore.Open(directory);
        await using Replica replica = await Replica.OpenAsync(store, Courier.Options with { Beside = static _ => { } });
        Blob? named = replica.Get(Courier.Key(Letter))?["file"]?.AsBlob();
        blob ??= named;
        if (blob is null) return (0, null);
        BlobHolding? held = store.Blobs.Find(blob.Root);
        if (replica.ClaimsBlob(blob.Root)) Assert.True(held is { IsWhole: true }, when);
        if (held is { IsWhole: true }) await AssertContentAsync(store.Blobs, blob);
        return (held?.Chunks ?? 0, named);
    }

    private static async Task AssertContentAsync(IBlobStore store, Blob blob)
    {
        byte[] expected = Courier.Content(Letter, (int)blob.Size), buffer = new byte[BlobTree.ChunkLengthBytes];
        for (int chunk = 0; chunk < new BlobTree(blob.Size).Chunks; chunk++)
        {
            int length = await store.ReadAsync(blob.Root, chunk, buffer, default);
            Assert.True(buffer.AsSpan(0, length).SequenceEqual(expected.AsSpan((int)BlobTree.Offset(chunk), length)));
        }
    }

    private static async Task<Process> StartAsync(string directory)
    {
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        Process process = Process.Start(new ProcessStartInfo(dotnet, [Path.Combine(AppContext.BaseDirectory, "kill-writer.dll"), "courier", directory])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await HearAsync(process, "ready");
        return process;
    }

    private static async Task SayAsync(Process process, params string[] lines)
    {
        foreach (string line in lines) await process.StandardInput.WriteLineAsync(line);
        await process.StandardInput.FlushAsync();
    }

    private static async Task HearAsync(Process process, string beginning)
    {
        using var patience = new CancellationTokenSource(Patience);
        string? line = await process.StandardOutput.ReadLineAsync(patience.Token);
        Assert.True(line?.StartsWith(beginning, StringComparison.Ordinal), $"'{line}', not '{beginning}': {(line is null ? await process.StandardError.ReadToEndAsync(patience.Token) : "")}");
    }

    private static async Task EndAsync(Process process)
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(Patience);
    }
}
