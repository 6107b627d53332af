namespace Crdt.Integration.Cli;

public sealed class QueryAndExportTests : CliTest
{
    private async Task FillAsync()
    {
        await InitAsync("a");
        await OkAsync("a", "put", "incident/strike/1", "species=Red kite", "speed=100", "date=1994-05-01", "--add",
            "tags=night");
        await OkAsync("a", "put", "incident/strike/2", "species=Black kite", "speed=99.5", "date=1995-05-01");
        await OkAsync("a", "put", "incident/strike/3", "species=gull", "code=007", "address/city=Oslo");
        await OkAsync("a", "put", "incident/strike/4", "species=gull", "--create");
        await OkAsync("a", "put", "incident/strike/4", "--delete");
        await OkAsync("a", "put", "incident/sight/5", "species=gull");
        await OkAsync("a", "put", "other/strike/6", "species=gull");
    }

    [Theory]
    [InlineData("species=gull", "3")]
    [InlineData("species!=gull", "1 2")]
    [InlineData("species~KITE", "1 2")]
    [InlineData("speed>99", "1 2")]
    [InlineData("speed>99.5", "1")]
    [InlineData("speed>=99.5", "1 2")]
    [InlineData("speed<100", "2")]
    [InlineData("speed<=100", "1 2")]
    [InlineData("speed=100.0", "1")]
    [InlineData("date>1995", "2")]
    [InlineData("code=007", "3")]
    [InlineData("tags=night", "1")]
    [InlineData("address/city=Oslo", "3")]
    [InlineData("nothing=1", "")]
    [InlineData("species>100", "1 2 3")]
    public async Task A_condition_selects(string condition, string expected)
    {
        await FillAsync();
        CliResult found = await OkAsync("a", "--json", "query", "incident/strike", "--where", condition);
        Assert.Equal(expected, string.Join(' ',
            found.JsonLines.Select(e => e.GetProperty("key").GetString()!.Split('/')[2])));
    }

    [Fact]
    public async Task Conditions_add_up_and_fields_can_be_chosen()
    {
        await FillAsync();
        Assert.Equal(
            "{\"key\":\"incident/strike/1\",\"fields\":{\"speed\":100,\"species\":\"Red kite\"}}\n",
            (await RunAsync("a", "--json", "query", "incident/strike", "-w", "species~kite", "-w", "speed>99.5",
                "--select",
                "speed,species,nothing")).Succeeded().Output);
    }

    [Fact]
    public async Task A_table_has_a_line_for_each_entity_and_says_when_there_are_more()
    {
        await FillAsync();
        CliResult table = await OkAsync("a", "query", "incident/strike", "--select", "species,speed", "-n", "2");
        Assert.Equal(["id species    speed", "1  Red kite   100", "2  Black kite 99.5"], table.Lines);
        Assert.Contains("--limit", table.Error);
        Assert.Contains("No entity", (await OkAsync("a", "query", "incident/none")).Error);
    }

    [Fact]
    public async Task An_export_has_what_is_alive_in_order_of_the_keys()
    {
        await FillAsync();
        CliResult all = await OkAsync("a", "export");
        Assert.Equal(
            ["incident/sight/5", "incident/strike/1", "incident/strike/2", "incident/strike/3", "other/strike/6"],
            all.JsonLines.Select(e => e.GetProperty("key").GetString()!));
        Assert.Equal(3, (await RunAsync("a", "export", "--domain", "incident", "--type", "strike")).Lines.Count);
        string file = PathOf("out.jsonl");
        File.WriteAllText(file, "old");
        Assert.Contains("5 entities", (await OkAsync("a", "export", "--output", file)).Output);
        Assert.Equal(all.Output, File.ReadAllText(file));
    }
}
