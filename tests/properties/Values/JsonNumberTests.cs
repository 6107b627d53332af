namespace Crdt.Properties;

public class JsonNumberTests
{
    [Theory]
    [InlineData("0", 0L)]
    [InlineData("-0", 0L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    [InlineData(" 12 ", 12L)]
    public void Integer_syntax_within_64_bits_is_an_integer(string json, long expected)
    {
        Value value = Value.ParseJson(json);
        Assert.Equal(ValueKind.Integer, value.Kind);
        Assert.Equal(expected, value.AsInteger());
    }

    [Theory]
    [InlineData("1.0", 1.0, "1.0")]
    [InlineData("-0.0", -0.0, "-0.0")]
    [InlineData("-0e0", -0.0, "-0.0")]
    [InlineData("0.1", 0.1, "0.1")]
    [InlineData("1E2", 100.0, "100.0")]
    [InlineData("1e-7", 1e-7, "1E-07")]
    [InlineData("100e-2", 1.0, "1.0")]
    [InlineData("0.000", 0.0, "0.0")]
    [InlineData("0e99999999999999999999", 0.0, "0.0")]
    [InlineData("1.7976931348623157e308", double.MaxValue, "1.7976931348623157E+308")]
    [InlineData("5e-324", double.Epsilon, "5E-324")]
    [InlineData("2.2250738585072014E-308", 2.2250738585072014E-308, "2.2250738585072014E-308")]
    [InlineData("9223372036854775808", 9223372036854775808.0, null)]
    [InlineData("100000000000000000000", 1e20, "1E+20")]
    public void Other_numbers_are_doubles_where_their_shortest_form_says_the_same(string json, double expected, string? shown)
    {
        if (shown is null)
        {
            // 2^63 as a double reads 9223372036854775808 only in its long form: its shortest is 9.223372036854776E+18.
            Assert.Throws<JsonInputException>(() => Value.ParseJson(json));
            return;
        }
        Value value = Value.ParseJson(json);
        Assert.Equal(ValueKind.Double, value.Kind);
        Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(value.AsDouble()));
        Assert.Equal(shown, value.ToJson());
        Assert.Equal(value, Value.ParseJson(value.ToJson()));
    }

    [Theory]
    [InlineData("1e400")]
    [InlineData("-1e400")]
    [InlineData("1e-400")]
    [InlineData("12345678901234567890")]
    [InlineData("9223372036854775809")]
    [InlineData("0.1000000000000000055511151231257827")]
    [InlineData("0.30000000000000001")]
    [InlineData("1.7976931348623157081e308")]
    [InlineData("1e99999999999999999999")]
    [InlineData("1e-99999999999999999999")]
    public void A_number_that_would_be_rounded_is_refused_with_its_place(string json)
    {
        JsonInputException error = Assert.Throws<JsonInputException>(() => Value.ParseJson($$"""{"a/b":[0,{{json}}]}"""));
        Assert.Equal("/a~1b/1", error.Path);
    }

    [Fact]
    public void One_and_one_point_zero_differ() => Assert.NotEqual(Value.ParseJson("1"), Value.ParseJson("1.0"));

    [Fact]
    public void Not_a_number_and_infinities_are_no_values()
    {
        foreach (double number in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
            Assert.Throws<ArgumentOutOfRangeException>(() => Value.From(number));
    }

    [Fact]
    public void Every_double_comes_back_from_json_as_itself() => Law.Holds(
        FsCheck.Fluent.Arb.From(FsCheck.Fluent.Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            double number = BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (!double.IsFinite(number)) number = random.NextDouble();
            Value value = number;
            Assert.Equal(value, Value.ParseJson(value.ToJson()));
        });
}
