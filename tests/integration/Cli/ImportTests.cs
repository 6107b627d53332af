using System.Text.Json;

namespace Crdt.Integration.Cli;

public sealed class ImportTests : CliTest
{
    private static readonly string[] IntoStrikes = ["--domain", "incident", "--type", "strike"];

    private Task<CliResult> ImportAsync(string data, string file, params string[] more) =>
        RunAsync(data, ["--json", "import", file, .. IntoStrikes, .. more]);

    private async Task<CliResult> ImportedAsync(string data, string file, params string[] more) =>
        (await ImportAsync(data, file, more)).Succeeded();

    private async Task<IReadOnlyList<(string Id, string Fields)>> ExportAsync(string data) =>
    [
        .. (await OkAsync(data, "export")).JsonLines.Select(e =>
            (e.GetProperty("key").GetString()!["incident/strike/".Length..], e.GetProperty("fields").GetRawText())),
    ];

    private static void Counts(CliResult result, int created, int updated, int unchanged, int rejected = 0)
    {
        JsonElement json = result.Json;
        Assert.Equal(
            (created, updated, unchanged, rejected),
            (json.GetProperty("created").GetInt32(), json.GetProperty("updated").GetInt32(),
                json.GetProperty("unchanged").GetInt32(), json.GetProperty("rejected").GetInt32()));
    }

    private static IEnumerable<int> LinesOf(CliResult result) =>
        result.Json.GetProperty("rejections").EnumerateArray().Select(r => r.GetProperty("line").GetInt32());

    [Fact]
    public async Task Importing_twice_changes_nothing()
    {
        await InitAsync("a");
        string file = Path.Combine(AppContext.BaseDirectory, "data", "birdstrikes.csv");
        Counts(await ImportedAsync("a", file, "--count", "1000"), 1000, 0, 0);
        JsonElement before = await StatusAsync("a");
        CliResult again = await ImportedAsync("a", file, "--count", "1000");
        Counts(again, 0, 0, 1000);
        Assert.Equal(0, again.Json.GetProperty("mutations").GetInt32());
        JsonElement after = await StatusAsync("a");
        Assert.Equal(before.GetProperty("mutations").GetInt64(), after.GetProperty("mutations").GetInt64());
        Assert.Equal(before.GetProperty("digest").GetString(), after.GetProperty("digest").GetString());
    }

    [Fact]
    public async Task Quotes_commas_line_breaks_and_letters_of_all_kinds_arrive_as_they_are()
    {
        await InitAsync("a");
        string file = Write("x.csv", "﻿id,name,\"a \"\"quoted\"\" column\"\r\n"
            + "1,\"Smith, Ann\",\"two\nlines\"\r\n2,\"she said \"\"no\"\"\",5\" pipe\r\n\r\n3, padded ,Zürich 🦅\r\n");
        Counts(await ImportedAsync("a", file, "--id", "id"), 3, 0, 0);
        Assert.Equal(
            new[]
            {
                ("1", "{\"a \\\"quoted\\\" column\":\"two\\nlines\",\"id\":1,\"name\":\"Smith, Ann\"}"),
                ("2", "{\"a \\\"quoted\\\" column\":\"5\\\" pipe\",\"id\":2,\"name\":\"she said \\\"no\\\"\"}"),
                ("3", "{\"a \\\"quoted\\\" column\":\"Zürich 🦅\",\"id\":3,\"name\":\" padded \"}"),
            }.Select(e => (e.Item1, Value.ParseJson(e.Item2))),
            (await ExportAsync("a")).Select(e => (e.Id, Value.ParseJson(e.Fields))));
    }

    [Theory]
    [InlineData("7", "7")]
    [InlineData("-7", "-7")]
    [InlineData("0.5", "0.5")]
    [InlineData("1.0", "1.0")]
    [InlineData("007", "\"007\"")]
    [InlineData("1.50", "\"1.50\"")]
    [InlineData("+7", "\"+7\"")]
    [InlineData("1e3", "\"1e3\"")]
    [InlineData("-0", "\"-0\"")]
    [InlineData(" 7", "\" 7\"")]
    [InlineData("-", "\"-\"")]
    [InlineData("true", "\"true\"")]
    [InlineData("null", "\"null\"")]
    [InlineData("NaN", "\"NaN\"")]
    [InlineData("12345678901234567890", "\"12345678901234567890\"")]
    [InlineData("1990-01-08", "\"1990-01-08\"")]
    public async Task A_cell_is_a_number_only_if_the_number_is_written_like_that(string cell, string expected)
    {
        await InitAsync("a");
        string file = Write("x.csv", $"id,x\n1,{cell}\n");
        await ImportedAsync("a", file, "--id", "id", "--types", "id=text");
        Assert.Equal($"{{\"id\":\"1\",\"x\":{expected}}}", (await ExportAsync("a")).Single().Fields);
    }

    [Fact]
    public async Task Kinds_can_be_given_and_what_does_not_fit_is_rejected_with_its_line()
    {
        await InitAsync("a");
        string file = Write("x.csv",
            "id,n,b,at,j,t\n1,1.50,TRUE,2024-05-01T10:00:00+02:00,\"{\"\"a\"\":[1]}\",7\n2,many,,,,\n3,,perhaps,,,\n4,,,yesterday,,\n5,,,,{,\n");
        CliResult result = await ImportAsync("a", file, "--id", "id", "--types", "text", "--types", "n=number",
            "--types", "b=boolean",
            "--types", "at=timestamp", "--types", "j=json");
        Assert.Equal(7, result.ExitCode);
        Counts(result, 1, 0, 0, 4);
        Assert.Equal([3, 4, 5, 6], LinesOf(result));
        Assert.Contains("column 'n': 'many' is not of kind number",
            result.Json.GetProperty("rejections")[0].GetProperty("reason").GetString());
        Assert.Equal(
            "{\"at\":\"2024-05-01T08:00:00Z\",\"b\":true,\"id\":\"1\",\"j\":{\"a\":[1]},\"n\":1.5,\"t\":\"7\"}",
            (await ExportAsync("a")).Single().Fields);
    }

    [Fact]
    public async Task An_empty_cell_is_an_absent_field_and_removes_nothing()
    {
        await InitAsync("a");
        await ImportedAsync("a", Write("x.csv", "id,x,y\n1,5,\n2,,\"\"\n"), "--id", "id");
        Assert.Equal([("1", "{\"id\":1,\"x\":5}"), ("2", "{\"id\":2}")], await ExportAsync("a"));
        await OkAsync("a", "put", "incident/strike/1", "note=seen twice", "--add", "tags=night", "--increment",
            "views=2");
        Counts(await ImportedAsync("a", Write("x.csv", "id,x,y\n1,,8\n2,,\n"), "--id", "id"), 0, 1, 1);
        Assert.Equal(
            "{\"id\":1,\"note\":\"seen twice\",\"tags\":[\"night\"],\"views\":2,\"x\":5,\"y\":8}",
            (await ExportAsync("a"))[0].Fields);
    }

    [Fact]
    public async Task Only_what_differs_is_written()
    {
        await InitAsync("a");
        await ImportedAsync("a", Write("x.csv", "id,x,y\n1,1,1\n2,2,2\n"), "--id", "id");
        Counts(await ImportedAsync("a", Write("x.csv", "id,x,y\n1,1,1\n2,2,3\n"), "--id", "id"), 0, 1, 1);
        JsonElement last = (await RunAsync("a", "--json", "log", "-n", "1")).Json;
        Assert.Equal("update", last.GetProperty("kind").GetString());
        Assert.Equal(["", "y"], last.GetProperty("changes").EnumerateArray().Select(c => c.GetProperty("path").GetString()));
    }

    [Fact]
    public async Task Equal_rows_are_kept_apart_and_are_the_same_ones_the_next_time()
    {
        await InitAsync("a");
        string file = Write("x.csv", "x,y\n1,a\n1,a\n2,b\n1,a\n");
        Counts(await ImportedAsync("a", file), 4, 0, 0);
        Counts(await ImportedAsync("a", file), 0, 0, 4);
        Assert.All(await ExportAsync("a"), e => Assert.Equal(4, Guid.Parse(e.Id).Version));
    }

    [Fact]
    public async Task An_id_of_content_depends_on_neither_order_nor_typing()
    {
        await InitAsync("a");
        await ImportedAsync("a", Write("x.csv", "x,y,z\n1,a,\n2,b,\n"));
        Counts(await ImportedAsync("a", Write("x.csv", "y,x\nb,2\na,1\n")), 0, 0, 2);
        Counts(await ImportedAsync("a", Write("x.csv", "y,x\nb,2\na,1\n"), "--types", "text"), 0, 2, 0);
        // SHA-256 of {"x":"1","y":"a"}, a line feed and 1: another version must give the same rows the same ids.
        Assert.Equal(["75cef933-18b2-47c4-8e9a-0c702457e804", "7ad10b38-e2e9-40f2-833f-af584da909bb"],
            (await ExportAsync("a")).Select(e => e.Id));
    }

    [Fact]
    public async Task Shares_of_one_file_make_the_same_entities_as_the_whole()
    {
        await InitAsync("a", "b", "c");
        string file = Write("x.csv", "x\n" + string.Concat(Enumerable.Range(0, 50).Select(i => $"{i % 7}\n")));
        Counts(await ImportedAsync("a", file, "--shard", "1/3"), 17, 0, 0);
        Counts(await ImportedAsync("a", file, "--shard", "2/3"), 17, 0, 0);
        Counts(await ImportedAsync("a", file, "--shard", "3/3"), 16, 0, 0);
        Counts(await ImportedAsync("a", file), 0, 0, 50);
        Counts(await ImportedAsync("b", file, "--from", "11", "--count", "20"), 20, 0, 0);
        Counts(await ImportedAsync("b", file, "--from", "1", "--count", "30"), 10, 0, 20);
        Counts(await ImportedAsync("b", file, "--from", "31"), 20, 0, 0);
        Assert.Equal(await ExportAsync("a"), await ExportAsync("b"));
    }

    [Fact]
    public async Task Bad_rows_are_named_with_their_lines_and_the_rest_goes_on()
    {
        await InitAsync("a");
        byte[] notUtf8 = [.. "id,x\n1,\"a\nb\"\n2\n,5\n3,6\n3,7\n\"4\"x,8\n5,"u8, 0xFF,
            .. "\n,\n6,9\n7,\"open\n8,10\n"u8];
        File.WriteAllBytes(PathOf("x.csv"), notUtf8);
        CliResult result = await ImportAsync("a", PathOf("x.csv"), "--id", "id");
        Assert.Equal(7, result.ExitCode);
        Assert.Equal(
            [
                (4, "1 cell where the header has 2 columns"),
                (5, "no id: 'id' is empty"),
                (7, "the id '3' stands in line 6 already"),
                (8, "a quote that opens a cell does not close it"),
                (9, "column 'x': not UTF-8"),
                (10, "no cell has a value"),
                (12, "a quote that opens a cell does not close it"),
            ],
            result.Json.GetProperty("rejections").EnumerateArray()
                .Select(r => (r.GetProperty("line").GetInt32(), r.GetProperty("reason").GetString()!)));
        Assert.Equal(["1", "3", "6"], (await ExportAsync("a")).Select(e => e.Id));
        CliResult text = await RunAsync("a", ["import", PathOf("x.csv"), .. IntoStrikes, "--id", "id"]);
        text.Failed(7, "line 7: the id '3' stands in line 6 already");
        Assert.Contains("10 rows of", text.Output);
    }

    [Fact]
    public async Task A_row_that_no_entity_can_hold_is_left_out_and_the_others_of_its_transaction_are_not()
    {
        await InitAsync("a");
        string file = Write("x.jsonl",
            $"{{\"id\":1,\"x\":1}}\n{{\"id\":2,\"x\":\"{new string('x', 300_000)}\"}}\n{{\"id\":3,\"x\":3}}\n");
        CliResult result = await ImportAsync("a", file, "--id", "id");
        Assert.Equal(7, result.ExitCode);
        Counts(result, 2, 0, 0, 1);
        Assert.Contains("262144", result.Json.GetProperty("rejections")[0].GetProperty("reason").GetString());
        Assert.Equal(["1", "3"], (await ExportAsync("a")).Select(e => e.Id));
    }

    [Fact]
    public async Task Json_lines_keep_their_types_and_their_depth()
    {
        await InitAsync("a");
        string lines = "{\"id\":\"u\",\"n\":1.0,\"none\":null,\"deep\":{\"a\":{\"b\":[1,\"x\"]},\"empty\":{}}}\n\n"
            + "[1]\n{\"id\":true}\n{\"id\":\"v\",\"id\":\"w\"}\nnot json\n{}\n";
        CliResult first = await RunWithInputAsync("a", lines, ["--json", "import", "-", "--format", "jsonl",
            .. IntoStrikes, "--id", "id"]);
        Assert.Equal(7, first.ExitCode);
        Counts(first, 1, 0, 0, 5);
        Assert.Equal([3, 4, 5, 6, 7], LinesOf(first));
        Assert.Equal(
            ("u", "{\"deep\":{\"a\":{\"b\":[1,\"x\"]},\"empty\":{}},\"id\":\"u\",\"n\":1.0,\"none\":null}"),
            (await ExportAsync("a")).Single());
        Counts((await ImportAsync("a", Write("x.jsonl",
            "{\"id\":\"u\",\"n\":1.0,\"none\":null,\"deep\":{\"empty\":{}}}\n"),
            "--id", "id")).Succeeded(), 0, 0, 1);
        Counts(await ImportedAsync("a", Write("x.jsonl", "{\"id\":\"u\",\"deep\":{\"a\":{\"c\":2}}}\n"), "--id",
            "id"), 0, 1, 0);
        Assert.Contains("{\"a\":{\"b\":[1,\"x\"],\"c\":2},\"empty\":{}}", (await ExportAsync("a")).Single().Fields);
    }

    [Fact]
    public async Task What_people_deleted_stays_deleted_unless_asked_for()
    {
        await InitAsync("a");
        string file = Write("x.csv", "id,x\n1,1\n2,2\n");
        await ImportedAsync("a", file, "--id", "id");
        await OkAsync("a", "put", "incident/strike/1", "--delete");
        CliResult again = await ImportedAsync("a", file, "--id", "id");
        Counts(again, 0, 0, 1);
        Assert.Equal(1, again.Json.GetProperty("deleted").GetInt32());
        Counts(await ImportedAsync("a", file, "--id", "id", "--recreate"), 1, 0, 1);
    }

    [Theory]
    [InlineData("", "The file is empty")]
    [InlineData("a,a\n1,2\n", "occurs twice")]
    [InlineData("a,,c\n1,2,3\n", "Column 2 has no name")]
    [InlineData("a,b\n1,2\n", "There is no column 'id'")]
    public async Task A_header_that_cannot_be_used_is_refused_as_a_whole(string csv, string why)
    {
        await InitAsync("a");
        (await RunAsync("a", ["import", Write("x.csv", csv), .. IntoStrikes, "--id", "id"])).Failed(2, why);
        Assert.Empty(await ExportAsync("a"));
    }

    [Fact]
    public async Task Other_separators_are_read()
    {
        await InitAsync("a");
        await ImportedAsync("a", Write("x.csv", "id;x\n1;a,b\n"), "--id", "id", "--separator", ";");
        await ImportedAsync("a", Write("x.csv", "id\tx\n2\tb\n"), "--id", "id", "--separator", "tab");
        Assert.Equal(["1", "2"], (await ExportAsync("a")).Select(e => e.Id));
    }

    [Fact]
    public async Task An_import_that_is_stopped_keeps_whole_transactions_and_the_next_one_finishes_it()
    {
        await InitAsync("a");
        string file = Write("x.csv", "id,x\n" + string.Concat(Enumerable.Range(0, 1000).Select(i => $"{i},{i}\n")));
        using var stop = new CancellationTokenSource();
        await using var input = new StoppingStream(File.ReadAllBytes(file), 6_000, stop);
        var output = new StringWriter();
        Assert.Equal(130, await Crdt.Cli.CrdtCommand.RunAsync(
            ["--data", PathOf("a"), "import", "-", .. IntoStrikes, "--id", "id"], output, output, input, stop.Token));
        int kept = (await ExportAsync("a")).Count;
        Assert.InRange(kept, 1, 999);
        Assert.Equal(0, kept % 200);
        Counts(await ImportedAsync("a", file, "--id", "id"), 1000 - kept, 0, kept);
    }

    /// <summary>Gives little at a time, and presses Ctrl-C at a place.</summary>
    private sealed class StoppingStream(byte[] content, int stopAt,
        CancellationTokenSource stop) : MemoryStream(content)
    {
        public override int Read(byte[] buffer, int offset, int count)
        {
            if (Position >= stopAt) stop.Cancel();
            return base.Read(buffer, offset, Math.Min(count, 100));
        }
    }
}
