using System.Text.Json;
using Crdt.Transport.Lanes;

namespace Crdt.Server.Hosting;

/// <summary>What people said of the space on connections with single peers, in a small file beside the replica, so that it holds when
/// the server is started again. Safe for concurrent use.</summary>
internal sealed class SteeringFile
{
    private const string Name = "steering.json";

    // Thousands of peers: each entry takes about a hundred bytes.
    private const int LengthBytesMax = 4 << 20;

    private readonly string path;
    private readonly Lock gate = new();
    private SortedDictionary<Guid, SpaceLane> lanes = [];

    /// <param name="data">The replica's directory.</param>
    public SteeringFile(string data)
    {
        path = Path.Combine(data, Name);
        try
        {
            foreach (Entry entry in Read()) lanes[entry.Node] = entry.ToLane();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or ArgumentException)
        {
            lanes.Clear();
            Error = e;
        }
    }

    /// <summary>Why what was said before could not be read; <see langword="null"/> when it could.</summary>
    public Exception? Error { get; }

    /// <summary>Has a node go by what was said.</summary>
    public void Apply(LanePlan plan, SpaceId space)
    {
        lock (gate)
        {
            foreach ((Guid node, SpaceLane lane) in lanes) plan.Steer(node, space, lane);
        }
    }

    /// <summary>Says something else of a peer, durably.</summary>
    /// <exception cref="IOException">It cannot be written; all is then as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public void Steer(LanePlan plan, SpaceId space, Guid node, Func<SpaceLane, SpaceLane> change)
    {
        lock (gate)
        {
            SpaceLane lane = change(plan.FindSteered(node, space));
            var next = new SortedDictionary<Guid, SpaceLane>(lanes) { [node] = lane };
            if (lane == SpaceLane.Default) next.Remove(node);
            Write(next);
            lanes = next;
            plan.Steer(node, space, lane);
        }
    }

    private Entry[] Read()
    {
        if (!File.Exists(path)) return [];
        if (new FileInfo(path).Length > LengthBytesMax) throw new JsonException($"'{path}' is larger than {LengthBytesMax} bytes.");
        return JsonSerializer.Deserialize<Entry[]>(File.ReadAllBytes(path)) ?? [];
    }

    private void Write(SortedDictionary<Guid, SpaceLane> all)
    {
        string fresh = path + ".new";
        using (var file = new FileStream(fresh, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, all.Select(l => Entry.Of(l.Key, l.Value)));
            file.Flush(flushToDisk: true);
        }
        File.Move(fresh, path, overwrite: true);
    }

    private sealed record Entry(Guid Node, int Priority, bool IsHeld, bool IsEssential, bool CarriesAttachments)
    {
        public static Entry Of(Guid node, SpaceLane lane) => new(node, lane.Priority, lane.IsHeld, lane.IsEssential, lane.CarriesAttachments);

        public SpaceLane ToLane() => new() { Priority = Priority, IsHeld = IsHeld, IsEssential = IsEssential, CarriesAttachments = CarriesAttachments };
    }
}
