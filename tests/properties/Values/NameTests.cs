using System.Text;
using FsCheck.Fluent;

namespace Crdt.Properties;

public class NameTests
{
    private static readonly string[] Letters = ["a", "b", "/", "~", "[", ".", "ä", "鳥", "🦅", "\u0000", " "];

    [Fact]
    public void A_part_of_a_key_takes_1_to_255_bytes_of_utf_8()
    {
        string longest = new string('a', 253) + "ä";
        Assert.Equal(255, Encoding.UTF8.GetByteCount(new EntityKey(longest, longest, longest).Id));
        Assert.Equal(longest, FieldPath.Field(longest).Name);
        foreach (string bad in new[] { "", longest + "a", new string('鳥', 86) })
        {
            Assert.Throws<ArgumentException>(() => new EntityKey(bad, "t", "1"));
            Assert.Throws<ArgumentException>(() => new EntityKey("d", bad, "1"));
            Assert.Throws<ArgumentException>(() => new EntityKey("d", "t", bad));
            Assert.Throws<ArgumentException>(() => FieldPath.Field(bad));
            Assert.Throws<ArgumentException>(() => FieldPath.Field("a").Key(bad));
            Assert.Throws<ArgumentException>(() => FieldPath.Field("a").Element(bad));
        }
        Assert.Throws<ArgumentException>(() => new EntityKey("a/b", "t", "1"));
        Assert.Throws<ArgumentException>(() => new EntityKey("d", "a/b", "1"));
    }

    [Theory]
    [InlineData("d/t/1", "d", "t", "1")]
    [InlineData("d/t/a/b/", "d", "t", "a/b/")]
    public void A_key_is_read_from_its_text(string text, string domain, string type, string id)
    {
        EntityKey key = EntityKey.Parse(text);
        Assert.Equal((domain, type, id), (key.Domain, key.Type, key.Id));
        Assert.Equal(text, key.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("d")]
    [InlineData("d/t")]
    [InlineData("d/t/")]
    [InlineData("/t/1")]
    [InlineData("d//1")]
    public void What_is_no_key_is_refused(string text)
    {
        Assert.False(EntityKey.TryParse(text, out _));
        Assert.Throws<FormatException>(() => EntityKey.Parse(text));
    }

    [Fact]
    public void A_path_has_up_to_16_segments()
    {
        FieldPath path = "a";
        for (int depth = 2; depth <= 16; depth++) path = path.Key("a");
        Assert.Equal(16, path.Depth);
        Assert.Throws<ArgumentException>(() => path.Key("a"));
        Assert.Throws<ArgumentException>(() => path.Element("a"));
        Assert.Equal(16, path.AsCounter().Depth);
        Assert.Throws<ArgumentException>(() => FieldPath.Root.Element("a"));
        Assert.Throws<InvalidOperationException>(() => FieldPath.Root.AsCounter());
    }

    [Fact]
    public void A_path_of_keys_is_read_back_from_its_text() => Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
    {
        var random = new Random(seed);
        string[] names = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ =>
            string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => Letters[random.Next(Letters.Length)])))];
        FieldPath path = FieldPath.Of(names);
        Assert.Equal(path, FieldPath.Parse(path.ToString()));
        Assert.Equal(names, path.Segments.Select(s => s.Name));
        Assert.Equal(path, FieldPath.FromTrusted(path.Bytes));
        Assert.True(FieldPath.IsCanonical(path.Bytes));
    });

    [Fact]
    public void Everything_below_a_path_follows_it_without_a_gap() => Law.Holds(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
    {
        var random = new Random(seed);
        FieldPath[] paths = [.. Enumerable.Range(0, 30).Select(_ => ForeignBatches.Path(random, isStrange: true)).Distinct().Order()];
        foreach (FieldPath path in paths)
        {
            int at = Array.IndexOf(paths, path);
            int below = paths.Count(p => p.IsBelow(path));
            Assert.All(paths[(at + 1)..(at + 1 + below)], p => Assert.True(p.IsBelow(path)));
            Assert.All(paths, p => Assert.Equal(Math.Sign(p.Bytes.SequenceCompareTo(path.Bytes)), Math.Sign(p.CompareTo(path))));
        }
    });

    [Theory]
    [InlineData("d", "d", null, null)]
    [InlineData("d/t", "d", "t", null)]
    [InlineData("d/t/f", "d", "t", "f")]
    public void A_scope_is_read_from_its_text(string text, string domain, string? type, string? field)
    {
        PolicyScope scope = PolicyScope.Parse(text);
        Assert.Equal((domain, type, field), (scope.Domain, scope.Type, scope.Field));
        Assert.Equal(text, scope.ToString());
        Assert.Equal(new PolicyScope(domain, type, field), scope);
    }

    [Theory]
    [InlineData("")]
    [InlineData("d/")]
    [InlineData("d//f")]
    [InlineData("d/t/f/g")]
    public void What_is_no_scope_is_refused(string text) => Assert.Throws<FormatException>(() => PolicyScope.Parse(text));
}
