using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;

namespace Crdt.Integration.Cli;

/// <summary>Attachments from the command line.</summary>
public sealed class BlobTests : CliTest
{
    private const string Photo = "incident/photo/1";

    [Fact]
    public async Task A_photo_goes_through_a_server_to_another_device_and_may_then_be_evicted_and_fetched_again()
    {
        await InitAsync("a", "b", "server");
        (string file, byte[] content) = Make("strike.jpg", 700_000);
        JsonElement put = (await OkAsync("a", "--json", "blob", "put", Photo, file, "--field", "report/photo")).Json;
        string root = put.GetProperty("root").GetString()!;
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), put.GetProperty("sha256").GetString());
        Assert.Equal("image/jpeg", put.GetProperty("media_type").GetString());
        Assert.Equal("strike.jpg", put.GetProperty("name").GetString());

        await using (CliServer server = await ServeAsync("server"))
        {
            string address = server.EndPoint.ToString();
            JsonElement synced = (await OkAsync("a", "--json", "sync", "--plain", address)).Json.GetProperty("blobs");
            Assert.Equal((0, 0), (synced.GetProperty("unsent").GetInt32(), synced.GetProperty("waiting").GetInt32()));

            // Another device takes no photos by itself, knows of it all the same, and has it when it asks.
            string text = (await OkAsync("b", "sync", "--plain", "--blobs-type", "image/*=on-demand", address)).Output;
            Assert.Contains("Attachments: none came, 1 left there", text);
            JsonElement there = Assert.Single((await OkAsync("b", "--json", "blob", "ls")).JsonLines);
            Assert.Equal(("onDemand", 0), (there.GetProperty("standing").GetString(), there.GetProperty("bytes_here").GetInt64()));
            Assert.Equal("report/photo", there.GetProperty("places")[0].GetProperty("field").GetString());
            (await RunAsync("b", "blob", "get", Photo, "-o", PathOf("early.jpg"))).Failed(6, "crdt blob fetch");
            Assert.False(File.Exists(PathOf("early.jpg")));
            await OkAsync("b", "blob", "fetch", Photo, "--peer", address, "--plain");

            // The server holds it, and has said so: it may go from here, and come again.
            Assert.Single((await OkAsync("a", "--json", "blob", "ls")).JsonLines[0].GetProperty("on_servers").EnumerateArray());
            JsonElement evicted = (await OkAsync("a", "--json", "blob", "evict", root[..8])).Json;
            Assert.InRange(evicted.GetProperty("freed").GetInt64(), content.Length, content.Length * 2);
            Assert.Contains(" 0 % ", (await OkAsync("a", "blob", "ls", "--missing")).Lines[1]);
            // Not by itself, in whatever process: only when somebody asks for it.
            JsonElement again = (await OkAsync("a", "--json", "sync", "--plain", address)).Json.GetProperty("blobs");
            Assert.Equal(0, again.GetProperty("received").GetInt32());
            Assert.Contains(" 0 % ", (await OkAsync("a", "blob", "ls", "--missing")).Lines[1]);
            await OkAsync("a", "blob", "fetch", Photo, "--peer", address, "--plain");
        }
        foreach ((string device, string name) in ((string, string)[])[("a", Photo), ("b", root[..6]), ("b", Convert.ToHexString(SHA256.HashData(content)))])
        {
            string copy = PathOf($"copy-{device}-{name.Length}");
            await OkAsync(device, "blob", "get", name, "-o", copy);
            Assert.Equal(content, await File.ReadAllBytesAsync(copy));
        }
    }

    [Fact]
    public async Task What_a_connection_may_cost_is_kept_to_and_the_next_one_goes_on()
    {
        await InitAsync("a", "server");
        (string file, byte[] content) = Make("scan.bin", 4_000_000); // what is on its way when the budget is spent comes, too
        string root = (await OkAsync("server", "--json", "blob", "put", Photo, file)).Json.GetProperty("root").GetString()!;
        await OkAsync("server", "put", "cases/assignment/1", "assignee=ann", "case=C-1");
        await using CliServer server = await ServeAsync("server");
        string address = server.EndPoint.ToString();
        (await RunAsync("a", "sync", "--plain", "--budget", "1", address)).Failed(4, "The bytes of this connection are spent: ");
        (await RunAsync("a", "sync", "--plain", "--budget-time", "0.000001", address)).Failed(4, "The time of this connection is spent: ");
        (await RunAsync("a", "sync", "--plain", "--budget", "much", address)).Failed(2, "'much' is not a size");
        (await RunAsync("a", "sync", "--plain", "--budget-time", "-1", address)).Failed(2, "'-1' is not a number of seconds");
        (await RunAsync("a", "sync", "--plain", "--battery-min", "101", address)).Failed(2, "'101' is not a percentage");

        // Mutations fit; attachments rest then, and come over the next connections.
        string text = (await OkAsync("a", "sync", "--plain", "--budget", "400KB", "--assignee", "ann", address)).Output;
        Assert.Contains("1 still to come", text);
        Assert.Contains("The bytes of this connection are spent: run it again to go on with the attachments.", text);
        JsonElement second = (await OkAsync("a", "--json", "sync", "--plain", "--budget", "400KB", address)).Json.GetProperty("blobs");
        Assert.Equal("bytes", second.GetProperty("rest").GetString());
        JsonElement last = (await OkAsync("a", "--json", "sync", "--plain", address)).Json.GetProperty("blobs");
        Assert.Equal((1, 0, false), (last.GetProperty("received").GetInt32(), last.GetProperty("waiting").GetInt32(), last.TryGetProperty("rest", out _)));
        await OkAsync("a", "blob", "get", root, "-o", PathOf("copy"));
        Assert.Equal(content, await File.ReadAllBytesAsync(PathOf("copy")));
    }

    [Fact]
    public async Task Which_attachments_a_device_takes_is_said_once_and_kept()
    {
        await InitAsync("a", "server");
        (string film, _) = Make("film.mp4", 60_000);
        (string photo, _) = Make("strike.jpg", 60_000);
        await OkAsync("server", "blob", "put", Photo, film, "--field", "film");
        await OkAsync("server", "blob", "put", Photo, photo, "--field", "photo");
        await using CliServer server = await ServeAsync("server");
        string address = server.EndPoint.ToString();
        Assert.Equal("""{"fetch":"always","by_media_type":{},"used":0}""", (await OkAsync("a", "--json", "blob", "policy")).Output.Trim());

        await OkAsync("a", "sync", "--plain", "--blobs", "never", "--blobs-type", "image/*=on-demand", "--blob-quota", "1MB", address);
        Assert.Equal((0, 2), await SyncAsync());
        // What is asked for comes all the same, within the quota.
        await OkAsync("a", "blob", "policy", "--blob-quota", "50KB");
        (await RunAsync("a", "blob", "fetch", Photo, "--peer", address, "--plain")).Failed(5, "of 50000 bytes are taken");
        await OkAsync("a", "blob", "policy", "--blob-quota", "unlimited", "--blob-budget", "5MB");
        Assert.Equal(
            ["attachments        never", "  image/*          on-demand", "quota              unlimited, 0 B used", "over a connection  5000 kB"],
            (await OkAsync("a", "blob", "policy")).Lines);

        await OkAsync("a", "blob", "policy", "--blobs-type", "video/*=always");
        Assert.Equal((1, 1), await SyncAsync());
        await OkAsync("a", "sync", "--plain", "--blobs", "always", address);
        Assert.Equal((0, 0), await SyncAsync());
        JsonElement policy = (await OkAsync("a", "--json", "blob", "policy")).Json;
        Assert.Equal("{}", policy.GetProperty("by_media_type").GetRawText());
        Assert.Equal(5_000_000, policy.GetProperty("bytes_per_connection").GetInt64());
        (await RunAsync("a", "blob", "policy", "--blobs-type", $"{new string('x', 130)}/*=never")).Failed(2, "longer than a media type");

        async Task<(int Received, int Left)> SyncAsync()
        {
            JsonElement blobs = (await OkAsync("a", "--json", "sync", "--plain", address)).Json.GetProperty("blobs");
            return (blobs.GetProperty("received").GetInt32(), blobs.GetProperty("left").GetInt32());
        }
    }

    [Fact]
    public async Task What_is_here_alone_is_evicted_only_on_purpose_and_why_tells_what_became_of_it()
    {
        await InitAsync("a", "server");
        (string file, byte[] content) = Make("scan.bin", 1_000);
        string root = (await OkAsync("a", "--json", "blob", "put", Photo, file)).Json.GetProperty("root").GetString()!;
        JsonElement here = (await OkAsync("a", "--json", "why", root)).Json;
        Assert.Equal(("here", content.Length), (here.GetProperty("code").GetString(), here.GetProperty("blob").GetProperty("bytes_here").GetInt64()));

        // A server that does not take it does not make it safe.
        await using (CliServer server = await ServeAsync("server", "--blobs", "never"))
            (await RunAsync("a", "blob", "evict", Photo, "--peer", server.EndPoint.ToString(), "--plain")).Failed(6, "no server is known to hold it");
        await OkAsync("a", "blob", "evict", Photo, "--even-if-last");
        string why = (await OkAsync("a", "why", root[..10])).Output;
        Assert.Contains("It was evicted here", why);
        Assert.Contains($"{Photo} file", why);
        await using (CliServer server = await ServeAsync("server"))
        {
            (await RunAsync("a", "blob", "fetch", "--peer", server.EndPoint.ToString(), "--plain")).Failed(4, "'scan.bin'");
            // Nobody has it, and that is no reason for a sync to wait or to fail.
            Assert.Contains("1 still to come", (await OkAsync("a", "sync", "--plain", server.EndPoint.ToString())).Output);
        }
    }

    [Fact]
    public async Task Values_that_name_attachments_are_exported_and_imported_and_content_that_nothing_names_is_collected()
    {
        await InitAsync("a", "b");
        (string file, _) = Make("märz/notes.txt", 10_000);
        JsonElement put = (await OkAsync("a", "--json", "blob", "put", "incident/report/7", file, "--name", "Notes <b>.txt", "--type", "text/markdown")).Json;
        string value = (await OkAsync("a", "get", "incident/report/7", "file")).Output.Trim();
        Assert.Equal(put.GetProperty("root").GetString(), JsonDocument.Parse(value).RootElement.GetProperty("$blob").GetProperty("root").GetString());
        Assert.Contains("\"$blob\"", (await OkAsync("a", "export")).Output);

        // The same value in another entity is the same attachment.
        await OkAsync("a", "put", "incident/report/8", $"copy={value}");
        JsonElement listed = Assert.Single((await OkAsync("a", "--json", "blob", "ls")).JsonLines);
        Assert.Equal(2, listed.GetProperty("places").GetArrayLength());
        await OkAsync("a", "put", "incident/report/7", "--remove", "file");
        Assert.Equal(0, (await OkAsync("a", "--json", "blob", "gc", "--even-if-last")).Json.GetProperty("blobs").GetInt32());
        await OkAsync("a", "put", "incident/report/8", "--remove", "copy");
        JsonElement collected = (await OkAsync("a", "--json", "blob", "gc", "--even-if-last")).Json;
        Assert.Equal((1, 0), (collected.GetProperty("blobs").GetInt32(), collected.GetProperty("used").GetInt64()));
    }

    [Fact]
    public async Task Mistakes_are_told_apart()
    {
        await InitAsync("a");
        (string file, _) = Make("x.png", 10);
        await OkAsync("a", "blob", "put", Photo, file);
        await OkAsync("a", "blob", "put", Photo, file, "--field", "second", "--name", ".bashrc");
        (await RunAsync("a", "blob", "put", Photo, PathOf("nowhere.png"))).Failed(2, "cannot be read");
        (await RunAsync("a", "blob", "put", Photo, file, "--name", "../up.png")).Failed(2, "no path");
        (await RunAsync("a", "blob", "put", Photo, file, "--type", "picture")).Failed(2, "no media type");
        (await RunAsync("a", "blob", "get", Photo)).Failed(2, "2 attachments");
        (await RunAsync("a", "blob", "get", Photo, "second")).Failed(2, "--output");
        (await RunAsync("a", "blob", "get", Photo, "third")).Failed(3, "'third'");
        (await RunAsync("a", "blob", "get", "incident/photo/2")).Failed(3, "does not exist");
        (await RunAsync("a", "blob", "get", "abcdef0")).Failed(3, "is known here");
        (await RunAsync("a", "sync", "--plain", "--blobs", "perhaps", "127.0.0.1:1")).Failed(2, "thumbnail-first");
        (await RunAsync("a", "sync", "--plain", "--blobs-type", "image=always", "127.0.0.1:1")).Failed(2, "TYPE=WHEN");
        (await RunAsync("a", "sync", "--plain", "--blob-quota", "much", "127.0.0.1:1")).Failed(2, "500MB");
    }

    [Fact]
    public async Task A_pipe_goes_in_and_comes_out_byte_by_byte()
    {
        await InitAsync("a");
        byte[] content = RandomNumberGenerator.GetBytes(300_001);
        await RunAsync(["--data", PathOf("a"), "blob", "put", Photo, "-", "--type", "audio/ogg"], new MemoryStream(content));
        using Process get = CrdtProcess.Start(PathOf("a"), "blob", "get", Photo, "-o", "-");
        var read = new MemoryStream();
        await get.StandardOutput.BaseStream.CopyToAsync(read);
        await get.WaitForExitAsync();
        Assert.Equal(0, get.ExitCode);
        Assert.Equal(content, read.ToArray());
    }

    private (string File, byte[] Content) Make(string name, int size)
    {
        byte[] content = RandomNumberGenerator.GetBytes(size);
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllBytes(PathOf(name), content);
        return (PathOf(name), content);
    }
}
