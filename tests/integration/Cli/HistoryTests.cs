namespace Crdt.Integration.Cli;

public sealed class HistoryTests : CliTest
{
    [Fact]
    public async Task Who_wrote_which_field_when_and_what_it_replaced_and_the_entity_as_it_was()
    {
        await InitAsync("a");
        await OkAsync("a", "put", "incident/strike/1", "species=gull", "count=1", "--user", "ana");
        await OkAsync("a", "put", "incident/strike/1", "species=kite", "--user", "ben");
        CliResult table = await OkAsync("a", "history", "incident/strike/1", "species");
        Assert.Contains("ana on", table.Output);
        Assert.Matches("\"kite\" +\"gull\" by", table.Output);
        var entries = (await OkAsync("a", "--json", "history", "incident/strike/1")).JsonLines;
        Assert.Equal(2, entries.Count);
        string first = entries[0].GetProperty("mutation").GetString()!;
        Assert.Equal("gull", (await OkAsync("a", "get", "incident/strike/1", "species", "--at", first)).Output.Trim());
        Assert.Equal("kite", (await OkAsync("a", "get", "incident/strike/1", "species", "--at", "2999-01-01T00:00:00Z")).Output.Trim());
        (await RunAsync("a", "get", "incident/strike/1", "--at", "1999-01-01T00:00:00Z")).Failed(3, "did not exist then");
        (await RunAsync("a", "get", "incident/strike/1", "--at", Guid.NewGuid().ToString())).Failed(3, "crdt history");
        (await RunAsync("a", "history", "incident/strike/2")).Failed(3, "does not exist");
    }
}
