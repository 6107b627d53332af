using System.Globalization;
using System.Net;
using Crdt.Store;
using Crdt.Store.Disk;
using Crdt.Store.Log;
using Crdt.Transport;

namespace Crdt.KillWriter;

/// <summary>A process that sends and receives attachments, does what it is told line by line, and dies where it is told to.</summary>
public static class Courier
{
    private static SpaceGenesis Genesis { get; } = SpaceGenesis.Create(
        new ReplicaId(Guid.Parse("4b1d0000-0000-4000-8000-0000000000fd")), "couriers", [], new Ledger.FixedTime());

    /// <summary>Which replica a courier is.</summary>
    public static ReplicaIdentity Identity(int number, ReplicaRole role) =>
        new(Genesis.Space, new ReplicaId(Guid.Parse(string.Create(CultureInfo.InvariantCulture, $"4b1d0000-0000-4000-8000-{number:d12}"))), role);

    /// <summary>How a replica of the space runs.</summary>
    public static ReplicaOptions Options { get; } = new() { Time = TimeProvider.System, Genesis = Genesis };

    /// <summary>How a node of couriers runs.</summary>
    public static PeerNodeOptions NodeOptions { get; } = new() { IsPlain = true };

    /// <summary>The entity that names an attachment.</summary>
    public static EntityKey Key(int number) => new("couriers", "letter", number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Content of an attachment.</summary>
    public static byte[] Content(int number, int lengthBytes)
    {
        byte[] content = new byte[lengthBytes];
#pragma warning disable CA5394 // Not for secrets: the same again in another process.
        new Random(number).NextBytes(content);
#pragma warning restore CA5394
        return content;
    }

    /// <summary>Does what it is told, until the lines end.</summary>
    public static async Task<int> RunAsync(string directory, Action<string> tell)
    {
        ArgumentNullException.ThrowIfNull(tell);
        var disk = new FatalDisk(RealDisk.Instance);
        await using Replica replica = await Replica.OpenAsync(FileReplicaStore.Open(directory, new LogOptions { Disk = disk }), Options);
        await using var node = new PeerNode(NodeOptions);
        node.Add(replica);
        tell("ready");
        while (Console.ReadLine() is { } line)
        {
            string[] words = line.Split(' ', 2);
            switch (words[0])
            {
                case "die":
                    disk.Arm(DeadlyMoment.Parse(words[1]));
                    break;
                case "connect":
                    await node.ConnectAsync(new IPEndPoint(IPAddress.Loopback, Number(words[1])));
                    break;
                case "put":
                    int[] numbers = [.. words[1].Split(' ').Select(Number)];
                    Blob blob = await replica.Blobs.PutAsync(new MemoryStream(Content(numbers[0], numbers[1])), "image/jpeg", "letter.jpg");
                    await replica.CommitAsync(tx => tx.Upsert(Key(numbers[0])).Set("file", blob));
                    while (replica.Role != ReplicaRole.Client && !replica.ClaimsBlob(blob.Root))
                    {
                        _ = replica.Blobs.List(); // by which it takes note of what was named
                        await Task.Delay(1);
                    }
                    tell($"put {blob.Root}");
                    break;
                case "await":
                    await FetchAsync(replica, Number(words[1]));
                    tell("here");
                    break;
                case "evict":
                    await replica.Blobs.EvictAsync(BlobOf(replica, Number(words[1])).Root, evenIfLast: true);
                    tell("evicted");
                    break;
                case "forget":
                    await replica.CommitAsync(tx => tx.Upsert(Key(Number(words[1]))).Remove("file"));
                    tell("forgotten");
                    break;
                case "collect":
                    tell($"collected {(await replica.Blobs.CollectAsync(evenIfLast: true)).Blobs}");
                    break;
            }
        }
        return 0;
    }

    /// <summary>The attachment of an entity.</summary>
    public static Blob BlobOf(Replica replica, int number)
    {
        ArgumentNullException.ThrowIfNull(replica);
        return replica.Get(Key(number))!["file"]!.Value.AsBlob();
    }

    private static async Task FetchAsync(Replica replica, int number)
    {
        while (replica.Get(Key(number))?["file"] is null) await Task.Delay(1);
        await replica.Blobs.FetchAsync(BlobOf(replica, number));
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
