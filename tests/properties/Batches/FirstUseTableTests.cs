namespace Crdt.Properties;

public class FirstUseTableTests
{
    [Theory]
    [InlineData(12, 3)]
    [InlineData(12, 0)]
    [InlineData(9, 8)]
    [InlineData(5, 2)]
    [InlineData(2_000, 5)]
    [InlineData(2_000, 12)]
    [InlineData(12, 10)]
    [InlineData(12, 12)]
    public void After_a_truncation_every_item_is_still_found_at_its_place(int before, int kept)
    {
        var table = new FirstUseTable<string>();
        for (int i = 0; i < before; i++) table.GetOrAdd($"old {i}");
        table.Truncate(kept);
        for (int i = 0; i < 20; i++) Assert.Equal(kept + i, table.GetOrAdd($"new {i}"));
        for (int i = 0; i < 20; i++) Assert.Equal(kept + i, table.GetOrAdd($"new {i}"));
        for (int i = 0; i < kept; i++) Assert.Equal(i, table.IndexOf($"old {i}"));
        for (int i = kept; i < before; i++) Assert.Equal(-1, table.IndexOf($"old {i}"));
    }
}
