using System.Text.Json;

namespace Crdt.Cli.Output;

/// <summary>What a replica noticed about others: their clocks, and states that differ though nothing is
/// missing.</summary>
internal static class Watched
{
    /// <summary>Entities that are named to a person; --json names all.</summary>
    private const int KeysShownMax = 5;

    // Below this a clock is as good as right, and a person need not read of it.
    private const long SkewShownMs = 1_000;

    public static void Write(CliOutput output, Replica replica)
    {
        foreach (ClockSkew skew in replica.ClockSkews)
        {
            if (Math.Abs(skew.OffsetMs) < SkewShownMs) continue;
            string by = Shown.Duration(TimeSpan.FromMilliseconds(Math.Abs(skew.OffsetMs)));
            string within = skew.UncertaintyMs is { } ms ? $", give or take {Shown.Number(ms)} ms" : "";
            output.Line($"{Shown.Short(skew.Replica)} ({Shown.Camel(skew.Role)}) has its clock {by} "
                + $"{(skew.OffsetMs > 0 ? "ahead of" : "behind")} this one{within}, "
                + $"measured at {Shown.Time(skew.MeasuredAt)}");
        }
        foreach (Divergence divergence in replica.Divergences)
        {
            output.Line($"Diverged from {Shown.Short(divergence.Peer)}, noticed at {Shown.Time(divergence.Time)}: "
                + Describe(divergence));
        }
    }

    /// <summary>What differs, in words.</summary>
    public static string Describe(Divergence divergence)
    {
        if (divergence.Keys is not { } keys) return "which entities differ is not known yet.";
        if (keys.Count == 0) return "all entities agree, so the sum of one side is wrong.";
        string named = string.Join(", ", keys.Take(KeysShownMax).Select(k => Shown.OneLine(k.ToString())));
        string more = keys.Count > KeysShownMax || divergence.IsCutOff ? ", …" : "";
        string count = divergence.IsCutOff
            ? $"more than {Shown.Number(keys.Count)} entities" : Shown.Count(keys.Count, "entity", "entities");
        return $"{count}: {named}{more}";
    }

    public static void WriteJson(Utf8JsonWriter writer, Replica replica)
    {
        writer.WriteStartArray("clock_skews");
        foreach (ClockSkew skew in replica.ClockSkews)
        {
            writer.WriteStartObject();
            writer.WriteString("replica", skew.Replica.ToString());
            writer.WriteString("role", Shown.Camel(skew.Role));
            writer.WriteNumber("offset_ms", skew.OffsetMs);
            if (skew.UncertaintyMs is { } uncertainty) writer.WriteNumber("uncertainty_ms", uncertainty);
            writer.WriteTime("measured_at", skew.MeasuredAt);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteStartArray("divergences");
        foreach (Divergence divergence in replica.Divergences)
        {
            writer.WriteStartObject();
            writer.WriteString("peer", divergence.Peer.ToString());
            writer.WriteTime("at", divergence.Time);
            WriteKeys(writer, divergence);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    /// <summary>The entities that differ, where they are known.</summary>
    public static void WriteKeys(Utf8JsonWriter writer, Divergence divergence)
    {
        if (divergence.Keys is not { } keys) return;
        writer.WriteStartArray("entities");
        foreach (EntityKey key in keys) writer.WriteStringValue(key.ToString());
        writer.WriteEndArray();
        writer.WriteBoolean("cut_off", divergence.IsCutOff);
    }
}
