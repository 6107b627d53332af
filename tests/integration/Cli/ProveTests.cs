using System.Text.Json;

namespace Crdt.Integration.Cli;

/// <summary>A proof of an entity's history, as people make and check it.</summary>
public sealed class ProveTests : CliTest
{
    [Fact]
    public async Task A_history_is_exported_as_a_proof_and_checked_without_a_replica()
    {
        await OkAsync("office", "init", "--space", "field", "--user", "ann");
        await OkAsync("office", "put", "incident/strike/1", "species=gull");
        await OkAsync("office", "put", "incident/strike/1", "species=tern");
        await OkAsync("office", "put", "incident/strike/2", "species=kite");
        string file = PathOf("strike.proof");
        JsonElement made = (await OkAsync("office", "--json", "export", "--proof", "incident/strike/1", "-o", file)).Json;
        Assert.Equal((2, true), (made.GetProperty("mutations").GetInt32(), made.GetProperty("whole").GetBoolean()));
        JsonElement space = (await OkAsync("office", "--json", "space", "show")).Json;
        foreach (string trusted in new[] { space.GetProperty("space").GetString()!, space.GetProperty("authority_key").GetString()! })
        {
            IReadOnlyList<JsonElement> shown = (await OkAsync("nowhere", "--json", "verify", "--proof", file, "--trust", trusted)).JsonLines;
            Assert.Equal(["gull", "tern"], shown.SelectMany(m => m.GetProperty("changes").EnumerateArray())
                .Where(c => c.GetProperty("path").GetString() == "species").Select(c => c.GetProperty("value").GetString()));
            Assert.All(shown, m => Assert.Equal("ann", m.GetProperty("owner").GetString()));
        }
        Assert.Contains("Proved: 2 mutations", (await OkAsync("office", "verify", "--proof", file)).Output);
        (await RunAsync("nowhere", "verify", "--proof", file, "--trust", new string('0', 64))).Failed(5, "trusted");
        (await RunAsync("office", "export", "--proof", "incident/strike/9", "-o", file)).Failed(6, "no mutation");
        byte[] bytes = await File.ReadAllBytesAsync(file);
        bytes[100] ^= 1;
        await File.WriteAllBytesAsync(file, bytes);
        (await RunAsync("office", "verify", "--proof", file)).Failed(5, "damaged");
        await InitAsync("open");
        await OkAsync("open", "put", "a/b/c", "x=1");
        (await RunAsync("open", "export", "--proof", "a/b/c", "-o", file)).Failed(6, "open");
    }
}
