using System.Buffers.Binary;

namespace Crdt.Properties;

/// <summary>What others say is kept within bounds, however many they are, and what is kept stays right.</summary>
public class BoundedTableTests
{
    [Fact]
    public void Beyond_so_many_makers_of_statements_those_that_are_known_go_on()
    {
        var table = new AcknowledgementTable();
        for (int i = 0; i < AcknowledgementTable.MakersMax; i++) table.Merge(Statement(i, 1));
        Assert.Null(table.NewsOf(Statement(AcknowledgementTable.MakersMax, 1)));
        table.Merge(Statement(AcknowledgementTable.MakersMax, 1));
        table.Merge(Statement(0, 2));
        Assert.Equal(AcknowledgementTable.MakersMax, table.Newest().Length);
        Assert.Equal(2, table.HeldBy(IdOf(0))[IdOf(9_999)]);
    }

    [Fact]
    [Trait("Law", "13")]
    public void Nothing_beyond_a_fence_counts_as_synced()
    {
        ReplicaId author = IdOf(1), server = IdOf(2);
        foreach (long cap in new long[] { 0, 2, 3, 5, 8, 9 })
        {
            var table = new AcknowledgementTable();
            foreach (long held in new long[] { 3, 8 })
                table.Merge(new(server, ReplicaRole.Server, Team.Start.AddHours(held), VersionVector.From([new Dot(author, held)])));
            table.Cap(FenceCaps.Of(new[] { author, IdOf(3) }.Select(id =>
                new Fence(new ChainHead(id, cap, new byte[32]), FenceReason.Retired, new Dot(server, 1)))), static _ => false);
            Assert.Equal(Math.Min(cap, 8), table.HeldBy(server)[author]);
            Assert.Equal(Math.Min(cap, 8), table.SyncedTo(author));
            for (long sequence = 1; sequence <= 9; sequence++)
            {
                DateTimeOffset? expected = sequence > Math.Min(cap, 8) ? null : Team.Start.AddHours(sequence <= 3 ? 3 : 8);
                Assert.Equal(expected, table.SyncedAt(new Dot(author, sequence)));
            }
        }
    }

    [Fact]
    public void Of_very_many_skews_the_oldest_is_forgotten()
    {
        var watch = new ReplicaWatch();
        for (int i = 0; i < 1_100; i++)
            watch.Take(new SkewNote(new ClockSkew(IdOf(i), ReplicaRole.Client, i, null, Team.Start.AddSeconds(i))));
        Assert.Equal(1_024, watch.Skews.Length);
        Assert.DoesNotContain(watch.Skews, s => s.OffsetMs < 76);
        for (int i = 0; i < 20; i++) watch.Take(new DivergenceNote(Divergence(i)));
        Assert.Equal(Enumerable.Range(4, 16).Select(IdOf).Order(), watch.Divergences.Select(d => d.Peer).Order());
        watch.Take(new AgreementNote(IdOf(19)));
        Assert.Equal(15, watch.Divergences.Length);

        static Divergence Divergence(int i) =>
            new(IdOf(i), Team.Start.AddSeconds(i), [], true);
    }

    private static ReplicaId IdOf(int number)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Fill(1);
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        return ReplicaId.FromRandom(bytes);
    }

    private static Acknowledgement Statement(int maker, long sequence) => new(
        IdOf(maker), ReplicaRole.Server, Team.Start, VersionVector.From([new Dot(IdOf(9_999), sequence)]));
}
