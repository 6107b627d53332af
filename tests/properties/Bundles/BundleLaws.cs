using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Laws 1, 2 and 10 where couriers carry bundles in place of sessions.</summary>
public class BundleLaws
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Law", "1")]
    [Trait("Law", "2")]
    [Trait("Spec", "WF-9.3")]
    public void Replicas_that_exchange_bundles_only_converge_whatever_is_repeated_or_interrupted(bool isKeyed) => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            await using Team team = await Team.CreateAsync(2, servers: 1, isProjecting: false, [], isKeyed: isKeyed);
            for (int i = 0; i < 12; i++)
            {
                int at = random.Next(3), other = (at + 1 + random.Next(2)) % 3;
                switch (random.Next(8))
                {
                    case 0:
                        await CarryAsync(team[at], team[other], random);
                        break;
                    case 1:
                        await team.MeetAsync(at, other);
                        break;
                    case 2 when team[2].Vector.Count > 0:
                        await team[2].TakeSnapshotAsync();
                        if (random.Next(2) == 0) await team[2].PruneAsync();
                        break;
                    default:
                        await team[at].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", $"{random.Next(4)}"))
                            .Set("f", random.Next(100)).Increment("c").Add("s", $"{random.Next(5)}"));
                        break;
                }
            }
            for (int round = 0; round < 2; round++)
            {
                for (int i = 0; i < 3; i++) await CarryAsync(team[i], team[(i + 1) % 3], random);
                for (int i = 2; i >= 0; i--) await CarryAsync(team[(i + 1) % 3], team[i], random);
            }
            string expected = await World.DumpAsync(team[0]);
            for (int i = 1; i < 3; i++)
            {
                Assert.Equal(team[0].Vector, team[i].Vector);
                Assert.Equal(expected, await World.DumpAsync(team[i]));
            }
            // A server took part, and everybody has heard that it holds everything.
            foreach (Replica replica in team.Replicas) Assert.Equal(0, (await replica.GetStatusAsync()).Pending);
        });

    [Fact]
    [Trait("Spec", "WF-9.1")]
    [Trait("Spec", "WF-9.2")]
    public void Whatever_byte_of_a_bundle_is_changed_or_missing_is_noticed_and_nothing_false_is_taken() => Law.Holds(
        Arb.From(Gen.Choose(0, int.MaxValue)), async seed =>
        {
            var random = new Random(seed);
            await using Team team = await Team.CreateAsync(2);
            for (int i = 0; i < 5; i++) await team[0].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", "1")).Set("f", i));
            byte[] whole = await ExportAsync(team[0], VersionVector.Empty);
            byte[] bundle = (byte[])whole.Clone();
            if (random.Next(3) == 0) bundle = bundle[..random.Next(bundle.Length)];
            else bundle[random.Next(bundle.Length)] ^= (byte)(1 << random.Next(8));
            BundleException error = await Assert.ThrowsAsync<BundleException>(
                async () => await team[1].ImportBundleAsync(new MemoryStream(bundle)));
            Assert.NotEqual(BundleError.Refused, error.Error);
            await Assert.ThrowsAsync<BundleException>(async () => await Bundle.ReadAsync(new MemoryStream(bundle)));
            Assert.True(team[0].Vector.Covers(team[1].Vector));
            // The undamaged copy goes on from there.
            await team[1].ImportBundleAsync(new MemoryStream(whole));
            Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        });

    [Fact]
    public async Task A_bundle_that_begins_behind_what_is_held_says_what_is_missing_and_nothing_of_it_is_taken()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", "1")).Set("f", 1));
        VersionVector since = team[0].Vector;
        await team[0].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", "1")).Set("f", 2));
        byte[] bundle = await ExportAsync(team[0], since);
        BundleException error = await Assert.ThrowsAsync<BundleException>(
            async () => await team[1].ImportBundleAsync(new MemoryStream(bundle)));
        Assert.Equal(BundleError.Gap, error.Error);
        Assert.Contains($"{team[0].Id}", error.Message, StringComparison.Ordinal);
        Assert.Null(team[1].Get(new EntityKey("d", "t", "1")));
    }

    [Fact]
    public async Task What_a_server_holds_travels_back_in_the_next_bundle_for_the_device()
    {
        await using Team team = await Team.CreateAsync(1, servers: 1);
        await team[0].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", "1")).Set("f", 1));
        await team[1].ImportBundleAsync(new MemoryStream(await ExportAsync(team[0], VersionVector.Empty)));
        Assert.Equal(1, (await team[0].GetStatusAsync()).OwnPending);

        // The server knows by the first bundle what the device holds: the answer is small.
        VersionVector held = team[1].HeldBy(team[0].Id);
        Assert.Equal(team[0].Vector, held);
        byte[] answer = await ExportAsync(team[1], held, team[0].Id);
        BundleImport taken = await team[0].ImportBundleAsync(new MemoryStream(answer));
        Assert.Equal(0, taken.Mutations);
        Assert.Equal(team[0].Id, taken.Bundle.Reader);
        Assert.Equal(0, (await team[0].GetStatusAsync()).Pending);
        Assert.True(answer.Length < 600, $"{answer.Length} bytes");
    }

    [Fact]
    public async Task A_bundle_of_another_space_or_format_and_what_is_none_are_refused_by_name()
    {
        await using Team team = await Team.CreateAsync(1), other = await Team.CreateAsync(1, 0, ("d", ConflictPolicy.Merge));
        await other[0].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", "1")).Set("f", 1));
        byte[] bundle = await ExportAsync(other[0], VersionVector.Empty);
        Assert.Equal(BundleError.WrongSpace, await ErrorOfAsync(team[0], bundle));
        bundle[9] = 2;
        Assert.Equal(BundleError.UnknownFormat, await ErrorOfAsync(team[0], bundle));
        Assert.Equal(BundleError.NotABundle, await ErrorOfAsync(team[0], "PK\u0003\u0004 some other file"u8.ToArray()));
    }

    private static async Task<BundleError> ErrorOfAsync(Replica replica, byte[] bundle) =>
        (await Assert.ThrowsAsync<BundleException>(async () => await replica.ImportBundleAsync(new MemoryStream(bundle)))).Error;

    private static async Task<byte[]> ExportAsync(Replica from, VersionVector since, ReplicaId? reader = null)
    {
        var output = new MemoryStream();
        await from.ExportBundleAsync(output, since, reader);
        return output.ToArray();
    }

    private static async Task CarryAsync(Replica from, Replica to, Random random)
    {
        if (from.Vector.Count == 0) return;
        VersionVector since = random.Next(3) == 0 ? VersionVector.Empty : random.Next(2) == 0 ? to.Vector : from.HeldBy(to.Id);
        byte[] bundle = await ExportAsync(from, since, to.Id);
        if (random.Next(3) == 0)
        {
            await Assert.ThrowsAsync<BundleException>(
                async () => await to.ImportBundleAsync(new MemoryStream(bundle[..random.Next(bundle.Length)])));
        }
        for (int n = 1 + random.Next(2); n > 0; n--) await to.ImportBundleAsync(new MemoryStream(bundle));
        Assert.True(to.Vector.Covers((await Bundle.ReadAsync(new MemoryStream(bundle))).Until));
    }
}
