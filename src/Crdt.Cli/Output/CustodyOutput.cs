using System.Text.Json;

namespace Crdt.Cli.Output;

/// <summary>What would be lost with a device.</summary>
internal static class CustodyOutput
{
    // Authors that are named to a person; --json names all.
    private const int AuthorsShownMax = 5;

    /// <summary>In a few words.</summary>
    public static string Verdict(CustodyReport custody) => custody switch
    {
        { IsSafeToWipe: false } => "no",
        { IsSigned: true } => "yes: servers have signed that they hold everything on it",
        _ => "yes: servers say that they hold everything on it; in an open space nothing proves it",
    };

    /// <summary>Why not; and what is not data, but lies there all the same.</summary>
    public static void Write(CliOutput output, CustodyReport custody, ReplicaId self, bool hasAuthorityKey)
    {
        foreach (string reason in Reasons(custody, self)) output.Line($"Not safe to wipe: {reason}");
        if (custody.IsSafeToWipe && hasAuthorityKey)
            output.Line("The key of the space's authority lies here: without a copy of keys/authority.key nobody can be let in any more.");
    }

    public static void WriteJson(Utf8JsonWriter w, CustodyReport custody, bool hasAuthorityKey)
    {
        w.WriteStartObject("custody");
        w.WriteBoolean("safe_to_wipe", custody.IsSafeToWipe);
        w.WriteBoolean("signed", custody.IsSigned);
        w.WriteNumber("missing_mutations", custody.MissingCount);
        w.WriteStartArray("missing");
        foreach (CustodyGap gap in custody.Missing)
        {
            w.WriteStartObject();
            w.WriteString("author", gap.Author.ToString());
            w.WriteNumber("first", gap.FirstSequence);
            w.WriteNumber("last", gap.LastSequence);
            w.WriteEndObject();
        }
        w.WriteEndArray();
        w.WriteNumber("cut_off", custody.CutOff);
        w.WriteNumber("set_aside", custody.SetAside);
        w.WriteNumber("unwritten", custody.Unwritten);
        w.WriteStartArray("forked");
        foreach (ReplicaId author in custody.Forked) w.WriteStringValue(author.ToString());
        w.WriteEndArray();
        w.WriteStartArray("receipts");
        foreach (Acknowledgement receipt in custody.Receipts)
        {
            w.WriteStartObject();
            w.WriteString("by", receipt.By.ToString());
            w.WriteTime("at", receipt.Time);
            if (!receipt.Signature.IsEmpty) w.WriteString("signature", Convert.ToHexStringLower(receipt.Signature.Span));
            w.WriteEndObject();
        }
        w.WriteEndArray();
        w.WriteStartArray("blobs");
        foreach (Blob blob in custody.Blobs) w.WriteStringValue(blob.Root.ToString());
        w.WriteEndArray();
        w.WriteBoolean("authority_key", hasAuthorityKey);
        w.WriteEndObject();
    }

    private static IEnumerable<string> Reasons(CustodyReport custody, ReplicaId self)
    {
        if (custody.Missing.Count > 0)
        {
            string named = string.Join(", ", custody.Missing.Take(AuthorsShownMax)
                .Select(m => $"{Shown.Number(m.Count)} by {Shown.Author(m.Author, self)}"));
            string more = custody.Missing.Count > AuthorsShownMax ? ", …" : "";
            yield return custody.Receipts.Count == 0
                ? $"no server is known to hold any of its {Shown.Count(custody.MissingCount, "mutation")} ({named}{more})."
                : $"no server is known to hold {Shown.Count(custody.MissingCount, "mutation")} ({named}{more}).";
        }
        if (custody.Blobs.Count > 0)
        {
            string named = string.Join(", ", custody.Blobs.Take(AuthorsShownMax).Select(b => b.Name.Length > 0 ? b.Name : b.Root.ToString()[..8]));
            yield return $"no server has said that it holds {Shown.Count(custody.Blobs.Count, "attachment")} ({named}{(custody.Blobs.Count > AuthorsShownMax ? ", …" : "")}): 'crdt blob ls'.";
        }
        if (custody.CutOff > 0) yield return $"{Shown.Count(custody.CutOff, "mutation")} made here were cut off and wait to be written again.";
        if (custody.SetAside > 0)
            yield return $"{Shown.Count(custody.SetAside, "mutation")} of others were cut off, are kept aside here, and were not written again: 'crdt aside'.";
        foreach (ReplicaId author in custody.Forked)
            yield return $"the id {Shown.Author(author, self)} is in use twice: a server has to meet both logs and end one of them.";
        if (custody.Unwritten > 0) yield return $"{Shown.Count(custody.Unwritten, "decision")} of this server could not be written yet.";
    }
}
