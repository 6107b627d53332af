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
    public async Task An_expression_selects_and_sorts_by_the_index_that_was_made_for_it()
    {
        await FillAsync();
        string[] question = ["--json", "query", "incident/strike", "--filter", "speed >= 99 AND NOT species LIKE 'B%'", "--select", "species"];
        const string answer = "{\"key\":\"incident/strike/1\",\"fields\":{\"species\":\"Red kite\"}}\n";
        Assert.Equal(answer, (await RunAsync("a", question)).Succeeded().Output);
        Assert.Contains("Every entity", (await OkAsync("a", "query", "incident/strike", "-f", "speed >= 99", "--explain")).Output, StringComparison.Ordinal);

        Assert.Contains("no index", (await OkAsync("a", "index", "incident/strike")).Error, StringComparison.Ordinal);
        Assert.Contains("speed", (await OkAsync("a", "index", "incident/strike", "--add", "speed", "--add", "address/city")).Output, StringComparison.Ordinal);
        Assert.Equal(answer, (await RunAsync("a", question)).Succeeded().Output);
        Assert.Contains("index of speed", (await OkAsync("a", "query", "incident/strike", "-w", "speed>99", "--explain")).Output, StringComparison.Ordinal);
        Assert.Equal(["incident/strike/1", "incident/strike/2"],
            (await OkAsync("a", "--json", "query", "incident/strike", "--order-by", "-speed", "-n", "2")).JsonLines.Select(e => e.GetProperty("key").GetString()!));
        Assert.Equal(["3"], (await OkAsync("a", "--json", "query", "incident/strike", "-f", "address.city = 'Oslo'")).JsonLines
            .Select(e => e.GetProperty("key").GetString()!.Split('/')[2]));

        Assert.DoesNotContain("speed", (await OkAsync("a", "index", "incident/strike", "--drop", "speed")).Output, StringComparison.Ordinal);
        Assert.Equal(answer, (await RunAsync("a", question)).Succeeded().Output);
    }

    [Fact]
    public async Task An_expression_that_cannot_be_read_is_told_with_its_place()
    {
        await InitAsync("a");
        CliResult result = await RunAsync("a", "query", "incident/strike", "--filter", "speed >");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("letter 8", result.Error, StringComparison.Ordinal);
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
