using System.Text.Json;
using Crdt.Store.Disk;

namespace Crdt.Store;

/// <summary>A journal of attempts in a small JSON file beside a store, replaced as a whole with every change.</summary>
/// <remarks>A file that cannot be read counts as empty, and one that cannot be written is tried again with the next change
/// (<see cref="Error"/>): the journal helps people, and no data depends on it.</remarks>
public sealed class FileSyncJournal : ISyncJournal
{
    /// <summary>Peers that are remembered; of more, those that were met or tried the longest ago are forgotten.</summary>
    public const int PeersMax = 1_024;

    private const int FormatVersion = 1;
    private const int LengthBytesMax = 4 << 20;
    private const int TextLengthMax = 1_000;

    private readonly string path;
    private readonly IDisk disk;
    private readonly Lock gate = new();
    private readonly SortedDictionary<string, PeerAttempts> peers = new(StringComparer.Ordinal);

    /// <summary>Opens the journal of a node.</summary>
    /// <param name="path">The file; it and its directory are made with the first change.</param>
    public FileSyncJournal(string path)
        : this(path, RealDisk.Instance)
    {
    }

    internal FileSyncJournal(string path, IDisk disk)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        (this.path, this.disk) = (Path.GetFullPath(path), disk);
        Read();
    }

    /// <summary>Why the file could not be read or written last; <see langword="null"/> when it could.</summary>
    public Exception? Error { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<PeerAttempts> Peers
    {
        get
        {
            lock (gate)
                return [.. peers.Values];
        }
    }

    /// <inheritdoc/>
    public PeerAttempts? Find(string peer)
    {
        lock (gate)
            return peers.GetValueOrDefault(peer);
    }

    /// <inheritdoc/>
    public void Update(string peer, Func<PeerAttempts, PeerAttempts> change)
    {
        ArgumentException.ThrowIfNullOrEmpty(peer);
        ArgumentNullException.ThrowIfNull(change);
        lock (gate)
        {
            PeerAttempts? before = peers.GetValueOrDefault(peer);
            PeerAttempts after = change(before ?? new PeerAttempts(peer));
            if (after == before)
                return;
            peers[peer] = after;
            while (peers.Count > PeersMax)
                peers.Remove(peers.Values.MinBy(LastHeardOf)!.Peer);
            Write();
        }
    }

    private static DateTimeOffset LastHeardOf(PeerAttempts peer)
    {
        DateTimeOffset met = peer.LastSuccess ?? default, tried = peer.LastError?.At ?? default;
        return met > tried ? met : tried;
    }

    private void Read()
    {
        try
        {
            if (!disk.Exists(path))
                return;
            using IDiskFile file = disk.Open(path, DiskOpenMode.Read);
            if (file.Length > LengthBytesMax)
                throw new JsonException($"The file has {file.Length} bytes; {LengthBytesMax} are allowed.");
            byte[] bytes = new byte[file.Length];
            using var document = JsonDocument.Parse(bytes.AsMemory(0, file.Read(bytes, 0)));
            if (document.RootElement.GetProperty("version").GetInt32() != FormatVersion)
                throw new JsonException("The file's version is not known here.");
            foreach (JsonElement peer in document.RootElement.GetProperty("peers").EnumerateArray())
            {
                PeerAttempts read = ReadPeer(peer);
                peers[read.Peer] = read;
            }
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e)
            || e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            peers.Clear();
            Error = e;
        }
    }

    private void Write()
    {
        string directory = Path.GetDirectoryName(path)!;
        try
        {
            disk.CreateDirectory(directory);
            using (IDiskFile draft = disk.Open(path + ".tmp", DiskOpenMode.Create))
            {
                draft.Write(Encode(), 0);
                draft.Flush();
            }
            disk.Rename(path + ".tmp", path);
            disk.SyncDirectory(directory);
            Error = null;
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            Error = e;
        }
    }

    private byte[] Encode()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteNumber("version", FormatVersion);
            writer.WriteStartArray("peers");
            foreach (PeerAttempts peer in peers.Values)
                WritePeer(writer, peer);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static void WritePeer(Utf8JsonWriter writer, PeerAttempts peer)
    {
        writer.WriteStartObject();
        writer.WriteString("peer", peer.Peer);
        if (peer.Node is { } node)
            writer.WriteString("node", node);
        writer.WriteNumber("attempts", peer.Attempts);
        WriteTime(writer, "failing_since", peer.FailingSince);
        writer.WriteStartArray("recent_failures");
        foreach (DateTimeOffset failure in peer.RecentFailures)
            writer.WriteStringValue(failure);
        writer.WriteEndArray();
        WriteTime(writer, "last_success", peer.LastSuccess);
        if (peer.LastError is { } error)
        {
            writer.WriteStartObject("last_error");
            writer.WriteString("at", error.At);
            writer.WriteString("class", error.Class.ToString());
            writer.WriteString("code", error.Code);
            writer.WriteString("message", error.Message.Length <= TextLengthMax ? error.Message : error.Message[..TextLengthMax]);
            writer.WriteEndObject();
        }
        WriteTime(writer, "next_attempt", peer.NextAttempt);
        if (peer.Delay is { } delay)
            writer.WriteNumber("delay_ms", (long)Math.Ceiling(delay.TotalMilliseconds));
        writer.WriteEndObject();
    }

    private static PeerAttempts ReadPeer(JsonElement peer) => new(peer.GetProperty("peer").GetString()!)
    {
        Node = peer.TryGetProperty("node", out JsonElement node) ? node.GetGuid() : null,
        Attempts = peer.GetProperty("attempts").GetInt32(),
        FailingSince = ReadTime(peer, "failing_since"),
        RecentFailures = [.. peer.GetProperty("recent_failures").EnumerateArray().Take(PeerAttempts.RecentMax)
            .Select(time => time.GetDateTimeOffset())],
        LastSuccess = ReadTime(peer, "last_success"),
        LastError = peer.TryGetProperty("last_error", out JsonElement error) ? ReadError(error) : null,
        NextAttempt = ReadTime(peer, "next_attempt"),
        Delay = peer.TryGetProperty("delay_ms", out JsonElement delay) ? TimeSpan.FromMilliseconds(delay.GetInt64()) : null,
    };

    private static SyncFailure ReadError(JsonElement error) => new(
        error.GetProperty("at").GetDateTimeOffset(),
        Enum.Parse<SyncErrorClass>(error.GetProperty("class").GetString()!),
        error.GetProperty("code").GetString()!,
        error.GetProperty("message").GetString()!);

    private static DateTimeOffset? ReadTime(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement time) ? time.GetDateTimeOffset() : null;

    private static void WriteTime(Utf8JsonWriter writer, string name, DateTimeOffset? time)
    {
        if (time is { } known)
            writer.WriteString(name, known);
    }
}
