using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt log</c> and <c>crdt queue</c>: the mutations that are held, and where each stands.</summary>
internal static class LogCommand
{
    private const int RowsShown = 30;

    // A page is held in memory; a longer list is made of several.
    private const int PageItems = 1_000;

    private static readonly QueueOptions LogFilter = new();
    private static readonly QueueOptions QueueFilter = new();

    private static readonly Option<MutationOrder?> Order = CommonOptions.Named<MutationOrder>("--order",
        "What to begin with. Default: the newest, shown last; with --json and without --limit, the oldest.");

    private static readonly Option<int?> LogLimit =
        CommonOptions.Limit($"At most so many. Default: {RowsShown} in a table, all with --json.");

    private static readonly Option<int?> QueueLimit =
        CommonOptions.Limit($"At most so many. Default: {RowsShown} in a table, all with --json.");

    private static readonly Option<bool> Devices = new("--devices")
    {
        Description = "Instead, what each device has written, and how far it has come; with --by, of one person's devices.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create()
    {
        var log = new Command("log", "Lists mutations, the newest last: what was done, by whom, and how far it has come.")
        {
            Order, LogLimit,
        };
        LogFilter.AddTo(log);
        var queue = new Command("queue", "Lists what no server is known to hold yet, what waits the longest first; or with --status "
            + "what was refused or is in conflict.") { Devices, QueueLimit };
        QueueFilter.AddTo(queue);
        return [(log, RunAsync), (queue, RunQueueAsync)];
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        int? limit = context.Parsed.GetValue(LogLimit);
        bool isWhole = context.Output.IsJson && limit is null;
        MutationOrder order = context.Parsed.GetValue(Order) ?? (isWhole ? MutationOrder.OldestFirst : MutationOrder.NewestFirst);
        await using CliHost host = await context.OpenAsync();
        MutationFilter filter = LogFilter.Filter(context.Parsed, host.Replica, order);
        // People read the newest at the end, beside the prompt.
        bool isTurned = !context.Output.IsJson && order == MutationOrder.NewestFirst;
        return List(context, host.Replica, filter, LogFilter.After(context.Parsed), limit, isTurned);
    }

    private static async Task<ExitCode> RunQueueAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        if (context.Parsed.GetValue(Devices))
        {
            ListDevices(context.Output, host.Replica, QueueFilter.By(context.Parsed));
            return ExitCode.Ok;
        }
        MutationFilter filter =
            QueueFilter.Filter(context.Parsed, host.Replica, MutationOrder.OldestFirst, MutationStatus.Pending);
        return List(context, host.Replica, filter, QueueFilter.After(context.Parsed), context.Parsed.GetValue(QueueLimit), isTurned: false);
    }

    private static ExitCode List(
        CliContext context, Replica replica, MutationFilter filter, MutationCursor? after, int? limit, bool isTurned)
    {
        int left = limit ?? (context.Output.IsJson ? int.MaxValue : RowsShown);
        var rows = new List<QueuedMutation>();
        MutationCursor? next = after;
        while (left > 0)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            MutationPage page = replica.Page(filter, Math.Min(left, PageItems), next);
            left -= page.Items.Count;
            next = page.Next;
            if (!context.Output.IsJson) rows.AddRange(page.Items);
            else WriteJson(context.Output, page, isLast: left == 0);
            if (next is null) break;
        }
        if (context.Output.IsJson) return ExitCode.Ok;
        if (isTurned) rows.Reverse();
        QueueOutput.WriteTable(context.Output, rows, replica.Id);
        if (rows.Count == 0) context.Output.Note("No mutation fulfils that.");
        else if (next is { } more)
        {
            string which = filter.Order == MutationOrder.NewestFirst ? "newest" : "oldest";
            context.Output.Note($"The {which} {Shown.Number(rows.Count)}; --after {more} goes on.");
        }
        return ExitCode.Ok;
    }

    private static void WriteJson(CliOutput output, MutationPage page, bool isLast)
    {
        foreach ((int i, QueuedMutation queued) in page.Items.Index())
            QueueOutput.WriteJson(output, queued, isLast && i == page.Items.Count - 1 ? page.Next : null);
    }

    private static void ListDevices(CliOutput output, Replica replica, string? user)
    {
        IReadOnlyList<DeviceQueue> queues = replica.Queues(user);
        if (output.IsJson)
        {
            foreach (DeviceQueue queue in queues)
            {
                output.Json(w =>
                {
                    w.WriteString("device", queue.Replica.ToString());
                    w.WriteBoolean("here", queue.Replica == replica.Id);
                    w.WriteOptional("role", queue.Role is { } role ? Shown.Camel(role) : null);
                    w.WriteOptional("user", user);
                    w.WriteNumber("mutations", queue.Mutations);
                    w.WriteNumber("pending", queue.Pending);
                    w.WriteNumber("synced", queue.Synced);
                    w.WriteNumber("conflict", queue.Conflict);
                    w.WriteNumber("failed", queue.Failed);
                    w.WriteTime("oldest_pending", queue.OldestPending);
                    w.WriteTime("last_heard_of", queue.LastStatement?.Time);
                });
            }
            return;
        }
        if (queues.Count == 0)
        {
            output.Note(user is null ? "Nobody has written anything." : $"{user} has written nothing that is held here.");
            return;
        }
        output.Table(
            ["device", "role", "mutations", "pending", "synced", "conflict", "failed", "oldest pending", "last heard of"],
            queues.Select(q => (IReadOnlyList<string>)
            [
                Shown.Author(q.Replica, replica.Id),
                q.Role is { } role ? Shown.Camel(role) : "",
                Shown.Number(q.Mutations),
                Shown.Number(q.Pending),
                Shown.Number(q.Synced),
                Shown.Number(q.Conflict),
                Shown.Number(q.Failed),
                q.OldestPending is { } oldest ? Shown.Second(oldest) : "",
                q.LastStatement is { } statement ? Shown.Second(statement.Time) : "",
            ]),
            "mutations", "pending", "synced", "conflict", "failed");
    }
}
