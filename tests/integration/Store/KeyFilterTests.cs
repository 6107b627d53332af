using Crdt.Store.LiteDb;
using LiteDB;

namespace Crdt.Integration.Store;

public sealed class KeyFilterTests
{
    [Theory]
    [InlineData(100)]
    [InlineData(60_000)]
    public void Every_key_added_may_be_there_and_few_others_also_after_loading(int count)
    {
        using var database = new LiteDatabase(new MemoryStream());
        var filter = new KeyFilter();
        var random = new Random(count);
        ulong[] keys = [.. Enumerable.Range(0, 2 * count).Select(_ => (ulong)random.NextInt64() << 1)];
        for (int i = 0; i < count; i++)
        {
            filter.Add(keys[i]);
            if (i % 10_000 == 0)
                filter.Save(database);
        }
        filter.Save(database);

        foreach (KeyFilter each in new[] { filter, KeyFilter.Load(database) })
        {
            Assert.All(keys[..count], key => Assert.True(each.MayContain(key)));
            Assert.InRange(keys[count..].Count(each.MayContain), 0, count * 3 / 100);
        }
    }

    [Fact]
    public void An_empty_filter_contains_nothing() => Assert.False(new KeyFilter().MayContain(0));
}
