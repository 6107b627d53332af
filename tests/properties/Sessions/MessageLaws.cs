using System.Buffers;
using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

[Trait("Law", "9")]
public class MessageLaws
{
    private static readonly Arbitrary<int> Seeds = Arb.From(Gen.Choose(0, int.MaxValue));

    [Fact]
    public void A_message_is_read_as_it_was_written() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        (SyncMessageCodec writer, SyncMessageCodec reader, SyncMessageCodec again) = (new(), new(), new());
        for (int i = 0; i < 6; i++)
        {
            byte[] bytes = Encode(writer, Build(random));
            SyncMessage read = reader.Read(new ReadOnlySequence<byte>(bytes));
            Assert.Equal(bytes, Encode(again, read));
        }
    });

    [Fact]
    public void A_damaged_message_is_refused_or_is_the_one_encoding_of_what_it_says() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        byte[] good = Encode(new SyncMessageCodec(), Build(random));
        for (int i = 0; i < 40; i++)
        {
            byte[] damaged = Damage.Some(random, good);
            SyncMessage read;
            try
            {
                read = new SyncMessageCodec().Read(new ReadOnlySequence<byte>(damaged));
            }
            catch (SyncException error)
            {
                Assert.Equal(SyncError.BadMessage, error.Error);
                continue;
            }
            Assert.Equal(damaged, Encode(new SyncMessageCodec(), read));
        }
    });

    /// <summary>A true session of two whose messages are damaged on the way, one in five.</summary>
    [Fact]
    public void Damage_on_the_way_ends_a_session_and_the_next_one_goes_on_as_if_nothing_had_been() =>
        Law.Holds(Seeds, async seed =>
        {
            var random = new Random(seed);
            await using Team team = await Team.CreateAsync(2);
            for (int i = 0; i < 4; i++)
                await team[i % 2].CommitAsync(tx => tx.Upsert(new("incident", "strike", $"{i % 3}")).Set("n", i));
            for (int attempt = 0; attempt < 5; attempt++)
            {
                try
                {
                    await MeetDamagedAsync(team[0], team[1], random);
                }
                catch (SyncException)
                {
                    // The one error that may come of it.
                }
                Assert.Empty((await team[0].AuditAsync()).Unaccounted);
                Assert.Empty((await team[1].AuditAsync()).Unaccounted);
            }
            await team.MeetAsync(0, 1);
            Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        });

    [Fact]
    public void A_founding_is_read_as_it_was_written_and_damage_is_refused_or_founds_another_space() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        SpaceGenesis genesis = SpaceGenesis.Create(Team.IdOf(random.Next(100)), $"space {seed}",
            [new(new PolicyScope("d"), ConflictPolicy.Manual), new(new PolicyScope("d", "t", "f"), ConflictPolicy.Merge)],
            new Microsoft.Extensions.Time.Testing.FakeTimeProvider(Team.Start));
        byte[] bytes = genesis.ToBytes();
        SpaceGenesis read = SpaceGenesis.FromBytes(bytes);
        Assert.Equal((genesis.Space, genesis.Authority), (read.Space, read.Authority));
        Assert.Equal(bytes, read.ToBytes());
        for (int i = 0; i < 30; i++)
        {
            byte[] damaged = Damage.Some(random, bytes);
            if (damaged.AsSpan().SequenceEqual(bytes)) continue;
            try
            {
                SpaceGenesis other = SpaceGenesis.FromBytes(damaged);
                Assert.Equal(damaged, other.ToBytes());
                Assert.NotEqual(genesis.Space, other.Space);
            }
            catch (BatchFormatException)
            {
                // The one error that may come of it.
            }
        }
    });

    private static async Task MeetDamagedAsync(Replica a, Replica b, Random random)
    {
        using var left = new SyncSession(a);
        using var right = new SyncSession(b);
        for (int quiet = 0; quiet < 2;)
        {
            quiet++;
            if (await PassAsync(left, right, random)) quiet = 0;
            if (await PassAsync(right, left, random)) quiet = 0;
        }
    }

    private static async Task<bool> PassAsync(SyncSession from, SyncSession to, Random random)
    {
        var buffer = new ArrayBufferWriter<byte>();
        if (!await from.WriteNextAsync(buffer, default)) return false;
        byte[] bytes = buffer.WrittenSpan.ToArray();
        if (random.Next(5) == 0) bytes = Damage.Some(random, bytes);
        await to.ReceiveAsync(new ReadOnlySequence<byte>(bytes), default);
        return true;
    }

    private static SyncMessage Build(Random random) => random.Next(13) switch
    {
        0 => new HaveMessage(Team.IdOf(random.Next(9)), (ReplicaRole)random.Next(3), Team.Start.AddMilliseconds(random.Next()), Bytes(random, HaveMessage.HeadsHashLengthBytes), Bytes(random, HaveMessage.StatementsHashLengthBytes)),
        1 => new HeadsMessage(new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()),
            [.. Ids(random).Select(id => new ChainHead(id, random.NextInt64(1, Dot.SequenceMax), Bytes(random, 8)))]),
        2 => BuildRun(random),
        3 => new AckMessage(Team.Start.AddMilliseconds(random.Next()), Vector(random), random.Next()),
        8 => new StandingMessage([.. Ids(random).Select(id => new Acknowledgement(
            id, (ReplicaRole)random.Next(3), Team.Start.AddMilliseconds(random.Next()), Vector(random)) { IsRelative = random.Next(2) == 0 })]),
        4 => new RangesMessage(Bytes(random, 8), random.Next(100), [.. Enumerable.Range(0, random.Next(3)).Select(_ => BuildRange(random))]),
        5 => new SnapshotMessage(Bytes(random, random.Next(300))),
        6 => new ChunkMessage(Bytes(random, random.Next(300))),
        7 => new WantedMessage(random.Next()),
        9 => new AskMessage(),
        11 => new SumsMessage(Bytes(random, HeadSums.LengthBytes)),
        12 => new HeadsMessage(new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()),
            [.. Ids(random).Select(id => new ChainHead(id, random.NextInt64(1, Dot.SequenceMax), Bytes(random, 8)))], (ulong)random.NextInt64()),
        _ => new StatementsMessage([.. Ids(random).Select(id => BuildStatement(random, id))]),
    };

    private static Acknowledgement BuildStatement(Random random, ReplicaId by)
    {
        VersionVector held = Vector(random);
        return new Acknowledgement(by, (ReplicaRole)random.Next(3), Team.Start.AddMilliseconds(random.Next()), held)
        {
            IsRelative = random.Next(2) == 0,
            Tags = random.Next(2) == 0 ? ChainTags.None : ChainTags.Of(held.Select(d => (d.Replica, ChainTags.TagOf(Bytes(random, ChainTags.LengthBytes))))),
        };
    }

    private static RangeSummary BuildRange(Random random)
    {
        var range = new KeyRange(0, 0);
        for (int depth = random.Next(KeyRange.DepthMax); depth > 0; depth--) range = range.Part(random.Next(KeyRange.FanOut));
        var index = new DigestIndex(Enumerable.Range(0, random.Next(60)).Select(i =>
            (new EntityKey("d", "t", $"{i}"), new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()))));
        return index.Summarize(range, random.Next(2) == 0);
    }

    private static RunMessage BuildRun(Random random)
    {
        long first = random.NextInt64(1, Dot.SequenceMax);
        return new RunMessage(new BatchRun(Team.IdOf(random.Next(3)), first,
            [.. Enumerable.Range(0, random.Next(4)).Select(_ => (ReadOnlyMemory<byte>)Bytes(random, random.Next(300)))],
            first + random.NextInt64(0, Dot.SequenceMax - first + 1), Bytes(random, 32)));
    }

    private static IEnumerable<ReplicaId> Ids(Random random) =>
        Enumerable.Range(0, random.Next(4)).Select(_ => Team.IdOf(random.Next(9))).Distinct().Order();

    private static VersionVector Vector(Random random) =>
        VersionVector.From(Ids(random).Select(id => new Dot(id, random.NextInt64(1, Dot.SequenceMax))));

    private static byte[] Bytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Encode(SyncMessageCodec codec, SyncMessage message)
    {
        var buffer = new ArrayBufferWriter<byte>();
        codec.Write(buffer, message);
        return buffer.WrittenSpan.ToArray();
    }
}
