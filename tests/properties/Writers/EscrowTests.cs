using System.Diagnostics;

namespace Crdt.Properties;

/// <summary>What was refused costs no more memory and time than anything else, however much of it there is.</summary>
public class EscrowTests
{
    [Fact]
    public void Whether_a_mutation_was_refused_is_what_the_ranges_say_in_whatever_order_they_came()
    {
        var random = new Random(7);
        for (int round = 0; round < 300; round++)
        {
            var table = new RefusedRanges();
            var known = new Dictionary<long, long>();
            for (int epoch = 1; epoch <= 12; epoch++)
            {
                long first = random.Next(1, 60), last = first + random.Next(0, 9);
                long news = Enumerable.Range((int)first, (int)(last - first + 1)).Count(s => known.TryAdd(s, epoch));
                Assert.Equal(news, table.Add(first, last, epoch));
            }
            for (long sequence = 0; sequence < 80; sequence++)
            {
                for (long epoch = 0; epoch <= 13; epoch++)
                    Assert.Equal(known.TryGetValue(sequence, out long since) && since <= epoch, table.Contains(sequence, epoch));
            }
        }
    }

    [Fact]
    public async Task Refused_work_that_nobody_looks_at_goes_from_memory_and_is_read_again()
    {
        await using Team team = await Team.CreateAsync(new TeamOptions { Devices = 1, Servers = 1, IsProjecting = true });
        team.Admissions[1] = new RefuseWhere(m => m.User == "mallory");
        await team.ReopenAsync(1);
        for (int i = 0; i < 300; i++)
        {
            int number = i;
            await team[0].CommitAsync(tx => tx.Create(new EntityKey("d", "t", $"{number}")).Set("x", number), "mallory");
        }
        await team.MeetAllAsync();
        await team[1].CommitAsync(tx => tx.Create(new EntityKey("d", "t", "last")));
        Assert.InRange(team[1].Writer.Cache.Count, 1, 150);
        Assert.Equal(300, team[1].Refusals().Count());
        await team.ReopenAsync(1);
        Assert.InRange(team[1].Writer.Cache.Count, 0, 150);
        Assert.Equal(300, (await team[1].GetStatusAsync()).Failed);
    }

    [Fact]
    public void Refusals_of_one_author_are_looked_up_by_halving()
    {
        const int Refused = 200_000;
        var table = new RefusedRanges();
        for (int i = 0; i < Refused; i++) table.Add((4 * i) + 1, (4 * i) + 2, 1);
        var clock = Stopwatch.StartNew();
        int found = 0;
        for (int i = 0; i < 4 * Refused; i++) found += table.Contains(i, 1) ? 1 : 0;
        Assert.Equal(2 * Refused, found);
        // One by one these would be some 10^11 steps.
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10));
    }
}
