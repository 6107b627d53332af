using FsCheck.Xunit;

namespace Crdt.Properties;

/// <summary>The table of entities in memory: beside a dictionary, and while it changes under its readers.</summary>
public sealed class SlotTableTests
{
    [Property(MaxTest = 300)]
    public void It_holds_what_a_dictionary_holds(int seed)
    {
        var random = new Random(seed);
        var table = new SlotTable();
        var model = new Dictionary<EntityKey, EntitySlot>();
        int keys = random.Next(1, 300);
        for (int i = 0; i < 600; i++)
        {
            var slot = new EntitySlot(KeyOf(random.Next(keys)));
            switch (random.Next(4))
            {
                case 0:
                    table.Put(slot);
                    model[slot.Key] = slot;
                    break;
                case 1:
                    model.TryAdd(slot.Key, slot);
                    Assert.Same(model[slot.Key], table.GetOrAdd(slot));
                    break;
                case 2:
                    table.Remove(slot.Key);
                    model.Remove(slot.Key);
                    break;
                default:
                    Assert.Same(model.GetValueOrDefault(slot.Key), table.Find(slot.Key));
                    Assert.Equal(model.ContainsKey(slot.Key), table.Contains(slot.Key));
                    break;
            }
            Assert.Equal(model.Count, table.Count);
        }
        Assert.Equal(model.Values.OrderBy(s => s.Key), table.ToList().OrderBy(s => s.Key));
        foreach (EntitySlot slot in table.Walk()) table.Remove(slot.Key);
        Assert.Equal(0, table.Count);
        Assert.Empty(table.ToList());
    }

    [Fact]
    public async Task What_is_there_is_found_and_listed_while_others_come_and_go()
    {
        const int Staying = 500, Passing = 40_000;
        var table = new SlotTable();
        EntitySlot[] staying = [.. Enumerable.Range(0, Staying).Select(i => new EntitySlot(KeyOf(i)))];
        foreach (EntitySlot slot in staying) table.Put(slot);
        using var done = new CancellationTokenSource();
        Task<int>[] readers = [.. Enumerable.Range(0, 2).Select(r => Task.Run(() =>
        {
            int rounds = 0;
            do
            {
                foreach (EntitySlot slot in staying) Assert.Same(slot, table.Find(slot.Key));
                Assert.Null(table.Find(KeyOf(-1)));
                if (rounds++ % 16 == 0) Assert.Equal(Staying, table.ToList().Count(s => s.Unit == 0));
            }
            while (!done.IsCancellationRequested);
            return rounds;
        }))];
        for (int i = 0; i < Passing; i++)
        {
            table.Put(new EntitySlot(KeyOf(Staying + i)) { Unit = 1 });
            if (i % 3 == 0) table.Remove(KeyOf(Staying + (i / 2)));
        }
        await done.CancelAsync();
        foreach (Task<int> reader in readers) Assert.True(await reader > 0);
        Assert.Equal(table.Count, table.ToList().Count);
    }

    private static EntityKey KeyOf(int number) => new("d", "t", $"e{number}");
}
