using System.Buffers;
using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Sessions that stay open, in any topology, while everybody goes on writing: messages pass one at a time, in
/// any order of the links, and links break anywhere.</summary>
public class MeshLaws
{
    private static readonly Arbitrary<int> Seeds = Arb.From(Gen.Choose(0, int.MaxValue));

    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "14")]
    public void Everything_written_reaches_everybody_through_whatever_links_hold() => Law.Holds(Seeds, async seed =>
    {
        var random = new Random(seed);
        int count = random.Next(2, 5);
        await using Team team = await Team.CreateAsync(count, servers: random.Next(2));
        List<Link> links = Links(team, random);
        try
        {
            for (int step = 0; step < 120; step++)
            {
                Link link = links[random.Next(links.Count)];
                switch (random.Next(12))
                {
                    case 0 or 1:
                        await CommitAsync(team[random.Next(team.Replicas.Count)], random, step);
                        break;
                    case 2 when random.Next(4) == 0:
                        link.Break();
                        break;
                    default:
                        await link.PassAsync(random.Next(2) == 0);
                        break;
                }
            }
            await DrainAsync(links);
            await CheckAsync(team, links);
            // In calm times a write costs each link one run and one acknowledgement, however long the sessions last.
            await CommitAsync(team[0], random, -1);
            await DrainAsync(links);
            await CheckAsync(team, links);
        }
        finally
        {
            foreach (Link link in links) link.Dispose();
        }
    });

    /// <summary>A tree that holds the mesh together, and some links more.</summary>
    private static List<Link> Links(Team team, Random random)
    {
        var links = new List<Link>();
        for (int i = 1; i < team.Replicas.Count; i++) links.Add(new Link(team, random.Next(i), i));
        for (int i = random.Next(3); i > 0; i--)
        {
            int a = random.Next(team.Replicas.Count), b = random.Next(team.Replicas.Count);
            if (a != b) links.Add(new Link(team, a, b));
        }
        return links;
    }

    private static async Task CommitAsync(Replica replica, Random random, int step)
    {
        EntityKey key = new("d", "t", $"{random.Next(3)}");
        await replica.CommitAsync(tx => tx.Upsert(key).Set("n", step).Increment("c").Add("tags", $"{step % 5}"));
    }

    private static async Task DrainAsync(List<Link> links)
    {
        int messages = 0;
        for (bool isMoving = true; isMoving;)
        {
            isMoving = false;
            foreach (Link link in links)
            {
                while (await link.PassAsync(true) | await link.PassAsync(false))
                {
                    isMoving = true;
                    Assert.InRange(messages++, 0, 5_000);
                }
            }
        }
    }

    private static async Task CheckAsync(Team team, List<Link> links)
    {
        string dump = await World.DumpAsync(team[0]);
        foreach (Replica replica in team.Replicas)
        {
            Assert.Equal(dump, await World.DumpAsync(replica));
            Assert.Empty((await replica.AuditAsync()).Unaccounted);
        }
        Assert.All(links, l => Assert.True(l.IsInSync));
        if (team.Replicas.Any(r => r.Role == ReplicaRole.Server))
        {
            foreach (Replica replica in team.Replicas) Assert.Equal(0, (await replica.GetStatusAsync()).Pending);
        }
    }

    private sealed class Link(Team team, int a, int b) : IDisposable
    {
        private SyncSession left = new(team[a]), right = new(team[b]);

        public bool IsInSync => left.IsInSync && right.IsInSync && !left.Progress.IsDiverged && !right.Progress.IsDiverged
            && left.Progress is { MutationsOutstanding: 0, MutationsExpected: 0 };

        public void Break()
        {
            Dispose();
            (left, right) = (new SyncSession(team[a]), new SyncSession(team[b]));
        }

        public async Task<bool> PassAsync(bool isForth)
        {
            (SyncSession from, SyncSession to) = isForth ? (left, right) : (right, left);
            var buffer = new ArrayBufferWriter<byte>();
            if (!await from.WriteNextAsync(buffer, default))
            {
                // Whoever waits for something to send must not be told that there is something, again and again.
                Assert.False(from.WaitForOutgoingAsync(default).AsTask().IsCompleted);
                return false;
            }
            await to.ReceiveAsync(new ReadOnlySequence<byte>(buffer.WrittenMemory), default);
            return true;
        }

        public void Dispose()
        {
            left.Dispose();
            right.Dispose();
        }
    }
}
