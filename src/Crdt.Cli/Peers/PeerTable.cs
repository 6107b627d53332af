using System.Text.Json;
using System.Text.Json.Serialization;
using Crdt.Cli.Output;
using Crdt.Transport;
using Crdt.Transport.Discovery;

namespace Crdt.Cli.Peers;

/// <summary>Who is near, who is paired, and how it goes with each, at one moment.</summary>
/// <param name="At">The moment.</param>
/// <param name="Served">Whether a process serves the replica, and tells this.</param>
/// <param name="Peers">The devices of the space and those near; first who is connected, then who is near.</param>
internal sealed record PeerTable(DateTimeOffset At, bool Served, IReadOnlyList<PeerRow> Peers)
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Takes it.</summary>
    /// <param name="replica">This device's.</param>
    /// <param name="node">Its node.</param>
    /// <param name="links">Those that are dialled because somebody named them.</param>
    /// <param name="now">The moment.</param>
    /// <param name="isServed">Whether the node serves.</param>
    public static PeerTable Take(Replica replica, PeerNode node, IReadOnlyList<PeerLink> links, DateTimeOffset now, bool isServed)
    {
        var rows = new List<PeerRow>();
        var left = node.Connections.ToList();
        foreach (NearbyPeer peer in node.Nearby)
        {
            PeerConnection? connection = left.Find(c => peer.Link?.Connection == c || IsSame(peer, c));
            if (connection is not null) left.Remove(connection);
            PeerRow row = Describe(replica, WhoIs(replica, connection) ?? peer.Enrolment, connection, peer.Link);
            rows.Add(row with
            {
                Name = peer.Instance,
                Addresses = [.. peer.Addresses.Select(a => a.ToString())],
                Near = true,
                Paired = peer.IsKnown || row.Paired,
            });
        }
        foreach (PeerLink link in links)
        {
            PeerConnection? connection = link.Connection;
            if (connection is not null && !left.Remove(connection)) continue; // it is near, and told of
            rows.Add(Describe(replica, WhoIs(replica, connection), connection, link) with { Addresses = [$"{link.EndPoint}"] });
        }
        foreach (PeerConnection connection in left)
            rows.Add(Describe(replica, WhoIs(replica, connection), connection, null) with { Addresses = [$"{connection.RemoteEndPoint}"] });
        var told = rows.Select(r => r.Replica).ToHashSet();
        foreach (Enrolment device in replica.Enrolments)
        {
            if (device.Role != ReplicaRole.Authority && device.Replica != replica.Id && !told.Contains(device.Replica.ToString())
                && !replica.IsRevoked(device.PublicKey.Span, device) && !replica.Fences.Any(f => f.Replica == device.Replica))
                rows.Add(Describe(replica, device, null, null));
        }
        return new PeerTable(now, isServed,
            [.. rows.OrderBy(r => r.Link != "connected").ThenBy(r => !r.Near).ThenBy(r => r.Replica ?? r.Name, StringComparer.Ordinal)]);
    }

    /// <summary>Reads what <see cref="ToJson"/> wrote; null when it is not that.</summary>
    public static PeerTable? FromJson(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<PeerTable>(json, Format);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>One line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Format);

    /// <summary>Whether it tells the same, at whatever moment.</summary>
    public bool SaysTheSame(PeerTable? other) =>
        other is not null && (this with { At = default }).ToJson() == (other with { At = default }).ToJson();

    public void Write(CliOutput output)
    {
        if (output.IsJson) output.Raw(ToJson());
        else if (Peers.Count == 0) output.Note("Nobody is near, and the space has no other device.");
        else output.Table(["device", "owner", "near", "paired", "link", "lacks", "we lack", "heard of", "why"], Peers.Select(Cells), "lacks", "we lack");
        output.Flush();
    }

    private static IReadOnlyList<string> Cells(PeerRow row) =>
    [
        row.Replica?[..8] ?? row.Name ?? "?",
        row.Owner ?? "",
        row.Near ? string.Join(' ', row.Addresses.Take(1)) : "",
        row.Paired ? "yes" : "no",
        row.Link,
        row.Lacks is { } lacks ? Shown.Number(lacks) : "?",
        row.Lacking is { } lacking ? Shown.Number(lacking) : "",
        row.HeardOf is { } heard ? Shown.Second(heard) : "",
        row.Message is null ? "" : $"{row.Message}{(row.NextAttempt is { } next ? $" Again at {Shown.Second(next)}." : "")}",
    ];

    private static PeerRow Describe(Replica replica, Enrolment? device, PeerConnection? connection, PeerLink? link)
    {
        SyncProgress? progress = connection?.GetProgress(replica.Space);
        ReplicaId? id = device?.Replica ?? progress?.Peer;
        Acknowledgement? said = replica.Acknowledgements.FirstOrDefault(a => a.By == id);
        bool isFailing = connection is null && link is { State: not PeerLinkState.Connected, LastError: not null };
        return new PeerRow
        {
            Replica = id?.ToString(),
            Owner = device?.Owner,
            Role = device is not null ? Shown.Camel(device.Role) : progress?.Peer is null ? null : Shown.Camel(progress.PeerRole),
            Paired = device is not null || progress is not null,
            Link = connection is not null ? "connected" : link is null ? "none" : Shown.Camel(link.State),
            Error = isFailing ? Shown.Camel(link!.LastError!.Error) : null,
            Message = isFailing ? link!.LastError!.Message : null,
            Attempts = connection is null ? link?.Attempts ?? 0 : 0,
            NextAttempt = connection is null ? link?.NextAttempt : null,
            Lacks = progress?.MutationsOutstanding
                // It is not connected: by its last word, but what it wrote itself, and has sent since, it has.
                ?? (said is null ? null : replica.Vector.Where(d => d.Replica != id).Sum(d => Math.Max(0, d.Sequence - said.Held[d.Replica]))),
            Lacking = progress?.MutationsExpected,
            HeardOf = said?.Time,
        };
    }

    private static Enrolment? WhoIs(Replica replica, PeerConnection? connection) =>
        connection is null || connection.PeerKey.IsEmpty ? null : replica.Enrolments.FirstOrDefault(e =>
            e.Role != ReplicaRole.Authority && e.PublicKey.Span.SequenceEqual(connection.PeerKey.Span));

    private static bool IsSame(NearbyPeer peer, PeerConnection connection) => connection.PeerFingerprint is { } proved
        ? peer.Key is not null && proved.ToString().StartsWith(peer.Key, StringComparison.Ordinal)
        : connection.PeerNodeId == peer.NodeId;
}
