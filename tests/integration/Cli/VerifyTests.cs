using System.Text.Json;
using Crdt.Store;

namespace Crdt.Integration.Cli;

public sealed class VerifyTests : CliTest
{
    [Fact]
    public async Task A_whole_log_is_proved_offline()
    {
        await OkAsync("office", "init", "--space", "field", "--user", "ann");
        for (int i = 0; i < 3; i++) await OkAsync("office", "put", $"a/b/{i}", "x=1");
        CliResult proved = await OkAsync("office", "verify");
        Assert.Contains("Proved: ", proved.Output);
        Assert.Contains("signed by its device", proved.Output);
        JsonElement report = (await OkAsync("office", "--json", "verify")).Json;
        Assert.True(report.GetProperty("proved").GetBoolean());
        Assert.Contains(report.GetProperty("authors").EnumerateArray(), a => a.TryGetProperty("owner", out JsonElement o) && o.GetString() == "ann");
        await InitAsync("open");
        Assert.Contains("nothing is signed", (await OkAsync("open", "verify")).Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_changed_in_the_log_is_named_though_every_checksum_holds(bool isHeadOnly)
    {
        await OkAsync("office", "init", "--space", "field");
        await OkAsync("office", "put", "a/b/1", "x=1");
        string id = (await StatusAsync("office")).GetProperty("replica").GetString()!;
        await using (FileReplicaStore store = FileReplicaStore.Open(PathOf("office")))
        {
            // As somebody would who can write the files, and knows how their check-sums are made, but has no key.
            LogEntry own = store.ReadLog(default).Select(e => e.Entry)
                .Last(e => e.Kind == LogEntryKind.Batch && $"{e.Author}" == id);
            byte[] head = new byte[96];
            if (!isHeadOnly)
            {
                byte[] before = store.ReadLog(default).Select(e => e.Entry)
                    .Where(e => e.Kind == LogEntryKind.Batch && e.Author == own.Author)
                    .Aggregate(AuthorTable.ChainStart(own.Author), (hash, batch) => AuthorTable.ChainNext(hash, batch.Payload.Span));
                before.CopyTo(head, 0); // the chain holds; the signature cannot
            }
            await store.AppendAsync(
                new[] { own with { Kind = LogEntryKind.Head, FirstSequence = own.LastSequence, Payload = head } }, isDurable: true, default);
        }
        CliResult refused = await RunAsync("office", "--json", "verify");
        Assert.Equal(5, refused.ExitCode);
        JsonElement fault = refused.Json.GetProperty("faults")[0];
        Assert.Equal(id, fault.GetProperty("author").GetString());
        Assert.Contains(isHeadOnly ? "do not lead to the head" : "signature", fault.GetProperty("problem").GetString(), StringComparison.Ordinal);
        Assert.Contains($"of {id}, or one before it", (await RunAsync("office", "verify")).Output);
    }
}
