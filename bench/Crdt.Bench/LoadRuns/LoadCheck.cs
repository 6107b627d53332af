using System.Net;
using Crdt.Store;
using Crdt.Transport;

namespace Crdt.Bench.LoadRuns;

/// <summary>Looks into the servers' files, when all of them are dead, for everything that was acknowledged.</summary>
internal static class LoadCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>What is wrong; nothing, if all is well.</summary>
    /// <param name="servers">The servers' directories.</param>
    /// <param name="acknowledged">All mutations of which a client was told that they are held.</param>
    public static async Task<IReadOnlyList<string>> FindLossesAsync(IReadOnlyList<string> servers, IReadOnlyList<Acknowledged> acknowledged)
    {
        var wrong = new List<string>();
        var opened = new List<(Replica Replica, EcdsaNodeKey Key)>();
        try
        {
            foreach (string directory in servers) opened.Add(await OpenAsync(directory));
            foreach (Acknowledged told in acknowledged)
            {
                // Where it was acknowledged, before any other server could have brought it.
                if (Find(opened[told.Server].Replica, told) is { } problem) wrong.Add($"server {told.Server}, {told.Key} {told.Number}: {problem}");
            }
            foreach (var more in opened.Skip(1)) await MeetAsync(opened[0], more);
            if (opened.Count > 2) foreach (var more in opened.Skip(1)) await MeetAsync(opened[0], more);
            foreach ((Replica replica, _) in opened)
            {
                foreach (var writes in acknowledged.GroupBy(a => a.Key))
                {
                    Entity? entity = replica.Get(writes.Key);
                    Int128 count = entity?.GetCounter("count") ?? 0;
                    if (count != writes.Count() || entity!.GetInteger("n") != writes.Max(w => w.Number))
                        wrong.Add($"{writes.Key} counts {count} writes and holds {entity?["n"]} where {writes.Count()} were acknowledged, the last of them {writes.Max(w => w.Number)}");
                }
                AuditReport audit = await replica.AuditAsync();
                if (audit.Unaccounted.Count > 0) wrong.Add($"{audit.Unaccounted.Count} values are unaccounted for.");
                if ((await replica.GetStatusAsync()).Digest != (await opened[0].Replica.GetStatusAsync()).Digest) wrong.Add("The servers hold different states.");
            }
        }
        finally
        {
            foreach ((Replica replica, EcdsaNodeKey key) in opened)
            {
                await replica.DisposeAsync();
                key.Dispose();
            }
        }
        return wrong;
    }

    private static string? Find(Replica replica, Acknowledged told)
    {
        if (replica.FindMutation(told.Id)?.Mutation is not { } held) return "it is not there";
        if (held.Key != told.Key || held.Origin?.RequestId != told.RequestId) return $"there is another one in its place: {held.Key}, request {held.Origin?.RequestId}";
        return held.Changes.Any(c => c.Path.ToString() == "n" && c.Value is { Kind: ValueKind.Integer } n && n.AsInteger() == told.Number) ? null : "it holds something else";
    }

    private static async Task<(Replica, EcdsaNodeKey)> OpenAsync(string directory)
    {
        EcdsaNodeKey key = NodeKeyFile.Open(NodeKeyFile.PathIn(directory));
        return (await Replica.OpenAsync(FileReplicaStore.Open(directory), new ReplicaOptions
        {
            Time = TimeProvider.System,
            Key = key,
            ReleaseRecord = new FileReleaseRecord(directory + ".released"),
            NewReplicaId = static () => new ReplicaId(Guid.NewGuid()),
        }), key);
    }

    private static async Task MeetAsync((Replica Replica, EcdsaNodeKey Key) one, (Replica Replica, EcdsaNodeKey Key) other)
    {
        await using var here = new PeerNode(new PeerNodeOptions { Key = one.Key });
        await using var there = new PeerNode(new PeerNodeOptions { Key = other.Key });
        here.Add(one.Replica);
        there.Add(other.Replica);
        PeerConnection connection = await here.ConnectAsync(await there.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0)));
        await connection.WaitForSyncAsync().WaitAsync(Patience);
    }
}
