using System.Buffers;
using Crdt.Testing;

namespace Crdt.Properties;

/// <summary>What members, couriers and servers try that have turned hostile, each with keys of its own.</summary>
[Trait("Law", "15")]
public class HostileMemberTests
{
    private static readonly EntityKey Strike = KeyedTeam.Strike;

    [Fact]
    public async Task A_courier_who_makes_a_right_bundle_of_forged_runs_brings_nothing_in()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        using var genuine = new MemoryStream();
        await team[1].ExportBundleAsync(genuine, VersionVector.Empty);
        Func<BatchRun, BatchRun>[] forgeries =
        [
            run => run with { Head = Resign(team, run, KeyedTeam.KeyOf(9)) },
            run => run with { Head = run.Head[..AuthorTable.HashLengthBytes] },
            run => run with { Author = team[2].Id, Head = Resign(team, run with { Author = team[2].Id }, KeyedTeam.KeyOf(2)) },
            run => run with { Batches = [.. run.Batches, run.Batches[0]], LastSequence = run.LastSequence + 2 },
        ];
        int refused = 0;
        foreach (Func<BatchRun, BatchRun> forge in forgeries)
        {
            VersionVector before = team[0].Vector;
            genuine.Position = 0;
            using MemoryStream forged = await ForgeAsync(team, genuine, r => r.Author == team[1].Id ? forge(r) : r);
            try
            {
                await team[0].ImportBundleAsync(forged);
            }
            catch (BundleException e)
            {
                Assert.Equal(BundleError.Refused, e.Error);
                refused++;
            }
            Assert.Null(team[0].Get(Strike));
            Assert.Equal(before, team[0].Vector);
        }
        // The other two do not lead on from what is known, as another log of the same id would: that is looked into when somebody
        // is met who can answer.
        Assert.Equal(2, refused);
        genuine.Position = 0;
        using MemoryStream same = await ForgeAsync(team, genuine, r => r);
        await team[0].ImportBundleAsync(same);
        Assert.NotNull(team[0].Get(Strike));
    }

    [Fact]
    public async Task A_server_lets_nobody_in_and_writes_nothing_in_anothers_name()
    {
        await using Team team = await KeyedTeam.CreateAsync(2, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await team.MeetAllAsync();
        NodeKey server = KeyedTeam.KeyOf(3);
        // A certificate of its own making, for a device of its own.
        ReplicaId friend = Team.IdOf(60);
        var certified = Enrolment.Issue(server, team.Genesis.Space, friend, KeyedTeam.KeyOf(60).PublicKey, ReplicaRole.Client);
        await Assert.ThrowsAsync<ArgumentException>(async () => await team[2].EnrolAsync(certified));
        var forger = new Forger(team, friend) { Key = KeyedTeam.KeyOf(60), Proof = certified, Enrolled = new Dot(team[2].Id, 1), Of = friend };
        await RefusedAsync(team[0], ApplyError.NotEnrolled, forger.First(new("a", "b", "c")));
        // What another one goes on to write.
        var asOther = new Forger(team, team[1].Id) { Key = server };
        BatchRun last = (await World.RunsOfAsync(team[1])).Last(r => r.Author == team[1].Id);
        await RefusedAsync(team[0], ApplyError.BadSignature, asOther.Next(last, new("a", "b", "d")));
        Assert.Equal(team[2].Vector, team[0].Vector);
    }

    [Fact]
    public async Task What_a_revoked_device_writes_where_nobody_has_heard_of_it_is_cut_off_when_the_word_arrives()
    {
        await using Team team = await KeyedTeam.CreateAsync(3, 1);
        await team[1].CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        await team.MeetAllAsync();
        ReplicaId lost = team[1].Id;
        await team[3].FenceAsync(lost, FenceReason.Revoked);
        await team[1].CommitAsync(tx => tx.Update(Strike).Set("species", "phoenix"));
        // The finder of the device meets somebody who has not met the server since.
        await team.MeetAsync(0, 1);
        Assert.Equal("phoenix", team[0].Get(Strike)!.GetString("species"));
        await team.MeetAsync(0, 3);
        await team.MeetAsync(2, 3);
        foreach (int at in new[] { 0, 2, 3 }) Assert.Equal("gull", team[at].Get(Strike)!.GetString("species"));
        Assert.Equal(lost, Assert.Single(team[0].SetAside).Author);
        Assert.Equal(team[3].Vector, team[0].Vector);
    }

    private static byte[] Resign(Team team, BatchRun run, NodeKey key)
    {
        byte[] hash = run.Head[..AuthorTable.HashLengthBytes].ToArray();
        return [.. hash, .. key.Sign(SignedBytes.OfHead(team.Genesis.Space, run.Author, run.LastSequence, hash))];
    }

    private static async Task RefusedAsync(Replica victim, ApplyError expected, BatchRun run) =>
        Assert.Equal(expected, (await Assert.ThrowsAsync<ApplyException>(async () => await victim.ApplyAsync(run, default))).Error);

    /// <summary>The same bundle with other runs in it, its check-sums right again.</summary>
    private static async Task<MemoryStream> ForgeAsync(Team team, Stream genuine, Func<BatchRun, BatchRun> forge)
    {
        using var reader = new BundleReader(genuine);
        Bundle header = await reader.ReadHeaderAsync(default);
        var forged = new MemoryStream();
        using var writer = new BundleWriter(forged);
        await writer.BeginAsync(header, default);
        SyncMessageCodec incoming = new(), outgoing = new();
        while (await reader.ReadAsync(default) is { } frame)
        {
            SyncMessage message = incoming.Read(new ReadOnlySequence<byte>(frame));
            if (message is RunMessage run) message = new RunMessage(forge(run.Run));
            var buffer = new ArrayBufferWriter<byte>();
            outgoing.Write(buffer, message);
            await writer.WriteFrameAsync(buffer.WrittenMemory, default);
        }
        await writer.EndAsync(default);
        forged.Position = 0;
        return forged;
    }
}
