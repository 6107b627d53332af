using System.Net;
using System.Security.Cryptography;
using Crdt.Store;
using Crdt.Testing;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Security;

namespace Crdt.Integration.Transport;

/// <summary>Attachments between nodes, over TLS and real sockets.</summary>
public sealed class BlobTransferTests : IAsyncDisposable
{
    private static readonly EntityKey Photo = new("incident", "photo", "1");

    private readonly EcdsaNodeKey key = EcdsaSignatures.CreateKey();
    private readonly IPeerTransport transport;
    private readonly Mesh mesh;

    public BlobTransferTests()
    {
        transport = new TlsTransport(key);
        mesh = new Mesh(transport, key: key);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(BlobTree.ChunkLengthBytes)]
    [InlineData((5 * BlobTree.ChunkLengthBytes) + 1)]
    [InlineData(200 * BlobTree.ChunkLengthBytes)]
    public async Task What_a_field_names_arrives_and_is_what_was_put(int size)
    {
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, size);
        await left.ConnectAsync(await Mesh.ListenAsync(right));
        await AssertArrivesAsync(b, blob, content);
        Assert.Equal(blob, b.Get(Photo)!["file"]!.Value.AsBlob());
    }

    [Fact]
    public async Task What_is_named_while_they_are_connected_arrives_and_goes_on_to_who_is_behind()
    {
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode middle, Replica _) = await mesh.NodeAsync();
        (PeerNode right, Replica c) = await mesh.NodeAsync();
        await left.ConnectAsync(await Mesh.ListenAsync(middle));
        await right.ConnectAsync(await Mesh.ListenAsync(middle));
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, 3_000_000);
        await AssertArrivesAsync(c, blob, content);
    }

    [Fact]
    public async Task Of_two_sources_one_lies_and_is_not_asked_again()
    {
        (PeerNode honest, Replica a) = await mesh.NodeAsync();
        Replica l = await mesh.ReplicaAsync(blobs: new FaultyBlobStore { LiesAbout = chunk => chunk % 3 == 1 });
        PeerNode liar = mesh.Node(null, l);
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        (Blob blob, byte[] content) = await AttachAsync(l, Photo, 100 * BlobTree.ChunkLengthBytes);
        await right.ConnectAsync(await Mesh.ListenAsync(liar));
        await Mesh.UntilAsync(() => b.Blobs.Find(blob.Root) is { Problem: BlobError.ChunkRefused }, "the lie is told");
        Assert.Contains($"{l.Id} sent chunk", b.Blobs.Find(blob.Root)!.Explanation);
        Assert.False(b.Blobs.Find(blob.Root)!.IsWhole);
        await Mesh.CommitAsync(l, "later");
        await Mesh.UntilAsync(() => Mesh.Read(b, "later") == "x", "the mutations go on");

        // Whoever is there already is asked as soon as it has it.
        await right.ConnectAsync(await Mesh.ListenAsync(honest));
        await Mesh.UntilAsync(() => Mesh.Read(a, "later") == "x", "the honest one knows of it");
        await a.Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        await AssertArrivesAsync(b, blob, content);
        Assert.Null(b.Blobs.Find(blob.Root)!.Problem);
    }

    [Fact]
    public async Task What_broke_off_goes_on_from_another_peer_where_it_was()
    {
        const int Chunks = 120, Sent = 40;
        var stopping = new FaultyBlobStore { StopsAfter = Sent };
        Replica a = await mesh.ReplicaAsync(blobs: stopping);
        PeerNode left = mesh.Node(null, a);
        var counting = new FaultyBlobStore();
        Replica c = await mesh.ReplicaAsync(blobs: counting);
        PeerNode other = mesh.Node(null, c);
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, Chunks * BlobTree.ChunkLengthBytes);
        await c.Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        PeerConnection connection = await right.ConnectAsync(await Mesh.ListenAsync(left));
        await Mesh.UntilAsync(() => b.Blobs.Find(blob.Root)?.Chunks == Sent, "a part has come");
        await Mesh.CommitAsync(a, "later");
        await Mesh.UntilAsync(() => Mesh.Read(b, "later") == "x", "no mutation waits behind a blob");
        Assert.Equal(Sent, b.Blobs.Find(blob.Root)!.Chunks);
        await connection.CloseAsync();
        Assert.Equal(BlobError.Missing, b.Blobs.Find(blob.Root)!.Problem);
        Assert.Equal(content[..1000], await ReadAsync(b, blob, 0, 1000));
        BlobException e = await Assert.ThrowsAsync<BlobException>(() => ReadAsync(b, blob, content.Length - 10, 10));
        Assert.Equal(BlobError.Missing, e.Error);

        await right.ConnectAsync(await Mesh.ListenAsync(other));
        await AssertArrivesAsync(b, blob, content);
        Assert.Equal(Chunks - Sent, counting.Reads);
        stopping.Go();
    }

    [Fact]
    public async Task Two_sources_share_the_work()
    {
        var (one, two) = (new FaultyBlobStore(), new FaultyBlobStore());
        (Replica a, Replica c) = (await mesh.ReplicaAsync(blobs: one), await mesh.ReplicaAsync(blobs: two));
        (PeerNode left, PeerNode other) = (mesh.Node(null, a), mesh.Node(null, c));
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, 600 * BlobTree.ChunkLengthBytes);
        await c.Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        b.Blobs.Policy = new BlobPolicy { Fetch = BlobFetch.OnDemand };
        await right.ConnectAsync(await Mesh.ListenAsync(left));
        await right.ConnectAsync(await Mesh.ListenAsync(other));
        await Mesh.UntilAsync(() => b.Blobs.List().Count == 1, "it is known");
        await b.Blobs.FetchAsync(blob).AsTask().WaitAsync(Mesh.Deadline);
        await AssertArrivesAsync(b, blob, content);
        Assert.Equal(600, one.Reads + two.Reads);
        Assert.True(one.Reads > 20 && two.Reads > 20, $"{one.Reads} and {two.Reads}");
    }

    [Fact]
    public async Task A_device_takes_what_its_policy_says_and_what_is_asked_for()
    {
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        Replica b = await mesh.ReplicaAsync(policy: new BlobPolicy
        {
            Fetch = BlobFetch.OnDemand,
            ByMediaType = new Dictionary<string, BlobFetch> { ["video/*"] = BlobFetch.Never, ["image/png"] = BlobFetch.Always, ["image/*"] = BlobFetch.ThumbnailFirst },
        });
        PeerNode right = mesh.Node(null, b);
        (Blob film, _) = await AttachAsync(a, new("incident", "photo", "film"), 100_000, "video/mp4");
        (Blob scan, byte[] scanned) = await AttachAsync(a, new("incident", "photo", "scan"), 100_000, "application/pdf");
        (Blob plan, byte[] planned) = await AttachAsync(a, new("incident", "photo", "plan"), 100_000, "image/png");
        (Blob photo, byte[] shot) = await AttachAsync(a, new("incident", "photo", "photo"), 10_000_000, "image/jpeg");
        (Blob small, byte[] smaller) = await AttachAsync(a, new("incident", "photo", "photo"), 2_000, "image/jpeg", "thumbnail");
        var arrived = new List<BlobHash>();
        b.Blobs.Changed += root =>
        {
            lock (arrived)
            {
                if (b.Blobs.Find(root) is { IsWhole: true } && !arrived.Contains(root)) arrived.Add(root);
            }
        };
        await left.ConnectAsync(await Mesh.ListenAsync(right));
        foreach ((Blob blob, byte[] content) in new[] { (plan, planned), (photo, shot), (small, smaller) }) await AssertArrivesAsync(b, blob, content);
        lock (arrived) Assert.Equal([small.Root, plan.Root, photo.Root], arrived);
        Assert.Equal((0, false, "It comes when it is asked for."), (b.Blobs.Find(scan.Root)!.Chunks, b.Blobs.Find(scan.Root)!.IsWanted, b.Blobs.Find(scan.Root)!.Explanation));
        await b.Blobs.FetchAsync(scan).AsTask().WaitAsync(Mesh.Deadline);
        await AssertArrivesAsync(b, scan, scanned);
        Assert.Equal(BlobError.NotAllowed, (await Assert.ThrowsAsync<BlobException>(async () => await b.Blobs.FetchAsync(film))).Error);
        b.Blobs.Policy = new BlobPolicy();
        await b.Blobs.FetchAsync(film).AsTask().WaitAsync(Mesh.Deadline);
    }

    [Fact]
    public async Task A_thin_link_carries_no_more_than_its_budget_but_what_is_asked_for()
    {
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        Replica b = await mesh.ReplicaAsync(policy: new BlobPolicy { BytesPerConnectionMax = 10 * BlobTree.ChunkLengthBytes });
        PeerNode right = mesh.Node(null, b);
        EndPoint address = await Mesh.ListenAsync(right);
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, 60 * BlobTree.ChunkLengthBytes);
        PeerConnection connection = await left.ConnectAsync(address);
        await Mesh.UntilAsync(() => b.Blobs.Find(blob.Root)?.Chunks >= 10, "the budget is spent");
        await Mesh.CommitAsync(a, "later");
        await Mesh.UntilAsync(() => Mesh.Read(b, "later") == "x", "the mutations go on");
        int first = b.Blobs.Find(blob.Root)!.Chunks;
        Assert.InRange(first, 10, 20); // it is looked at before each window
        await connection.CloseAsync();
        await left.ConnectAsync(address);
        await Mesh.UntilAsync(() => b.Blobs.Find(blob.Root)?.Chunks >= first + 10, "another connection has one of its own");
        await b.Blobs.FetchAsync(blob).AsTask().WaitAsync(Mesh.Deadline);
        await AssertArrivesAsync(b, blob, content);
    }

    [Fact]
    [Trait("Spec", "WF-12.4")]
    public async Task What_a_server_holds_can_be_evicted_and_fetched_again_and_what_it_does_not_cannot()
    {
        Replica server = await mesh.ReplicaAsync(role: ReplicaRole.Server);
        PeerNode hub = mesh.Node(null, server);
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, 300_000);
        Assert.Equal([blob], (await a.GetCustodyAsync()).Blobs);
        Assert.Equal(BlobError.NotHeldElsewhere, (await Assert.ThrowsAsync<BlobException>(async () => await a.Blobs.EvictAsync(blob.Root))).Error);
        await left.ConnectAsync(await Mesh.ListenAsync(hub));
        await Mesh.UntilAsync(() => a.Blobs.Find(blob.Root)!.OnServers.SequenceEqual([server.Id]), "the server has it");
        await Mesh.UntilAsync(() => a.GetCustodyAsync().AsTask().Result is { IsSafeToWipe: true, IsSigned: true, Blobs.Count: 0 }, "it is safe to wipe");
        Assert.Equal(300_000, await a.Blobs.EvictAsync(blob.Root));
        Assert.Equal((0, "It was evicted here."), (a.Blobs.Find(blob.Root)!.Chunks, a.Blobs.Find(blob.Root)!.Explanation));
        Assert.Equal(0, a.Blobs.UsedBytes);
        await a.Blobs.FetchAsync(blob).AsTask().WaitAsync(Mesh.Deadline);
        await AssertArrivesAsync(a, blob, content);

        await a.CommitAsync(tx => tx.Upsert(Photo).Remove("file"));
        Assert.Null(a.Blobs.Find(blob.Root));
        Assert.Equal((1, 300_000), await a.Blobs.CollectAsync());
        await Mesh.UntilAsync(() => server.Blobs.Find(blob.Root) is null, "the server has heard of it");
        Assert.Equal((0, 0), await server.Blobs.CollectAsync());
        Assert.Equal((1, 300_000), await server.Blobs.CollectAsync(evenIfLast: true));
        Blob again = await a.Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "again.jpg");
        await Mesh.UntilAsync(() => a.Vector[server.Id] == server.Vector[server.Id], "the server's word has come");
        await left.Connections.Single().CloseAsync();
        await a.CommitAsync(tx => tx.Upsert(Photo).Set("file", again));
        Assert.Empty(a.Blobs.Find(blob.Root)!.OnServers); // it has taken its word back
        Assert.False((await a.GetCustodyAsync()).IsSafeToWipe);
    }

    [Fact]
    public async Task A_server_that_has_lost_what_it_said_it_holds_takes_its_word_back_and_gets_it_again()
    {
        var disk = new FaultyBlobStore();
        Replica server = await mesh.ReplicaAsync(role: ReplicaRole.Server, blobs: disk);
        PeerNode hub = mesh.Node(null, server);
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, 300_000);
        EndPoint address = await Mesh.ListenAsync(hub);
        PeerConnection connection = await left.ConnectAsync(address);
        await Mesh.UntilAsync(() => a.Blobs.Find(blob.Root)!.OnServers.Count == 1, "the server has it");
        await connection.CloseAsync();
        await disk.LoseAsync(blob.Root);
        await Assert.ThrowsAsync<BlobException>(() => ReadAsync(server, blob, 0, 10));
        await Mesh.UntilAsync(() => !BlobClaims(server, blob), "its word is taken back");

        await left.ConnectAsync(address);
        await AssertArrivesAsync(server, blob, content);
        await Mesh.UntilAsync(() => BlobClaims(server, blob) && a.Blobs.Find(blob.Root)!.OnServers.Count == 1, "it holds it again");

        static bool BlobClaims(Replica replica, Blob blob) =>
            replica.Get(new EntityKey(EntityKey.SpaceDomain, "blob", blob.Root.ToString()))?["held"] is { Kind: ValueKind.Array } held && held.AsArray().Count > 0;
    }

    [Fact]
    public async Task What_is_given_up_and_taken_up_again_while_it_comes_arrives()
    {
        var stopping = new FaultyBlobStore { StopsAfter = 10 };
        Replica a = await mesh.ReplicaAsync(blobs: stopping);
        PeerNode left = mesh.Node(null, a);
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, 60 * BlobTree.ChunkLengthBytes);
        await right.ConnectAsync(await Mesh.ListenAsync(left));
        await Mesh.UntilAsync(() => b.Blobs.Find(blob.Root)?.Chunks == 10, "a part has come");
        b.Blobs.Policy = new BlobPolicy { Fetch = BlobFetch.OnDemand };
        b.Blobs.Policy = new BlobPolicy();
        using var patience = new CancellationTokenSource();
        Task fetching = b.Blobs.FetchAsync(blob, patience.Token).AsTask();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetching);
        stopping.Go();
        await AssertArrivesAsync(b, blob, content);
        await Mesh.CommitAsync(a, "later");
        await Mesh.UntilAsync(() => Mesh.Read(b, "later") == "x", "the session goes on");
    }

    [Fact]
    public async Task What_does_not_fit_is_a_state_and_comes_when_there_is_room()
    {
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        Replica b = await mesh.ReplicaAsync(policy: new BlobPolicy { QuotaBytes = 150_000 });
        PeerNode right = mesh.Node(null, b);
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, 300_000);
        await left.ConnectAsync(await Mesh.ListenAsync(right));
        await Mesh.UntilAsync(() => b.Blobs.Find(blob.Root)?.Problem == BlobError.QuotaExceeded, "it does not fit");
        Assert.Equal(BlobError.QuotaExceeded, (await Assert.ThrowsAsync<BlobException>(() => b.Blobs.FetchAsync(blob).AsTask().WaitAsync(Mesh.Deadline))).Error);
        await Mesh.CommitAsync(a, "later");
        await Mesh.UntilAsync(() => Mesh.Read(b, "later") == "x", "the mutations go on");
        b.Blobs.Policy = new BlobPolicy { QuotaBytes = 1_000_000 };
        await AssertArrivesAsync(b, blob, content);
    }

    [Fact]
    public async Task A_bundle_brings_what_was_named_since_and_a_damaged_one_brings_nothing_wrong()
    {
        Replica a = await mesh.ReplicaAsync(), b = await mesh.ReplicaAsync();
        await AttachAsync(a, new("incident", "photo", "old"), 500_000);
        var first = new MemoryStream();
        await a.ExportBundleAsync(first, VersionVector.Empty);
        first.Position = 0;
        Assert.Equal(0, (await b.ImportBundleAsync(first)).Blobs);
        (Blob blob, byte[] content) = await AttachAsync(a, Photo, 200_000);
        var second = new MemoryStream();
        await a.ExportBundleAsync(second, b.Vector, withBlobs: true);
        Assert.InRange(second.Length, 200_000, 210_000);
        byte[] damaged = second.ToArray();
        damaged[^1000] ^= 1;
        await Assert.ThrowsAsync<BundleException>(async () => await b.ImportBundleAsync(new MemoryStream(damaged)));
        Assert.False(b.Blobs.Find(blob.Root)!.IsWhole);
        second.Position = 0;
        Assert.Equal(1, (await b.ImportBundleAsync(second)).Blobs);
        await AssertArrivesAsync(b, blob, content);
    }

    [Fact]
    public async Task What_is_not_what_the_field_says_is_refused()
    {
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        Blob put = await a.Blobs.PutAsync(new MemoryStream(new byte[100_000]), "image/jpeg", "1.jpg");
        Blob wrong = new(put.Root, put.Root, put.Size, put.MediaType, put.Name);
        await a.CommitAsync(tx => tx.Upsert(Photo).Set("file", wrong));
        await left.ConnectAsync(await Mesh.ListenAsync(right));
        await Mesh.UntilAsync(() => b.Blobs.Find(wrong.Root)?.Problem == BlobError.ContentRefused, "it is noticed");
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task What_one_field_says_wrongly_of_content_does_not_keep_it_from_another_that_is_right(bool isSizeWrong, bool isLarger)
    {
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        byte[] content = RandomNumberGenerator.GetBytes(300_000);
        Blob put = await a.Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        Blob wrong = new(put.Root, isSizeWrong ? put.Sha256 : put.Root, isSizeWrong ? isLarger ? 10_000_000 : 70 : put.Size, put.MediaType, isLarger ? "2.jpg" : "1.jpg");
        await a.CommitAsync(tx => tx.Upsert(new EntityKey("incident", "photo", "0")).Set("file", wrong));
        await right.ConnectAsync(await Mesh.ListenAsync(left));
        await Mesh.UntilAsync(() => b.Blobs.Find(put.Root)?.Problem == BlobError.ContentRefused, "it is told");
        await a.CommitAsync(tx => tx.Upsert(Photo).Set("file", put));
        await Mesh.UntilAsync(() => b.Get(Photo) is not null, "the mutations go on");
        await AssertArrivesAsync(b, put, content);
        await b.Blobs.FetchAsync(put).AsTask().WaitAsync(Mesh.Deadline);
        Assert.Equal(BlobError.ContentRefused, (await Assert.ThrowsAsync<BlobException>(() => b.Blobs.FetchAsync(wrong).AsTask())).Error);
        Assert.Equal([wrong, put], b.Blobs.List().Select(s => s.Blob).OrderBy(s => s == put));
        Assert.Equal([BlobStanding.Refused, BlobStanding.Here], b.Blobs.List().OrderBy(s => s.Blob == put).Select(s => s.Standing));
        Assert.Equal(put, b.Blobs.Find(put.Root)!.Blob);
    }

    [Fact]
    public async Task Nothing_is_asked_for_that_there_is_no_room_for()
    {
        var sent = new FaultyBlobStore();
        Replica a = await mesh.ReplicaAsync(blobs: sent);
        PeerNode left = mesh.Node(null, a);
        Replica b = await mesh.ReplicaAsync(policy: new BlobPolicy { QuotaBytes = (3 * BlobTree.ChunkLengthBytes) + 10 });
        PeerNode right = mesh.Node(null, b);
        var blobs = new List<Blob>();
        for (int i = 0; i < 6; i++) blobs.Add((await AttachAsync(a, new("incident", "photo", $"{i}"), 2 * BlobTree.ChunkLengthBytes)).Blob);
        await left.ConnectAsync(await Mesh.ListenAsync(right));
        await Mesh.UntilAsync(() => blobs.Count(x => b.Blobs.Find(x.Root) is { Problem: BlobError.QuotaExceeded }) == 5, "the others do not fit");
        await Mesh.CommitAsync(a, "later");
        await Mesh.UntilAsync(() => Mesh.Read(b, "later") == "x", "the mutations go on");
        Assert.Equal(3, sent.Reads);
        Assert.Equal(1, blobs.Count(x => b.Blobs.Find(x.Root)!.IsWhole));
    }

    [Fact]
    public async Task What_was_found_wrong_is_known_to_be_wrong_when_it_is_opened_again()
    {
        string directory = Directory.CreateTempSubdirectory("crdt-blobs-").FullName;
        try
        {
            byte[] content = RandomNumberGenerator.GetBytes(100_000);
            await using (FileBlobStore first = FileBlobStore.Open(directory))
            {
                IBlobDraft draft = await first.CreateAsync(default);
                await using (draft)
                {
                    await draft.AppendAsync(content, default);
                    await draft.CompleteAsync(default);
                }
            }
            FileBlobStore again = FileBlobStore.Open(directory);
            BlobHolding held = Assert.Single(again.List());
            Assert.Equal(BlobHash.FromBytes(SHA256.HashData(content)), again.FindSha256(held.Root));
            Replica a = await mesh.ReplicaAsync(blobs: again);
            Blob wrong = new(held.Root, held.Root, held.Size, "image/jpeg", "1.jpg");
            await a.CommitAsync(tx => tx.Upsert(Photo).Set("file", wrong));
            Assert.Equal(BlobStanding.Refused, a.Blobs.Find(held.Root)!.Standing);
            await again.DisposeAsync();
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<byte[]> ReadAsync(Replica replica, Blob blob, long at, int length)
    {
        await using Stream stream = replica.Blobs.OpenRead(blob);
        stream.Position = at;
        byte[] read = new byte[length];
        await stream.ReadExactlyAsync(read);
        return read;
    }

    private static async Task<(Blob Blob, byte[] Content)> AttachAsync(
        Replica replica, EntityKey entity, int size, string mediaType = "image/jpeg", string field = "file")
    {
        byte[] content = RandomNumberGenerator.GetBytes(size);
        Blob blob = await replica.Blobs.PutAsync(new MemoryStream(content), mediaType, $"{entity.Id}.jpg");
        await replica.CommitAsync(tx => tx.Upsert(entity).Set(field, blob));
        return (blob, content);
    }

    private static async Task AssertArrivesAsync(Replica replica, Blob blob, byte[] content)
    {
        await Mesh.UntilAsync(() => replica.Blobs.Find(blob.Root) is { IsWhole: true }, $"the blob of {blob.Size} bytes is there: {replica.Blobs.Find(blob.Root)}");
        await using Stream stream = replica.Blobs.OpenRead(blob);
        var read = new MemoryStream();
        await stream.CopyToAsync(read);
        Assert.Equal(content, read.ToArray());
        Assert.Equal(blob.Sha256, BlobHash.FromBytes(SHA256.HashData(content)));
    }

    public async ValueTask DisposeAsync()
    {
        await mesh.DisposeAsync();
        (transport as IDisposable)?.Dispose();
        key.Dispose();
    }
}
