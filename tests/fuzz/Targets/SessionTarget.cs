using System.Buffers;
using Crdt.Testing;

namespace Crdt.Fuzz;

/// <summary>A session with a replica of a keyed space: one message after the greeting. Nothing of it may change what the replica
/// holds, nor stop the session of somebody else.</summary>
internal sealed class SessionTarget : FuzzTarget
{
    private static readonly EntityKey Key = new("incident", "strike", "42");

    private readonly Team team;
    private readonly VersionVector vector;
    private readonly StateDigest digest;
    private readonly byte[] have, heads;
    private int count;

    public SessionTarget()
    {
        team = Team.CreateAsync(new TeamOptions { Devices = 2, Servers = 1, IsKeyed = true }).GetAwaiter().GetResult();
        Seeds = MakeAsync().GetAwaiter().GetResult();
        (vector, digest) = (team[0].Vector, team[0].ComputeDigestAsync(default).AsTask().GetAwaiter().GetResult());
        var buffer = new ArrayBufferWriter<byte>();
        var codec = new SyncMessageCodec();
        codec.Write(buffer, new HaveMessage(Team.IdOf(2), ReplicaRole.Client, Team.Start, new byte[HaveMessage.HeadsHashLengthBytes], new byte[HaveMessage.StatementsHashLengthBytes]));
        have = buffer.WrittenSpan.ToArray();
        buffer.Clear();
        codec.Write(buffer, new HeadsMessage(0, []));
        heads = buffer.WrittenSpan.ToArray();
    }

    public override string Name => "session";

    public override IReadOnlyList<byte[]> Seeds { get; }

    public override long AllocatedBytesMax(int lengthBytes) => (1L << 20) + (64L * lengthBytes);

    public override bool Run(byte[] input) => RunAsync(input).GetAwaiter().GetResult();

    private async Task<bool> RunAsync(byte[] input)
    {
        bool isTaken = false;
        using (var session = new SyncSession(team[0]))
        {
            var output = new ArrayBufferWriter<byte>();
            try
            {
                await session.WriteNextAsync(output, default);
                await session.ReceiveAsync(new ReadOnlySequence<byte>(have), default);
                await session.ReceiveAsync(new ReadOnlySequence<byte>(heads), default);
                await session.ReceiveAsync(new ReadOnlySequence<byte>(input), default);
                isTaken = true;
            }
            catch (SyncException)
            {
                // The one error for whatever a peer says.
            }
        }
        if (!team[0].Vector.Equals(vector)) throw new FuzzException($"The replica holds {team[0].Vector}, and held {vector}.");
        if (++count % 256 != 0) return isTaken;
        if (await team[0].ComputeDigestAsync(default) != digest) throw new FuzzException("The replica's state has changed.");
        await Team.MeetAsync(team[0], team[2]);
        return isTaken;
    }

    private async Task<IReadOnlyList<byte[]>> MakeAsync()
    {
        for (int i = 0; i < 3; i++)
        {
            int at = i;
            await team[i].CommitAsync(tx => tx.Upsert(Key).Set("species", $"gull {at}").Add("tags", "night").Increment("seen"));
        }
        await team.MeetAllAsync();
        await team[2].TakeSnapshotAsync();
        var said = new List<byte[]>();
        // What a server says to a newcomer, and a newcomer to it.
        foreach (IReplicaStore empty in new IReplicaStore[] { new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(9), ReplicaRole.Client)) })
        {
            await using Replica newcomer = await Replica.OpenAsync(empty, new ReplicaOptions
            {
                Time = TimeProvider.System,
                Genesis = team.Genesis,
                Signatures = DeterministicSignatures.Instance,
            });
            using SyncSession left = new(team[2]), right = new(newcomer);
            for (bool isMoving = true; isMoving;) isMoving = await PassAsync(left, right, said) | await PassAsync(right, left, said);
        }
        return [.. said.Where(s => s.Length is > 0 and < 6_000), .. Corpus.Vectors("messages.json", "bytes"), .. Corpus.Found("session")];
    }

    private static async Task<bool> PassAsync(SyncSession from, SyncSession to, List<byte[]> said)
    {
        var buffer = new ArrayBufferWriter<byte>();
        if (!await from.WriteNextAsync(buffer, default)) return false;
        said.Add(buffer.WrittenSpan.ToArray());
        await to.ReceiveAsync(new ReadOnlySequence<byte>(buffer.WrittenMemory), default);
        return true;
    }
}
