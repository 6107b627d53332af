using System.CommandLine;
using Crdt.Cli.Output;
using Crdt.Store;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt status</c>: the replica in numbers.</summary>
internal static class StatusCommand
{
    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("status", "Shows who the replica is, what it holds, and how far its changes have come."), RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        ReplicaStatus status = await host.Replica.GetStatusAsync(context.Cancellation);
        CustodyReport custody = await host.Replica.GetCustodyAsync(context.Cancellation);
        bool hasAuthorityKey = File.Exists(NodeKeyFile.AuthorityPathIn(context.Data));
        if (context.Output.IsJson) WriteJson(context.Output, host, status, custody, hasAuthorityKey);
        else Write(context.Output, host, status, custody, hasAuthorityKey);
        return ExitCode.Ok;
    }

    private static void Write(CliOutput output, CliHost host, ReplicaStatus status, CustodyReport custody, bool hasAuthorityKey)
    {
        Replica replica = host.Replica;
        string pending = status.OwnPending == 0
            ? Shown.Number(status.Pending)
            : $"{Shown.Number(status.Pending)}, of which {Shown.Number(status.OwnPending)} were made here";
        output.Facts(
            ("replica", $"{replica.Id}  ({Shown.Camel(replica.Role)})"),
            ("space", $"{replica.SpaceName}  {replica.Space}"),
            ("entities", Shown.Number(status.Entities)),
            ("mutations", Shown.Number(status.Mutations)),
            ("pending", pending),
            ("synced", Shown.Number(status.Synced)),
            ("conflict", Shown.Number(status.Conflict)),
            ("failed", Shown.Number(status.Failed)),
            ("vector", string.Join("  ", status.Vector.Select(
                d => $"{Shown.Author(d.Replica, replica.Id)}: {Shown.Number(d.Sequence)}"))),
            ("digest", status.Digest.ToString()),
            ("projection", Projection(host)),
            ("safe to wipe", CustodyOutput.Verdict(custody)));
        foreach (Acknowledgement statement in replica.Acknowledgements.Where(a => a.By != replica.Id))
        {
            long missing = status.Vector.Sum(d => Math.Max(0, d.Sequence - statement.Held[d.Replica]));
            output.Line($"{Shown.Short(statement.By)} ({Shown.Camel(statement.Role)}) said at "
                + $"{Shown.Time(statement.Time)} that it holds "
                + (missing == 0 ? "all of it" : $"all but {Shown.Count(missing, "mutation")}"));
        }
        if (replica.BatchFormat > FormatLimits.BatchFormatMax)
        {
            output.Line($"The space allows batch format {replica.BatchFormat}, and this build reads up to {FormatLimits.BatchFormatMax}: "
                + "update it, or it will not receive what others write in it.");
        }
        CustodyOutput.Write(output, custody, host.Replica.Id, hasAuthorityKey);
        PeerOutput.Write(output, host.Journal);
        Watched.Write(output, replica);
    }

    private static void WriteJson(
        CliOutput output, CliHost host, ReplicaStatus status, CustodyReport custody, bool hasAuthorityKey) => output.Json(w =>
    {
        Replica replica = host.Replica;
        w.WriteString("replica", replica.Id.ToString());
        w.WriteString("role", Shown.Camel(replica.Role));
        w.WriteString("space", replica.Space.ToString());
        w.WriteString("name", replica.SpaceName);
        w.WriteNumber("entities", status.Entities);
        w.WriteNumber("mutations", status.Mutations);
        w.WriteNumber("pending", status.Pending);
        w.WriteNumber("own_pending", status.OwnPending);
        w.WriteNumber("synced", status.Synced);
        w.WriteNumber("conflict", status.Conflict);
        w.WriteNumber("failed", status.Failed);
        w.WriteVector("vector", status.Vector);
        w.WriteString("digest", status.Digest.ToString());
        w.WriteString("projection", Projection(host));
        w.WriteNumber("batch_format", replica.BatchFormat);
        w.WriteStartArray("acknowledgements");
        foreach (Acknowledgement statement in replica.Acknowledgements)
        {
            w.WriteStartObject();
            w.WriteString("by", statement.By.ToString());
            w.WriteString("role", Shown.Camel(statement.Role));
            w.WriteTime("at", statement.Time);
            w.WriteVector("held", statement.Held);
            w.WriteEndObject();
        }
        w.WriteEndArray();
        CustodyOutput.WriteJson(w, custody, hasAuthorityKey);
        PeerOutput.WriteJson(w, host.Journal);
        Watched.WriteJson(w, replica);
    });

    private static string Projection(CliHost host)
    {
        FileReplicaStore store = host.Store;
        if (host.Replica.ProjectionError is { } error) return $"failed, is tried again: {error.Message}";
        return store.ProjectionLoss is { } loss ? $"begun anew from the log: {loss}" : "sound";
    }
}
