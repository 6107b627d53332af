using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Cli.Peers;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt blob evict</c> and <c>crdt blob gc</c>: what makes room.</summary>
internal static class BlobRoomCommands
{
    private const string EvenIfLastHint = "'crdt sync' with a server first; or --even-if-last, if it may be lost.";

    private static readonly Argument<string[]> Blobs = new("blobs")
    {
        HelpName = "BLOB",
        Description = $"Attachments: each {BlobArgument.Rule}. An entity stands for all of its.",
        Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<bool> EvenIfLast = new("--even-if-last")
    {
        Description = "Also what no server is known to hold: it may be lost for good.",
    };

    private static readonly BlobPeers Peers = new("Which server to ask whether it holds them. Default: those that are near. Not asked where one has told already.");

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create()
    {
        var evict = new Command("evict", "Forgets the content of attachments on this device, to make room, once a server holds it (exit code 6 otherwise): what the server "
            + "lacks is sent to it first. The fields stay, and 'crdt blob fetch' brings it again.")
        {
            Blobs, EvenIfLast,
        };
        Peers.AddTo(evict);
        var collect = new Command("gc", "Forgets all content that no field names any more, as far as a server is known to hold it.") { EvenIfLast };
        return [(evict, EvictAsync), (collect, CollectAsync)];
    }

    private static async Task<ExitCode> EvictAsync(CliContext context)
    {
        string[] given = context.Parsed.GetRequiredValue(Blobs);
        bool isEvenIfLast = context.Parsed.GetValue(EvenIfLast);
        await using CliHost host = await context.OpenAsync();
        ReplicaBlobs all = host.Replica.Blobs;
        all.Policy = new BlobPolicy { Fetch = BlobFetch.OnDemand, QuotaBytes = all.Policy.QuotaBytes };
        Blob[] blobs = [.. given.SelectMany(g => BlobArgument.FindAll(host.Replica, g)).DistinctBy(b => b.Root)];
        if (!isEvenIfLast && blobs.Any(b => all.Find(b.Root) is { BytesHere: > 0, OnServers.Count: 0 }))
        {
            await Peers.MeetAsync(context, host, "Asking", async (connections, report, cancellation) =>
            {
                var wait = new BlobWait(host.Replica);
                foreach (var connection in connections) await wait.WaitAsync(connection, report, cancellation);
            });
        }
        long free = 0;
        foreach (Blob blob in blobs)
        {
            long freed;
            try
            {
                freed = await all.EvictAsync(blob.Root, isEvenIfLast, context.Cancellation);
            }
            catch (BlobException e) when (e.Error == BlobError.NotHeldElsewhere)
            {
                throw new CliException(ExitCode.Precondition, $"{BlobOutput.Name(blob)} stays: no server is known to hold it, it may be here alone.", EvenIfLastHint);
            }
            free += freed;
            if (context.Output.IsJson)
            {
                context.Output.Json(w =>
                {
                    BlobOutput.WriteMembers(w, blob);
                    w.WriteNumber("freed", freed);
                });
            }
            else context.Output.Line($"evicted {BlobOutput.Name(blob)}: {Shown.Bytes(freed)} free");
        }
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> CollectAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        (int blobs, long bytes) = await host.Replica.Blobs.CollectAsync(context.Parsed.GetValue(EvenIfLast), context.Cancellation);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteNumber("blobs", blobs);
                w.WriteNumber("freed", bytes);
                w.WriteNumber("used", host.Replica.Blobs.UsedBytes);
            });
        }
        else context.Output.Line($"{Shown.Count(blobs, "attachment")} forgotten that nothing names: {Shown.Bytes(bytes)} free, {Shown.Bytes(host.Replica.Blobs.UsedBytes)} used");
        return ExitCode.Ok;
    }
}
