using System.Security.Cryptography;
namespace Crdt.Properties;

public class ValueTests
{
    private static readonly Value[] OneOfEach =
    [
        Value.Null, true, 1, 1.5, "text", new byte[] { 1 }, Team.Start, Value.ArrayOf([1]),
        Value.ObjectOf([KeyValuePair.Create("a", Value.From(1))]),
        new Blob(BlobTree.EmptyRoot, BlobHash.FromBytes(SHA256.HashData([])), 0, "text/plain", "empty.txt"),
    ];

    /// <summary>What a value holds is given in its own kind, an integer also as a double, and in no other.</summary>
    [Fact]
    public void A_value_is_read_as_what_it_is_and_as_nothing_else()
    {
        (ValueKind Kind, Func<Value, object> Read)[] readers =
        [
            (ValueKind.Boolean, v => v.AsBoolean()), (ValueKind.Integer, v => v.AsInteger()), (ValueKind.Double, v => v.AsDouble()),
            (ValueKind.String, v => v.AsString()), (ValueKind.Bytes, v => v.AsBytes()), (ValueKind.Timestamp, v => v.AsTimestamp()),
            (ValueKind.Array, v => v.AsArray()), (ValueKind.Object, v => v.AsObject()),
            (ValueKind.Blob, v => v.AsBlob()),
        ];
        Assert.Equal(Enum.GetValues<ValueKind>(), OneOfEach.Select(v => v.Kind).Order());
        foreach (Value value in OneOfEach)
        {
            foreach ((ValueKind kind, Func<Value, object> read) in readers)
            {
                if (kind == value.Kind || (kind == ValueKind.Double && value.Kind == ValueKind.Integer))
                    Assert.Equal(value.ToJson(), kind == ValueKind.Double ? $"{read(value)}" : Again(read(value)).ToJson());
                else Assert.Contains($"{kind}", Assert.Throws<InvalidOperationException>(() => read(value)).Message);
            }
        }

        static Value Again(object read) => read switch
        {
            bool b => b,
            long l => l,
            string s => s,
            ReadOnlyMemory<byte> bytes => Value.From(bytes.Span),
            DateTimeOffset time => time,
            Blob blob => blob,
            IReadOnlyList<Value> items => Value.ArrayOf(items),
            IReadOnlyList<KeyValuePair<string, Value>> members => Value.ObjectOf(members),
            _ => throw new ArgumentException($"{read}", nameof(read)),
        };
    }

    [Fact]
    public void Values_are_equal_when_they_hold_the_same_and_hash_alike()
    {
        foreach (Value value in OneOfEach)
        {
            Value same = ValueCodecTwin(value);
            Assert.True(value == same && value.Equals((object)same) && !value.Equals((object?)null) && !value.Equals("other"));
            Assert.Equal(value.GetHashCode(), same.GetHashCode());
            Assert.All(OneOfEach.Where(o => o.Kind != value.Kind), other => Assert.True(value != other));
        }
        Assert.NotEqual(Value.From(1), Value.From(1.0));

        static Value ValueCodecTwin(Value value)
        {
            var reader = new CanonicalReader(ValueCodec.Encode(value));
            return ValueCodec.Read(ref reader, null, "A value");
        }
    }

    [Fact]
    public void An_object_has_each_member_once_and_well_formed_names()
    {
        Assert.Throws<ArgumentException>(() => Value.ObjectOf([new("a", 1), new("b", 2), new("a", 3)]));
        Assert.Throws<ArgumentException>(() => Value.ObjectOf([new("\uD800", 1)]));
        Assert.Throws<ArgumentException>(() => Value.From("\uD800"));
        Assert.Throws<ArgumentException>(() => Value.From("\uDC00\uD800"));
        Assert.Equal("\U0001F426", Value.From("\U0001F426").AsString());
        Assert.Equal("""{"a":1,"b":2}""", Value.ObjectOf([new("b", 2), new("a", 1)]).ToJson());
        Assert.False(Value.From(1).TryGetMember("a", out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => Value.From(double.NaN));
    }
}
