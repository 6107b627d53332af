using System.Text;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>RFC 8259, strictly, with the rules of semantics 14 where it leaves a choice.</summary>
public class JsonTextTests
{
    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("nul")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("+1")]
    [InlineData("01")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("1e")]
    [InlineData("0x10")]
    [InlineData("'a'")]
    [InlineData("\"a")]
    [InlineData("\"a\tb\"")]
    [InlineData("\"\\x\"")]
    [InlineData("\"\\u12\"")]
    [InlineData("[1,]")]
    [InlineData("[1 2]")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{a:1}")]
    [InlineData("{\"a\"}")]
    [InlineData("{\"a\":1 /* no */}")]
    [InlineData("1 2")]
    [InlineData("{}{}")]
    [InlineData("[")]
    [InlineData("\uFEFF{}")]
    public void What_is_not_json_is_refused(string text) => Assert.Throws<JsonInputException>(() => Value.ParseJson(text));

    [Theory]
    [InlineData("{\"a\":1,\"a\":1}", "/a")]
    [InlineData("{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", "/x/a")]
    [InlineData("[{\"a\":1,\"\\u0061\":2}]", "/0/a")]
    public void A_member_that_occurs_twice_is_refused_with_its_place(string text, string path) =>
        Assert.Equal(path, Assert.Throws<JsonInputException>(() => Value.ParseJson(text)).Path);

    [Theory]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\udc00x\"")]
    [InlineData("\"\\ud800\\u0041\"")]
    [InlineData("{\"\\ud800\":1}")]
    public void An_escaped_lone_surrogate_is_refused(string text) =>
        Assert.Throws<JsonInputException>(() => Value.ParseJson(text));

    [Fact]
    public void A_lone_surrogate_as_it_is_is_refused_everywhere()
    {
        string alone = new('\ud800', 1);
        Assert.Throws<JsonInputException>(() => Value.ParseJson($"\"{alone}\""));
        Assert.Throws<ArgumentException>(() => Value.From(alone));
        Assert.Throws<ArgumentException>(() => Value.ObjectOf([new(alone, 1)]));
        Assert.Throws<ArgumentException>(() => new EntityKey("d", "t", alone));
        Assert.Throws<ArgumentException>(() => FieldPath.Field(alone));
    }

    [Fact]
    public void Bytes_that_are_not_utf_8_are_refused()
    {
        foreach (byte[] bytes in new byte[][] { [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0xEF, 0xBB, 0xBF, 0x31] })
            Assert.Throws<JsonInputException>(() => Value.ParseJson(bytes));
    }

    [Fact]
    public void A_pair_of_surrogates_is_one_letter() => Assert.Equal("🦅", Value.ParseJson("\"\\ud83e\\udd85\"").AsString());

    [Fact]
    public void Sixteen_levels_of_nesting_pass_and_seventeen_do_not()
    {
        foreach ((string open, string close) in new[] { ("[", "]"), ("{\"a\":", "}") })
        {
            string Nested(int levels) => string.Concat(Enumerable.Repeat(open, levels)) + "1" + string.Concat(Enumerable.Repeat(close, levels));
            Assert.Equal(Nested(16), Value.ParseJson(Nested(16)).ToJson());
            Assert.Throws<JsonInputException>(() => Value.ParseJson(Nested(17)));
            Assert.Throws<JsonInputException>(() => Value.ParseJson(Nested(100_000)));
        }
        Value deepest = 1;
        for (int level = 0; level < 16; level++) deepest = Value.ArrayOf(deepest);
        Assert.Throws<ArgumentException>(() => Value.ArrayOf(deepest));
        Assert.Throws<ArgumentException>(() => Value.ObjectOf([new("a", deepest)]));
    }

    [Fact]
    public void Members_are_shown_in_ordinal_order_and_texts_as_people_read_them() => Assert.Equal(
        """{"B":1,"a":[null,true,"ß鳥\n\"\\"],"ä":{}}""", Value.ParseJson("""{"ä":{},"a":[null,true,"ß鳥\u000a\u0022\\"],"B":1}""").ToJson());

    [Fact]
    public void Bytes_are_shown_as_base64_and_instants_as_rfc_3339()
    {
        Assert.Equal("\"AQID\"", ((Value)new byte[] { 1, 2, 3 }).ToJson());
        Assert.Equal("\"2026-05-01T08:00:00Z\"", ((Value)Team.Start).ToJson());
        Assert.Equal("\"2026-05-01T08:00:00.0000001Z\"", ((Value)Team.Start.AddTicks(1).ToOffset(TimeSpan.FromHours(5))).ToJson());
    }

    [Fact]
    public void What_json_says_comes_back_from_json_with_its_kinds() => Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
    {
        Value value = Jsonable(ForeignBatches.Value(new Random(seed)));
        string json = value.ToJson();
        Assert.Equal(value, Value.ParseJson(json));
        Assert.Equal(value, Value.ParseJson(Encoding.UTF8.GetBytes(json)));
        Assert.Equal(json, Value.ParseJson(json).ToJson());
        Assert.Equal(value.GetHashCode(), Value.ParseJson(json).GetHashCode());
    });

    [Fact]
    public void Any_text_is_a_value_or_a_json_input_error() => Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
    {
        var random = new Random(seed);
        byte[] json = Encoding.UTF8.GetBytes(ForeignBatches.Value(random).ToJson());
        for (int i = 0; i < 20; i++)
        {
            try
            {
                _ = Value.ParseJson(Damage.Some(random, json)).ToJson();
            }
            catch (JsonInputException)
            {
                // The one error that may come of it.
            }
        }
    });

    /// <summary>Without what JSON has no kind for.</summary>
    private static Value Jsonable(Value value) => value.Kind switch
    {
        ValueKind.Bytes or ValueKind.Timestamp => value.ToJson(),
        ValueKind.Array => Value.ArrayOf(value.AsArray().Select(Jsonable)),
        ValueKind.Object => Value.ObjectOf(value.AsObject().Select(m => KeyValuePair.Create(m.Key, Jsonable(m.Value)))),
        _ => value,
    };
}
