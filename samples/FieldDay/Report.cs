using Spectre.Console;

namespace FieldDay;

/// <summary>What is told at the end, and what must hold.</summary>
internal sealed class Report(IReadOnlyDictionary<string, NodeProcess> nodes)
{
    private static readonly string[] Names = ["Server", "A", "B", "C"];

    public async Task ShowContestedAsync()
    {
        Reply reply = await nodes["Server"].AskAsync(new Request("contested"));
        var table = new Table { Border = TableBorder.Rounded, Title = new TableTitle("The contested reports") };
        table.ShowRowSeparators();
        foreach (string column in (string[])["report", "what happened", "policy", "A wrote", "B wrote", "C wrote", "what is read"])
            table.AddColumn(column);
        foreach ((ContestedReport report, (int row, string? field, string story)) in reply.Contested!.Zip(Script.Contested))
        {
            string Wrote(string device) => Markup.Escape(report.Wrote.GetValueOrDefault(device, "-"));
            table.AddRow($"{row}", Markup.Escape(field is null ? story : $"{story}: {field}"), report.Policy,
                Wrote("A"), Wrote("B"), Wrote("C"), $"[bold]{Markup.Escape(report.Result)}[/]");
        }
        AnsiConsole.Write(table);
    }

    public async Task ShowReplicasAsync()
    {
        var names = Names.ToDictionary(n => nodes[n].ReplicaId);
        var table = new Table { Border = TableBorder.Rounded, Title = new TableTitle("The replicas") };
        table.AddColumn("");
        var replies = new List<Reply>();
        foreach (string name in Names)
        {
            table.AddColumn(new TableColumn(name).RightAligned());
            replies.Add(await nodes[name].AskAsync(new Request("status")));
        }
        void Row(string title, Func<Reply, string> cell) => table.AddRow([title, .. replies.Select(cell)]);
        Row("entities", r => $"{r.Status!.Entities:N0}");
        Row("mutations", r => $"{r.Status!.Mutations:N0}");
        Row("  pending", r => $"{r.Status!.Pending:N0}");
        Row("  synced", r => $"{r.Status!.Synced:N0}");
        Row("  conflict", r => $"{r.Status!.Conflict:N0}");
        Row("  failed", r => $"{r.Status!.Failed:N0}");
        Row("values written", r => $"{r.Status!.Written:N0}");
        Row("  unaccounted for", r => $"{r.Status!.Unaccounted:N0}");
        Row("bytes sent", r => $"{r.BytesSent:N0}");
        Row("bytes received", r => $"{r.BytesReceived:N0}");
        Row("version vector", r => string.Join("\n", r.Status!.Vector
            .Select(v => (Name: names.GetValueOrDefault(v.Key, "founder"), v.Value))
            .OrderBy(v => v.Name, StringComparer.Ordinal).Select(v => $"{v.Name}:{v.Value}")));
        Row("digest", r => r.Status!.Digest[..16]);
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLine("Bytes are those of each process since it was started last.");
    }

    /// <exception cref="FieldDayException">The digests differ, or a write is unaccounted for.</exception>
    public async Task CheckAsync()
    {
        var digests = new Dictionary<string, string>();
        foreach (string name in Names)
        {
            NodeStatus status = (await nodes[name].AskAsync(new Request("status"))).Status!;
            digests[name] = status.Digest;
            if (status.Unaccounted > 0)
                throw new FieldDayException($"{name}: {status.Unaccounted} of {status.Written} written values are unaccounted for.");
            if (status.Pending > 0) throw new FieldDayException($"{name}: {status.Pending} mutations are still pending.");
        }
        if (digests.Values.Distinct().Count() != 1)
            throw new FieldDayException($"The digests differ: {string.Join(", ", digests.Select(d => $"{d.Key} {d.Value}"))}");
    }
}
