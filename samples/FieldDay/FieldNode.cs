using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Crdt;
using Crdt.Store;
using Crdt.Transport;
using Crdt.Transport.Discovery;
using Crdt.Transport.Pairing;
using Crdt.Transport.Security;

namespace FieldDay;

/// <summary>One process of the day: a replica on its own files, and the node that lets it meet others. It does what
/// it is told, line by line, and ends when nobody is there to tell it any more.</summary>
internal sealed class FieldNode : IAsyncDisposable
{
    private readonly string name;
    private readonly EcdsaNodeKey key;
    private readonly Replica replica;
    private readonly PeerNode node;
    private readonly MdnsDiscovery discovery = new();
    private readonly MemoryPairingBook invitations = new();
    private IPEndPoint? address;
    private PeerConnection? meeting;
    private long bytesSent, bytesReceived;

    private FieldNode(string name, EcdsaNodeKey key, Replica replica, Func<IPairingBook, PairingDesk?> openDesk)
    {
        (this.name, this.key, this.replica) = (name, key, replica);
        node = new PeerNode(new PeerNodeOptions { NodeId = replica.Id.Value, Key = key, Pairing = openDesk(invitations) });
        node.Add(replica);
        // Who is there is known all the time; who meets whom, and when, the organiser says.
        node.Discover(discovery, isDialling: false);
        node.EventOccurred += (_, e) =>
        {
            if (e is not { Kind: PeerNodeEventKind.Disconnected, Connection: { } ended }) return;
            Interlocked.Add(ref bytesSent, ended.BytesSent);
            Interlocked.Add(ref bytesReceived, ended.BytesReceived);
        };
    }

    /// <param name="name">Server, A, B or C.</param>
    /// <param name="directory">Where its files are, or will be: laid out as those of the crdt command, which works on them, too.</param>
    /// <param name="invitation">What the server gave a device that is not in the space yet; else empty.</param>
    public static async Task<int> RunAsync(string name, string directory, string invitation)
    {
        await using FieldNode self = await OpenAsync(name, directory, invitation);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            Request request = JsonSerializer.Deserialize<Request>(line)!;
            try
            {
                Say(await self.DoAsync(request));
            }
            catch (Exception e) when (e is MutationException or StoreException or WireException or OperationCanceledException)
            {
                Say(new Reply { Error = $"{e.GetType().Name}: {e.Message}" });
            }
        }
        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        await node.DisposeAsync();
        await discovery.DisposeAsync();
        await replica.DisposeAsync();
        key.Dispose();
    }

    private static async Task<FieldNode> OpenAsync(string name, string directory, string invitation)
    {
        bool isServer = name == "Server";
        string founding = Path.Combine(directory, "invite.crdt");
        EcdsaNodeKey key = OpenKey(NodeKeyFile.PathIn(directory));
        FileReplicaStore store;
        if (FileReplicaStore.Exists(directory)) store = FileReplicaStore.Open(directory);
        else
        {
            (SpaceGenesis space, ReplicaId id) = isServer ? Found(directory, key) : await JoinAsync(directory, key, invitation);
            await File.WriteAllBytesAsync(founding, space.ToBytes());
            store = FileReplicaStore.Create(directory, new ReplicaIdentity(
                space.Space, id, isServer ? ReplicaRole.Server : ReplicaRole.Client));
        }
        SpaceGenesis genesis = SpaceGenesis.FromBytes(await File.ReadAllBytesAsync(founding));
        Replica replica = await Replica.OpenAsync(
            store, new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, Key = key });
        return new FieldNode(name, key, replica, book => isServer
            ? new PairingDesk(replica, genesis, OpenKey(NodeKeyFile.AuthorityPathIn(directory)), book)
            : null);
    }

    private static EcdsaNodeKey OpenKey(string path) => File.Exists(path) ? NodeKeyFile.Open(path) : NodeKeyFile.Create(path);

    /// <summary>The server founds the space, under an authority's key that stays with it, and is its first member.</summary>
    private static (SpaceGenesis Space, ReplicaId Id) Found(string directory, EcdsaNodeKey key)
    {
        using EcdsaNodeKey authority = OpenKey(NodeKeyFile.AuthorityPathIn(directory));
        var id = new ReplicaId(Guid.NewGuid());
        var policies = Script.Policies.Select(p => KeyValuePair.Create(PolicyScope.Parse(p.Key), p.Value));
        return (SpaceGenesis.Create(new ReplicaId(Guid.NewGuid()), "Field day", policies, TimeProvider.System, authority,
            [new Enrolment(id, key.PublicKey, ReplicaRole.Server, "depot")]), id);
    }

    /// <summary>A device has itself let in. Killed behind that, it asks again with the same key and id, and is told the same.
    /// </summary>
    private static async Task<(SpaceGenesis Space, ReplicaId Id)> JoinAsync(string directory, EcdsaNodeKey key, string invitation)
    {
        string pending = Path.Combine(directory, "keys", "joining");
        if (!File.Exists(pending)) await File.WriteAllTextAsync(pending, $"{Guid.NewGuid()}");
        var id = new ReplicaId(Guid.Parse(await File.ReadAllTextAsync(pending)));
        PairingGrant grant = await PairingApplicant.ApplyAsync(
            PairingInvitation.TryParse(invitation, out PairingInvitation? read) ? read! : throw new FieldDayException("No invitation."),
            key, id, Path.GetFileName(directory));
        return (grant.Genesis, grant.Enrolment.Replica);
    }

    private string Invite(string owner)
    {
        byte[] token = PairingInvitation.NewToken();
        DateTimeOffset expires = DateTimeOffset.UtcNow.AddMinutes(10);
        invitations.Add(new PairingOffer(token, ReplicaRole.Client, owner, expires));
        return new PairingInvitation(NodeFingerprint.Of(key.PublicKey.Span), token, [address!], expires).ToString();
    }

    private async Task<Reply> DoAsync(Request request)
    {
        switch (request.Do)
        {
            case "listen":
                address = await node.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0));
                return new Reply { ReplicaId = replica.Id.ToString() };
            case "invite":
                return new Reply { Invitation = Invite(request.Owner!) };
            case "prepare":
                return await PrepareAsync();
            case "capture":
                return await CaptureAsync(request.Share, request.Shares, request.Reports);
            case "record":
                return await RecordAsync();
            case "edit":
                return await EditAsync();
            case "meet":
                return await MeetAsync(Guid.Parse(request.Peer!));
            case "settle":
                return await SettleAsync(Guid.Parse(request.Peer!));
            case "part":
                return await PartAsync();
            case "verify":
                return await VerifyAsync();
            case "status":
                return new Reply { Status = await StatusAsync(), BytesSent = bytesSent, BytesReceived = bytesReceived };
            case "contested":
                return new Reply { Contested = [.. Script.Contested.Select(c => Describe(c.Row, c.Field))] };
            default:
                return new Reply { Error = $"'{request.Do}' is not known here." };
        }
    }

    /// <summary>In the morning, at the depot: the server files the reports that everybody will work on.</summary>
    private async Task<Reply> PrepareAsync()
    {
        Transaction tx = replica.Begin("depot");
        foreach ((int row, var fields) in Strikes.Read(Strikes.Shared))
        {
            if (replica.GetWithDeleted(Strikes.Key(row)) is not null) continue;
            EntityEdit edit = tx.Create(Strikes.Key(row));
            foreach ((string field, Value value) in fields) edit.Set(field, value);
            Script.Prepare(row, edit);
        }
        return new Reply { Done = (await tx.CommitAsync()).Count };
    }

    /// <summary>Files this device's share, one report at a time: each is durable before the next is begun. What was
    /// filed before a crash is not filed again.</summary>
    private async Task<Reply> CaptureAsync(int share, int shares, int reports)
    {
        long done = 0;
        var rows = Strikes.Read(reports).Where(r => r.Row > Strikes.Shared && r.Row % shares == share).ToList();
        foreach ((int row, var fields) in rows)
        {
            done++;
            if (replica.GetWithDeleted(Strikes.Key(row)) is not null) continue;
            Transaction tx = replica.Begin(name);
            EntityEdit edit = tx.Create(Strikes.Key(row));
            foreach ((string field, Value value) in fields) edit.Set(field, value);
            await tx.CommitAsync();
            if (done % 50 == 0) Say(new Reply { IsProgress = true, Done = done, Total = rows.Count });
        }
        return new Reply { Done = done, Total = rows.Count };
    }

    /// <summary>Records voice notes; each is safe on the disk before it is named.</summary>
    private async Task<Reply> RecordAsync()
    {
        for (int number = 1; number <= VoiceNotes.Count; number++)
        {
            EntityKey key = VoiceNotes.Key(number);
            if (replica.GetWithDeleted(key) is not null) continue;
            Blob recorded = await replica.Blobs.PutAsync(VoiceNotes.Record(number), "audio/wav", $"{key.Id}.wav");
            await replica.CommitAsync(tx => tx.Create(key).Set("recording", recorded), name);
            if (number % 20 == 0) Say(new Reply { IsProgress = true, Done = number, Total = VoiceNotes.Count });
        }
        return new Reply { Done = VoiceNotes.Count, Total = VoiceNotes.Count };
    }

    /// <summary>Waits until all attachments that are known of are here, or the peer is gone that brings them.</summary>
    private async Task<Reply> SettleAsync(Guid peer)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        long before = replica.Blobs.UsedBytes;
        while (true)
        {
            IReadOnlyList<BlobState> all = replica.Blobs.List();
            int here = all.Count(b => b.IsWhole);
            if (here == all.Count || !node.Connections.Any(c => c.PeerNodeId == peer)) return new Reply { Done = here, Total = all.Count, BytesReceived = replica.Blobs.UsedBytes - before };
            Say(new Reply { IsProgress = true, Done = here, Total = all.Count });
            await Task.Delay(5, patience.Token);
        }
    }

    private async Task<Reply> PartAsync()
    {
        if (meeting is not null) await meeting.DisposeAsync();
        meeting = null;
        return new Reply();
    }

    /// <summary>Reads every attachment to its end.</summary>
    private async Task<Reply> VerifyAsync()
    {
        int right = 0;
        for (int number = 1; number <= VoiceNotes.Count; number++)
        {
            if (replica.Get(VoiceNotes.Key(number))?["recording"] is not { Kind: ValueKind.Blob } named) continue;
            await using Stream held = replica.Blobs.OpenRead(named.AsBlob());
            if ((await SHA256.HashDataAsync(held)).AsSpan().SequenceEqual(SHA256.HashData(VoiceNotes.Record(number)))) right++;
        }
        return new Reply { Verified = right };
    }

    /// <summary>Edits the shared reports, once: a note in the same transaction says that it was done.</summary>
    private async Task<Reply> EditAsync()
    {
        var note = new EntityKey("fieldday", "note", name);
        if (replica.GetWithDeleted(note) is not null) return new Reply();
        Transaction tx = replica.Begin(name);
        Script.Edit(name, tx);
        tx.Create(note).Set("done", true);
        return new Reply { Done = (await tx.CommitAsync()).Count };
    }

    /// <summary>One connection, until both sides hold the same mutations; it stays until they part.</summary>
    private async Task<Reply> MeetAsync(Guid peer)
    {
        PeerConnection connection = meeting = await FindAsync(peer);
        Task inSync = connection.WaitForSyncAsync();
        while (await Task.WhenAny(inSync, Task.Delay(2)) != inSync)
        {
            if (connection.GetProgress(replica.Space) is not { } p) continue;
            long moved = p.MutationsSent + p.MutationsReceived;
            Say(new Reply { IsProgress = true, Done = moved, Total = moved + p.MutationsOutstanding + p.MutationsExpected });
        }
        await inSync;
        SyncProgress? end = connection.GetProgress(replica.Space);
        return new Reply
        {
            Done = end?.MutationsSent ?? 0,
            Total = end?.MutationsReceived ?? 0,
            BytesSent = connection.BytesSent,
            BytesReceived = connection.BytesReceived,
            Error = end is { IsDiverged: true } ? "Equal vectors, different digests." : null,
        };
    }

    /// <summary>Finds a peer on the network, wherever it listens today. One that was started again may be known by its former
    /// port for a moment.</summary>
    private async Task<PeerConnection> FindAsync(Guid peer)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(15));
        while (true)
        {
            NearbyPeer found = await node.WaitForNearbyAsync(p => p.NodeId == peer, patience.Token);
            try
            {
                return await node.ConnectAsync(found.EndPoint, patience.Token);
            }
            catch (WireException e) when (e.Error is WireError.Unreachable or WireError.Lost)
            {
                await Task.Delay(100, patience.Token);
            }
        }
    }

    private async Task<NodeStatus> StatusAsync()
    {
        ReplicaStatus s = await replica.GetStatusAsync();
        AuditReport audit = await replica.AuditAsync();
        return new NodeStatus(s.Entities, s.Mutations, s.Pending, s.Synced, s.Conflict, s.Failed,
            s.Vector.ToDictionary(d => d.Replica.ToString(), d => d.Sequence), s.Digest.ToString(),
            audit.Written, audit.Unaccounted.Count);
    }

    private ContestedReport Describe(int row, string? field)
    {
        EntityKey key = Strikes.Key(row);
        var wrote = new Dictionary<string, List<string>>();
        foreach (QueuedMutation queued in replica.Mutations(new MutationFilter { Key = key }))
        {
            if (queued.Mutation.User is not { Length: 1 } user) continue;
            if (!wrote.TryGetValue(user, out List<string>? lines)) wrote[user] = lines = [];
            lines.AddRange(Tell(queued.Mutation));
        }
        Entity? entity = replica.Get(key);
        string result = entity is null ? "deleted" : field is null ? Summary(entity) : $"{entity[field]}";
        string policy = field is null ? "update wins" : replica.PolicyOf(key, field).ToString();
        return new ContestedReport(row, policy, wrote.ToDictionary(w => w.Key, w => string.Join("\n", w.Value)), result);
    }

    private static string Summary(Entity entity)
    {
        var changed = new[] { "Phase of flight", "Time of day", "Remarks" }.Where(f => entity[f] is not null);
        return $"alive; {string.Join(", ", changed.Select(f => $"{f}: {entity[f]}"))}";
    }

    private static IEnumerable<string> Tell(Mutation mutation)
    {
        if (mutation.Kind is MutationKind.Create or MutationKind.Delete) yield return mutation.Kind.ToString().ToLowerInvariant();
        foreach (Change change in mutation.Changes)
        {
            bool isCreated = mutation.Kind == MutationKind.Create;
            if (change.Path.IsRoot || (isCreated && change.Value is null)) continue;
            yield return change.Path.Kind switch
            {
                PathKind.Element => $"{(change.Value is null ? "-" : "+")}{change.Path.Name}",
                PathKind.Counter => $"{change.Path.Name} {change.Value}",
                _ => $"{change.Path} = {change.Value?.ToString() ?? "(removed)"}",
            };
        }
    }

    private static void Say(Reply reply)
    {
        lock (Console.Out)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(reply));
            Console.Out.Flush();
        }
    }
}
