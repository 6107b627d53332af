namespace Crdt.Properties;

/// <summary>What holds of attachments whatever breaks off, lies, is damaged or makes room on the way.</summary>
public class BlobLaws
{
    private const int Devices = 2;
    private const long Room = 1 << 30;

    // Of one chunk and of several, with a last one of any length.
    private static readonly byte[][] Contents =
        [.. new[] { 1, 1000, BlobTree.ChunkLengthBytes, BlobTree.ChunkLengthBytes + 1, (2 * BlobTree.ChunkLengthBytes) + 500 }.Select(Content)];

    /// <summary>At every moment a server holds all of what it says it holds, and what somebody forgets by itself is on a server; in the
    /// end everybody has what is named, byte for byte.</summary>
    [Fact]
    [Trait("Spec", "WF-12.2")]
    [Trait("Spec", "WF-12.4")]
    public void What_is_named_arrives_as_it_was_put_and_no_server_says_that_it_holds_what_it_does_not() =>
        Law.Holds(BlobLife.Any, life => Task.Run(() => LiveAsync(life)));

    private static async Task LiveAsync(BlobLife life)
    {
        await using Team team = await Team.CreateAsync(
            new TeamOptions { Devices = Devices, Servers = life.Servers, BlobsOf = _ => new FaultyBlobStore() });
        foreach (BlobStep step in life.Steps)
        {
            await TakeAsync(team, step);
            CheckClaims(team);
        }
        foreach (Replica replica in team.Replicas) replica.Blobs.Policy = new BlobPolicy { QuotaBytes = Room };
        await MeetAllAsync(team);
        var fetching = new List<Task>();
        foreach (Replica replica in team.Replicas)
        {
            foreach (BlobState state in replica.Blobs.List())
            {
                // Who reads notices damage: then it comes again.
                await ReadsAsync(replica, state.Blob);
                fetching.Add(replica.Blobs.FetchAsync(state.Blob).AsTask());
            }
        }
        await MeetAllAsync(team);
        CheckClaims(team);
        foreach (Replica replica in team.Replicas)
        {
            Assert.Equal(team[0].Blobs.List().Select(s => s.Blob), replica.Blobs.List().Select(s => s.Blob));
            foreach (BlobState state in replica.Blobs.List())
            {
                Assert.True(await ReadsAsync(replica, state.Blob), $"{replica.Id}: {state}");
                Assert.Equal(replica.Role == ReplicaRole.Server, replica.ClaimsBlob(state.Blob.Root));
            }
        }
        await Task.WhenAll(fetching);
    }

    private static async Task TakeAsync(Team team, BlobStep step)
    {
        int at = step.At % team.Replicas.Count, other = step.Other % team.Replicas.Count;
        Replica replica = team[at];
        var entity = new EntityKey("d", "t", $"{step.What % 3}");
        string field = step.Other % 2 == 0 ? "file" : ReplicaBlobs.Named.ThumbnailField;
        BlobHash[] held = [.. replica.Store.Blobs.List().Select(h => h.Root)];
        BlobHash some = held.Length == 0 ? default : held[step.What % held.Length];
        switch (step.Event)
        {
            case BlobEvent.Attach:
                await AttachAsync(replica, entity, field, Contents[step.What % Contents.Length]);
                break;
            case BlobEvent.Unname:
                await replica.CommitAsync(tx => tx.Upsert(entity).Remove(field));
                break;
            case BlobEvent.Meet or BlobEvent.MeetShortly or BlobEvent.MeetFalsely when at != other:
                await BlobLink.MeetAsync(replica, team[other], step.Event == BlobEvent.MeetShortly ? 3 + step.What : int.MaxValue,
                    isLying: step.Event == BlobEvent.MeetFalsely);
                break;
            case BlobEvent.Evict when held.Length > 0:
                await EvictAsync(team, replica, some);
                break;
            case BlobEvent.Collect:
                await replica.Blobs.CollectAsync();
                break;
            case BlobEvent.Limit when replica.Role == ReplicaRole.Client:
                replica.Blobs.Policy = step.What % 2 == 0
                    ? new BlobPolicy { QuotaBytes = 100_000 } : new BlobPolicy { Fetch = BlobFetch.OnDemand };
                break;
            case BlobEvent.Damage when replica.Role == ReplicaRole.Client && IsOnAServer(team, replica, some):
                ((FaultyBlobStore)replica.Store.Blobs).Damage(some, 0);
                break;
            case BlobEvent.Reopen:
                await team.ReopenAsync(at);
                break;
        }
        CheckClaims(team);
        await BlobLink.RestAsync(team[at]);
    }

    private static async Task AttachAsync(Replica replica, EntityKey entity, string field, byte[] content)
    {
        try
        {
            Blob blob = await replica.Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
            await replica.CommitAsync(tx => tx.Upsert(entity).Set(field, blob));
        }
        catch (BlobException e) when (e.Error == BlobError.QuotaExceeded)
        {
            // There is no room on this device.
        }
    }

    private static async Task EvictAsync(Team team, Replica replica, BlobHash root)
    {
        try
        {
            await replica.Blobs.EvictAsync(root);
            Assert.True(IsOnAServer(team, replica, root), $"{replica.Id} was the last that held {root}.");
        }
        catch (BlobException e) when (e.Error == BlobError.NotHeldElsewhere)
        {
            Assert.Equal(root, replica.Store.Blobs.Find(root)!.Value.Root);
        }
    }

    /// <summary>There and back, so that what one end has gets to the other.</summary>
    private static async Task MeetAllAsync(Team team)
    {
        for (int i = 1; i < 2 * team.Replicas.Count - 1; i++)
        {
            int a = Math.Min(i, 2 * (team.Replicas.Count - 1) + 1 - i);
            await BlobLink.MeetAsync(team[a - 1], team[a]);
        }
    }

    private static void CheckClaims(Team team)
    {
        foreach (Replica server in team.Replicas.Where(r => r.Role == ReplicaRole.Server))
        {
            foreach (BlobHash root in team.Replicas.SelectMany(r => r.Store.Blobs.List()).Select(h => h.Root).Distinct())
                Assert.True(!server.ClaimsBlob(root) || server.Store.Blobs.Find(root) is { IsWhole: true }, $"{server.Id} does not hold {root}.");
        }
    }

    private static bool IsOnAServer(Team team, Replica but, BlobHash root) =>
        team.Replicas.Any(r => r != but && r.Role == ReplicaRole.Server && r.Store.Blobs.Find(root) is { IsWhole: true });

    /// <returns>Whether all of it is there, and it is what was put.</returns>
    private static async Task<bool> ReadsAsync(Replica replica, Blob blob)
    {
        try
        {
            await using Stream stream = replica.Blobs.OpenRead(blob);
            var read = new MemoryStream();
            await stream.CopyToAsync(read);
            Assert.Contains(Contents, content => content.AsSpan().SequenceEqual(read.ToArray()));
            return true;
        }
        catch (BlobException e) when (e.Error == BlobError.Missing)
        {
            return false;
        }
    }

    private static byte[] Content(int length)
    {
        byte[] content = new byte[length];
        new Random(length).NextBytes(content);
        return content;
    }
}
