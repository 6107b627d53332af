using System.Text.Json;

namespace Crdt.Integration.Cli;

public sealed class PutAndGetTests : CliTest
{
    private const string Key = "incident/strike/1";

    [Fact]
    public async Task What_is_put_is_got()
    {
        await InitAsync("a");
        CliResult made = (await RunAsync("a", "--json", "put", Key, "species=Red kite", "count=3",
            "Wildlife Size=Large",
            "address/city=Oslo", "dry=true", "nothing=null", "area={\"b\":[1,2.5]}")).Succeeded();
        Assert.Equal("created", made.Json.GetProperty("done").GetString());
        Assert.Equal(4, Guid.Parse(made.Json.GetProperty("mutations")[0].GetString()!).Version);
        Assert.Equal(
            "{\"Wildlife Size\":\"Large\",\"address\":{\"city\":\"Oslo\"},\"area\":{\"b\":[1,2.5]},\"count\":3,\"dry\":true,"
            + "\"nothing\":null,\"species\":\"Red kite\"}\n",
            (await OkAsync("a", "--json", "get", Key)).Output);
        Assert.Equal("Oslo\n", (await RunAsync("a", "get", Key, "address/city")).Output);
        Assert.Equal("\"Oslo\"\n", (await RunAsync("a", "get", Key, "address/city", "--json")).Output);
    }

    [Theory]
    [InlineData("5", "5")]
    [InlineData("-5", "-5")]
    [InlineData("5.5", "5.5")]
    [InlineData("\"5\"", "\"5\"")]
    [InlineData("007", "\"007\"")]
    [InlineData("1990-01-08", "\"1990-01-08\"")]
    [InlineData("a=b", "\"a=b\"")]
    [InlineData("@handle", "\"@handle\"")]
    [InlineData("", "\"\"")]
    [InlineData("[sic] as it was", "\"[sic] as it was\"")]
    [InlineData("Zürich 🦅", "\"Zürich 🦅\"")]
    public async Task A_value_is_json_if_it_is_json_and_text_else(string given, string expected)
    {
        await InitAsync("a");
        await OkAsync("a", "put", Key, $"x={given}");
        Assert.Equal(
            JsonSerializer.Serialize(JsonDocument.Parse(expected).RootElement),
            JsonSerializer.Serialize((await OkAsync("a", "--json", "get", Key, "x")).Json));
    }

    [Theory]
    [InlineData("x=123456789012345678901234567890", "neither a 64-bit integer nor a double")]
    [InlineData("x=[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "levels of nesting")]
    [InlineData("justaname", "is not FIELD=VALUE")]
    [InlineData("a//b=1", "is not a field path")]
    public async Task What_cannot_be_a_value_is_not_written(string assignment, string why)
    {
        await InitAsync("a");
        (await RunAsync("a", "put", Key, assignment)).Failed(2, why);
        (await RunAsync("a", "get", Key)).Failed(3, "does not exist");
    }

    [Fact]
    public async Task Counters_sets_and_removals_change_what_they_name()
    {
        await InitAsync("a");
        await OkAsync("a", "put", Key, "x=1", "y=2", "--increment", "views", "--add", "tags=night", "--add",
            "tags=rain");
        await OkAsync("a", "put", Key, "--remove", "x", "--increment", "views=-5", "--discard", "tags=night");
        Assert.Equal("{\"tags\":[\"rain\"],\"views\":-4,\"y\":2}\n", (await RunAsync("a", "--json", "get",
            Key)).Output);
    }

    [Fact]
    public async Task A_document_replaces_and_a_patch_merges()
    {
        await InitAsync("a");
        await OkAsync("a", "put", Key, "--json-doc", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}");
        (await RunWithInputAsync("a", "{\"b\":{\"c\":null,\"e\":4}}", "put", Key, "--json-doc", "-",
            "--patch")).Succeeded();
        Assert.Equal("{\"a\":1,\"b\":{\"d\":3,\"e\":4}}\n", (await RunAsync("a", "--json", "get", Key)).Output);
        await OkAsync("a", "put", Key, "--json-doc", "{\"b\":{\"d\":3}}");
        Assert.Equal("{\"b\":{\"d\":3}}\n", (await RunAsync("a", "--json", "get", Key)).Output);
        CliResult same = await OkAsync("a", "--json", "put", Key, "--json-doc", "{\"b\":{\"d\":3}}");
        Assert.Equal("unchanged", same.Json.GetProperty("done").GetString());
        Assert.Equal(0, same.Json.GetProperty("mutations").GetArrayLength());
        (await RunAsync("a", "put", Key, "--json-doc", "[1]")).Failed(2, "an entity is a JSON object");
        (await RunAsync("a", "put", Key, "--json-doc", "{\"a\":")).Failed(2, "Not JSON");
        (await RunAsync("a", "put", Key, "x=1", "--patch")).Failed(2, "--json-doc");
    }

    [Fact]
    public async Task A_deleted_entity_is_not_found_and_comes_back_without_its_old_fields()
    {
        await InitAsync("a");
        await OkAsync("a", "put", Key, "x=1", "--create");
        (await RunAsync("a", "put", Key, "x=2", "--create")).Failed(6, "exists already");
        await OkAsync("a", "put", Key, "--delete", "--user", "ann");
        (await RunAsync("a", "get", Key)).Failed(3, "was deleted by ann on ");
        (await RunAsync("a", "put", Key, "--delete")).Failed(3, "is deleted");
        (await RunAsync("a", "put", Key, "--remove", "x")).Failed(3, "is deleted");
        (await RunAsync("a", "put", Key, "y=1", "--delete")).Failed(2, "--delete stands alone");
        await OkAsync("a", "put", Key, "y=3");
        Assert.Equal("{\"y\":3}\n", (await RunAsync("a", "--json", "get", Key)).Output);
    }

    [Fact]
    public async Task Siblings_tell_who_wrote_each_live_value()
    {
        await InitAsync("a", ["incident/strike/species=Manual"], "b");
        await OkAsync("a", "put", Key, "species=kite", "--add", "tags=t", "--increment", "n=2", "--user", "ann");
        await SyncAsync("a", "b");
        await OkAsync("a", "put", Key, "species=Red kite", "--increment", "n", "--user", "ann");
        await OkAsync("b", "put", Key, "species=Black kite", "--increment", "n=4", "--user", "bob");
        await SyncAsync("a", "b");
        JsonElement entity = (await OkAsync("a", "--json", "get", Key, "--siblings")).Json;
        var registers = entity.GetProperty("registers").EnumerateArray()
            .ToDictionary(r => (r.GetProperty("field").GetString()!, r.GetProperty("kind").GetString()!));
        Assert.Equal(
            [("", "existence"), ("n", "counter"), ("species", "value"), ("tags[t]", "element")],
                registers.Keys.Order());
        JsonElement[] species = [.. registers[("species", "value")].GetProperty("siblings").EnumerateArray()];
        Assert.Equal(["bob", "ann"], species.Select(s => s.GetProperty("user").GetString()));
        Assert.Equal(["Black kite", "Red kite"], species.Select(s => s.GetProperty("value").GetString()));
        Assert.Equal([true, false], species.Select(s => s.GetProperty("visible").GetBoolean()));
        Assert.Equal(2, registers[("n", "counter")].GetProperty("siblings").GetArrayLength());
        Assert.Contains("Manual", (await OkAsync("a", "get", Key, "species", "--siblings")).Output);
    }

    [Fact]
    public async Task A_missing_field_says_which_there_are()
    {
        await InitAsync("a");
        await OkAsync("a", "put", Key, "x=1", "y=2");
        (await RunAsync("a", "get", Key, "z")).Failed(3, "x, y");
    }

    [Fact]
    public async Task No_control_character_of_a_value_reaches_the_terminal()
    {
        await InitAsync("a");
        await OkAsync("a", "put", Key, "x=\"\\u001b[2Jgone\\u0007\"", "--user", "\u001b[31mred");
        foreach (string[] command in new string[][] { ["get", Key, "x"], ["query", "incident/strike"], ["log"],
            ["get", Key] })
        {
            CliResult shown = await OkAsync("a", command);
            Assert.DoesNotContain(shown.Output, c => char.IsControl(c) && c != '\n');
        }
    }
}
