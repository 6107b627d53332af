using System.Text.Json;

namespace Crdt.Cli.Output;

/// <summary>How the attempts to reach peers went, for people and scripts.</summary>
internal static class PeerOutput
{
    public static void Write(CliOutput output, ISyncJournal journal)
    {
        foreach (PeerAttempts peer in journal.Peers)
        {
            if (peer.Attempts == 0)
            {
                if (peer.LastSuccess is { } met) output.Line($"peer {peer.Peer} was met last at {Shown.Time(met)}");
                continue;
            }
            string error = peer.LastError is { } last ? $" ({Shown.Camel(last.Class)}, {last.Code}: {last.Message})" : "";
            string next = peer.NextAttempt is { } at ? $"; the next attempt is due at {Shown.Time(at)}" : "; nobody tries by itself";
            output.Line($"peer {peer.Peer}: {Shown.Count(peer.Attempts, "attempt")} failed since {Shown.Time(peer.FailingSince ?? default)}{error}{next}");
        }
    }

    public static void WriteJson(Utf8JsonWriter w, ISyncJournal journal)
    {
        w.WriteStartArray("peers");
        foreach (PeerAttempts peer in journal.Peers)
        {
            w.WriteStartObject();
            WriteMembers(w, peer);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    public static void WriteMembers(Utf8JsonWriter w, PeerAttempts peer)
    {
        w.WriteString("peer", peer.Peer);
        w.WriteOptional("node", peer.Node?.ToString());
        w.WriteTime("failing_since", peer.FailingSince);
        w.WriteTime("last_success", peer.LastSuccess);
        QueueOutput.WriteAttempts(w, peer.Attempts, peer.LastError, peer.NextAttempt);
    }
}
