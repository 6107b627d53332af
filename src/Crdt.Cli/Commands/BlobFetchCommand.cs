using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Transport;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt blob fetch</c>: brings attachments from whichever peers have them.</summary>
internal static class BlobFetchCommand
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50), SilenceMax = TimeSpan.FromSeconds(30), NobodyMax = TimeSpan.FromSeconds(2);

    private const int BytesOfWords = 64; // pings are no news

    private static readonly Argument<string[]> Blobs = new("blobs")
    {
        HelpName = "BLOB",
        Description = $"Attachments: each {BlobArgument.Rule}. An entity stands for all of its. Without any: all that are not here.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly BlobPeers Peers = new("Where 'crdt serve' listens. Several send at once. Default: every device of the space that is near.");

    public static (Command, Func<CliContext, Task<ExitCode>>) Create()
    {
        var fetch = new Command("fetch", "Brings attachments before everything else, whatever the device takes by itself, and waits until they are here. Exit code 4 when a peer "
            + "has not got them, or the connection ends; what came is kept, and the next time goes on from there, also from another peer. "
            + "A replica that 'crdt serve' has open fetches by itself what its policy says ('crdt blob policy').")
        {
            Blobs,
        };
        Peers.AddTo(fetch);
        return (fetch, RunAsync);
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        string[] given = context.Parsed.GetValue(Blobs) ?? [];
        await using CliHost host = await context.OpenAsync();
        ReplicaBlobs all = host.Replica.Blobs;
        all.Policy = new BlobPolicy { Fetch = BlobFetch.OnDemand, QuotaBytes = all.Policy.QuotaBytes };
        if (given.Length > 0 && TryFind(host.Replica, given) is { } known && known.All(b => IsHere(all, b)))
        {
            Report(context.Output, host.Replica, known);
            return ExitCode.Ok;
        }
        IReadOnlyList<Blob> wanted = [];
        await Peers.MeetAsync(context, host, "Fetching", async (connections, report, cancellation) =>
        {
            // What names them may have come just now.
            wanted = given.Length == 0 ? [.. all.List().Where(s => s.Standing != BlobStanding.Here).Select(s => s.Blob)]
                : [.. given.SelectMany(g => BlobArgument.FindAll(host.Replica, g)).DistinctBy(b => b.Root)];
            await FetchAsync(all, wanted, connections, report, cancellation);
        });
        Report(context.Output, host.Replica, wanted);
        return ExitCode.Ok;
    }

    private static async Task FetchAsync(
        ReplicaBlobs all, IReadOnlyList<Blob> wanted, IReadOnlyList<PeerConnection> connections, Action<double, string> report, CancellationToken cancellation)
    {
        Task[] fetches = [.. wanted.Select(b => all.FetchAsync(b, cancellation).AsTask())];
        Task done = Task.WhenAll(fetches);
        long size = Math.Max(1, wanted.Sum(b => b.Size)), seen = -1, at = TimeProvider.System.GetTimestamp();
        while (await Task.WhenAny(done, Task.Delay(Poll, cancellation)) != done)
        {
            cancellation.ThrowIfCancellationRequested();
            BlobState[] states = [.. wanted.Select(b => all.Find(b.Root)).OfType<BlobState>()], open = [.. states.Where(s => !s.IsWhole)];
            long here = states.Sum(s => s.BytesHere), received = connections.Sum(c => c.BytesReceived);
            report((double)here / size, $"{Shown.Bytes(here)} of {Shown.Bytes(size)}, {Shown.Count(open.Length, "attachment")} to come");
            if (here + received > seen + BytesOfWords) (seen, at) = (here + received, TimeProvider.System.GetTimestamp());
            bool isAnywhere = open.Any(s => s.Sources > 0) && connections.Any(c => !c.Completion.IsCompleted);
            if (open.Length == 0 || TimeProvider.System.GetElapsedTime(at) < (isAnywhere ? SilenceMax : NobodyMax)) continue;
            throw new CliException(ExitCode.Peer,
                $"{Shown.Count(open.Length, "attachment")} did not come: {string.Join("; ", open.Take(3).Select(s => $"{BlobOutput.Name(s.Blob)}: {s.Explanation}"))}",
                "What came is kept. Another peer may have the rest: --peer HOST:PORT names it; 'crdt blob ls --missing' lists what is not here.");
        }
        await done;
    }

    private static bool IsHere(ReplicaBlobs all, Blob blob) => blob.Size == 0 || all.Find(blob.Root) is { Standing: BlobStanding.Here };

    private static Blob[]? TryFind(Replica replica, string[] given)
    {
        try
        {
            return [.. given.SelectMany(g => BlobArgument.FindAll(replica, g)).DistinctBy(b => b.Root)];
        }
        catch (CliException e) when (e.Code == ExitCode.NotFound)
        {
            return null; // a peer may tell of it
        }
    }

    private static void Report(CliOutput output, Replica replica, IReadOnlyList<Blob> blobs)
    {
        foreach (Blob blob in blobs)
        {
            if (output.IsJson && replica.Blobs.Find(blob.Root) is { } state) output.Json(w => BlobOutput.WriteMembers(w, state, replica));
            else if (!output.IsJson) output.Line($"{BlobOutput.Name(blob)} is here: {Shown.Bytes(blob.Size)}, {blob.MediaType}");
        }
        if (blobs.Count == 0) output.Note("Every attachment is here.");
    }
}
