using System.Globalization;
using System.Text.Json;

namespace Crdt.Cli.Output;

/// <summary>Attachments and how they stand, alike wherever they are told of.</summary>
internal static class BlobOutput
{
    private const int HashDigits = 12;

    /// <summary>The beginning of a hash: enough for people to tell attachments apart, and for commands to find one.</summary>
    public static string Short(BlobHash hash) => hash.ToString()[..HashDigits];

    /// <summary>Its name, or else its hash.</summary>
    public static string Name(Blob blob) => blob.Name.Length > 0 ? $"'{blob.Name}'" : Short(blob.Root);

    public static void WriteMembers(Utf8JsonWriter w, Blob blob)
    {
        w.WriteString("root", blob.Root.ToString());
        w.WriteString("sha256", blob.Sha256.ToString());
        w.WriteNumber("size", blob.Size);
        w.WriteString("media_type", blob.MediaType);
        w.WriteString("name", blob.Name);
    }

    /// <summary>The members of an object about how one stands.</summary>
    public static void WriteMembers(Utf8JsonWriter w, BlobState state, Replica replica)
    {
        WriteMembers(w, state.Blob);
        w.WriteString("standing", Shown.Camel(state.Standing));
        w.WriteNumber("bytes_here", state.BytesHere);
        w.WriteNumber("chunks", state.Chunks);
        w.WriteNumber("chunks_max", state.ChunksMax);
        if (state.Damaged > 0) w.WriteNumber("damaged", state.Damaged);
        w.WriteBoolean("wanted", state.IsWanted);
        w.WriteNumber("sources", state.Sources);
        w.WriteStartArray("on_servers");
        foreach (ReplicaId server in state.OnServers) w.WriteStringValue(server.ToString());
        w.WriteEndArray();
        if (state.Problem is { } problem) w.WriteString("problem", Shown.Camel(problem));
        w.WriteString("explanation", state.Explanation);
        w.WriteStartArray("places");
        foreach ((EntityKey key, FieldPath path) in replica.Blobs.PlacesOf(state.Blob.Root))
        {
            w.WriteStartObject();
            w.WriteString("entity", key.ToString());
            w.WriteString("field", path.ToString());
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    public static void WriteTable(CliOutput output, IReadOnlyList<BlobState> states, Replica replica)
    {
        if (states.Count == 0) return;
        output.Table(["root", "name", "type", "size", "here", "state", "servers", "entity"], states.Select(s => (IReadOnlyList<string>)
        [
            Short(s.Blob.Root), s.Blob.Name, s.Blob.MediaType, Shown.Bytes(s.Blob.Size), Here(s), Describe(s),
            string.Join(' ', s.OnServers.Select(Shown.Short)),
            Place(replica.Blobs.PlacesOf(s.Blob.Root)),
        ]), "size", "here");
    }

    private static string Place(IReadOnlyList<(EntityKey Key, FieldPath Path)> places) => places.Count switch
    {
        0 => "",
        1 => places[0].Key.ToString(),
        _ => $"{places[0].Key} and {places.Count - 1} more",
    };

    /// <summary>How much of it is here.</summary>
    public static string Here(BlobState state) => state.ChunksMax == 0 || state.IsWhole ? "100 %"
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(100.0 * state.Chunks / state.ChunksMax)} %");

    /// <summary>How it stands, in few words.</summary>
    public static string Describe(BlobState state) => state.Standing switch
    {
        BlobStanding.Here => "here",
        BlobStanding.Fetching => "coming",
        BlobStanding.Waiting => "waits for a peer",
        BlobStanding.OnDemand => "on demand",
        BlobStanding.NotTaken => "not taken",
        BlobStanding.OverQuota => "over quota",
        BlobStanding.Refused => "refused",
        _ => "cannot be kept",
    };

    /// <summary>What happens next, or who can change it.</summary>
    public static string Next(BlobState state) => state.Standing switch
    {
        BlobStanding.Here when state.OnServers.Count == 0 => "'crdt sync' with a server tells whether that one holds it, too.",
        BlobStanding.Here => "Nothing: 'crdt blob evict' would make room, and it can be fetched again.",
        BlobStanding.Fetching => "It goes on by itself, from where it is, also after an interruption.",
        BlobStanding.Waiting => "It comes by itself from the next peer that has it: 'crdt sync', 'crdt serve', or 'crdt blob fetch' to have it before others.",
        BlobStanding.OnDemand => "'crdt blob fetch' brings it.",
        BlobStanding.NotTaken => "Another policy of this device (--blobs, --blobs-type) takes it.",
        BlobStanding.OverQuota => "Make room with 'crdt blob evict' or 'crdt blob gc', or raise --blob-quota.",
        BlobStanding.Refused => "Whoever wrote it has to attach it anew, or another peer has to bring it.",
        _ => "Make room on the disk, or see 'crdt doctor'; then it comes again.",
    };
}
