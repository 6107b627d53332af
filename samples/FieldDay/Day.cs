using System.Diagnostics;
using Crdt.Store;
using Spectre.Console;

namespace FieldDay;

/// <summary>The organiser: starts everybody, tells them what to do, kills one on the way, and checks the end. Every
/// step may be repeated: after a kill at any point, running it again goes on from the files.</summary>
internal sealed class Day(string data, int reports) : IAsyncDisposable
{
    private static readonly string[] Devices = ["A", "B", "C"];

    private readonly Dictionary<string, NodeProcess> nodes = [];
    private readonly Stopwatch time = Stopwatch.StartNew();
    private readonly SemaphoreSlim inviting = new(1);

    public async Task RunAsync()
    {
        AnsiConsole.MarkupLineInterpolated($"[bold]Field day[/]: three devices and a server peer, files in {data}");
        Title("1  At the depot: everybody starts, and gets the shared reports");
        await StartAllAsync();
        await nodes["Server"].AskAsync(new Request("prepare"));
        foreach (string device in Devices)
        {
            // On a later run the device has left the depot long ago.
            if (!(await StatusAsync(device)).Vector.ContainsKey(nodes["Server"].ReplicaId)) await MeetAsync(device, "Server");
        }

        Title("2  Out of reach: each files its share, and all edit the shared reports");
        await CaptureAsync();
        foreach (string device in Devices) await nodes[device].AskAsync(new Request("edit"));
        await AnsiConsole.Progress().StartAsync(async context =>
        {
            ProgressTask bar = context.AddTask("A records voice notes");
            Show(bar, await nodes["A"].AskAsync(new Request("record"), p => Show(bar, p)));
        });

        Title("3  A meets B; B then meets C");
        await MeetAsync("A", "B");
        await MeetAsync("B", "C");
        await TellWhatReachedAsync("A", "C", "B");

        Title("4  The server comes into reach; C's battery dies in the middle of its transfer");
        await DieWhileMeetingAsync("C", "Server");
        Title("   … and again among A's voice notes, which it carries on");
        await DieWhileCarryingAsync("C", "Server");
        await MeetAsync("C", "Server");

        Title("5  Everybody meets the server");
        await MeetAllAsync();
        await new Report(nodes).ShowContestedAsync();
        if (await ResolveAsync("B")) await MeetAllAsync();
        await new Report(nodes).ShowReplicasAsync();
        await new Report(nodes).CheckAsync();
        foreach (NodeProcess node in nodes.Values)
        {
            int verified = (await node.AskAsync(new Request("verify"))).Verified;
            if (verified != VoiceNotes.Count) throw new FieldDayException($"{node.Name} has {verified} of {VoiceNotes.Count} voice notes.");
        }
        AnsiConsole.MarkupLineInterpolated($"[green]{VoiceNotes.Count} voice notes are on all four, byte for byte.[/]");
        AnsiConsole.MarkupLineInterpolated(
            $"[green]Converged: equal digests on all four, nothing unaccounted for.[/] {time.Elapsed.TotalSeconds:0.0} s");
        foreach (NodeProcess node in nodes.Values) await node.StopAsync();
    }

    public ValueTask DisposeAsync()
    {
        foreach (NodeProcess node in nodes.Values) node.Dispose();
        inviting.Dispose();
        return ValueTask.CompletedTask;
    }

    private static void Title(string text) => AnsiConsole.Write(new Rule($"[bold]{text}[/]") { Justification = Justify.Left });

    private async Task StartAllAsync()
    {
        // The server founds the space; a device that is new is let in by an invitation, as a person would carry it over.
        nodes["Server"] = await NodeProcess.StartAsync("Server", data);
        foreach (NodeProcess node in await Task.WhenAll(Devices.Select(PairAsync)))
            nodes[node.Name] = node;
        foreach (NodeProcess node in nodes.Values)
            AnsiConsole.MarkupLineInterpolated($"  {node.Name,-6} process {node.ProcessId}, replica {node.ReplicaId}");
    }

    private async Task<NodeProcess> PairAsync(string device)
    {
        bool isKnown = FileReplicaStore.Exists(Path.Combine(data, device));
        string invitation = isKnown ? "" : (await InviteAsync(device)).Invitation!;
        return await NodeProcess.StartAsync(device, data, invitation);
    }

    // One at a time: a process answers its requests in order.
    private async Task<Reply> InviteAsync(string device)
    {
        await inviting.WaitAsync();
        try
        {
            return await nodes["Server"].AskAsync(new Request("invite", Owner: device));
        }
        finally
        {
            inviting.Release();
        }
    }

    private Task CaptureAsync() => AnsiConsole.Progress().StartAsync(context => Task.WhenAll(Devices.Select(async (device, i) =>
    {
        ProgressTask bar = context.AddTask($"{device} files its reports");
        Reply done = await nodes[device].AskAsync(new Request("capture", Share: i, Shares: Devices.Length, Reports: reports), p => Show(bar, p));
        Show(bar, done);
    })));

    private static bool Show(ProgressTask bar, Reply progress)
    {
        bar.MaxValue = Math.Max(1, progress.Total);
        bar.Value = progress.Total == 0 ? 1 : progress.Done;
        return true;
    }

    private async Task MeetAsync(string a, string b)
    {
        Reply reply = await nodes[a].AskAsync(new Request("meet", nodes[b].ReplicaId));
        AnsiConsole.MarkupLineInterpolated(
            $"  {a} ↔ {b}: {reply.Done} mutations there, {reply.Total} back ({reply.BytesSent:N0} and {reply.BytesReceived:N0} bytes)");
        foreach ((string side, string other) in ((string, string)[])[(b, a), (a, b)])
        {
            Reply settled = await nodes[side].AskAsync(new Request("settle", nodes[other].ReplicaId));
            if (settled.Done < settled.Total) throw new FieldDayException($"{side} has {settled.Done} of {settled.Total} voice notes.");
            if (settled.BytesReceived > 0)
                AnsiConsole.MarkupLineInterpolated($"         {settled.Done} voice notes are at {side} ({settled.BytesReceived:N0} bytes came)");
        }
        await nodes[a].AskAsync(new Request("part"));
    }

    private async Task MeetAllAsync()
    {
        // Twice: what the last device brings in the first round, the others get in the second.
        for (int round = 0; round < 2; round++)
        {
            foreach (string device in Devices) await MeetAsync(device, "Server");
        }
    }

    private async Task TellWhatReachedAsync(string author, string reader, string through)
    {
        long written = (await StatusAsync(author)).Vector[nodes[author].ReplicaId];
        long arrived = (await StatusAsync(reader)).Vector.GetValueOrDefault(nodes[author].ReplicaId);
        AnsiConsole.MarkupLineInterpolated($"  {arrived} of {author}'s {written} mutations reached {reader} through {through}");
        if (arrived != written) throw new FieldDayException($"{author}'s mutations did not all reach {reader}.");
    }

    private async Task DieWhileMeetingAsync(string device, string peer)
    {
        long before = (await StatusAsync(device)).Mutations;
        bool isKilled = false;
        try
        {
            await nodes[device].AskAsync(new Request("meet", nodes[peer].ReplicaId), progress =>
            {
                isKilled = progress.Done > 0 && progress.Done < progress.Total;
                return !isKilled;
            });
            AnsiConsole.MarkupLineInterpolated($"  {device} had nothing left to send: no transfer to die in");
        }
        catch (FieldDayException) when (isKilled)
        {
            NodeStatus reached = await StatusAsync(peer);
            AnsiConsole.MarkupLineInterpolated(
                $"  [yellow]{device}'s process was killed[/]: {peer} holds {reached.Mutations} of {before} mutations");
            nodes[device].Dispose();
            nodes[device] = await NodeProcess.StartAsync(device, data);
            long after = (await StatusAsync(device)).Mutations;
            AnsiConsole.MarkupLineInterpolated($"  {device} started again with {after} mutations");
            if (after < before) throw new FieldDayException($"{device} lost {before - after} mutations by the kill.");
        }
    }

    private async Task DieWhileCarryingAsync(string device, string peer)
    {
        await nodes[device].AskAsync(new Request("meet", nodes[peer].ReplicaId));
        bool isKilled = false;
        // Who receives tells how far it has come; in the middle of it the one who sends is killed.
        Reply reached = await nodes[peer].AskAsync(new Request("settle", nodes[device].ReplicaId), progress =>
        {
            if (isKilled || progress.Done == 0 || progress.Done == progress.Total) return true;
            nodes[device].Kill();
            return isKilled = true;
        });
        if (!isKilled)
        {
            AnsiConsole.MarkupLineInterpolated($"  {device} had none left to send");
            await nodes[device].AskAsync(new Request("part"));
            return;
        }
        AnsiConsole.MarkupLineInterpolated(
            $"  [yellow]{device}'s process was killed[/]: {peer} holds {reached.Done} of {reached.Total} voice notes");
        nodes[device].Dispose();
        nodes[device] = await NodeProcess.StartAsync(device, data);
    }

    private async Task<NodeStatus> StatusAsync(string name) => (await nodes[name].AskAsync(new Request("status"))).Status!;

    /// <summary>A supervisor on a device settles what waits for a person, with the crdt command on the device's files.</summary>
    private async Task<bool> ResolveAsync(string device)
    {
        if ((await StatusAsync(device)).Conflict == 0) return false;
        Title($"   The supervisor at {device} decides, with the crdt command");
        await nodes[device].StopAsync();
        nodes[device].Dispose();
        var command = new CrdtCommandLine(Path.Combine(data, device));
        string open = await command.ShowAsync("conflicts");
        foreach ((string key, string field, string[] choice) in new (string, string, string[])[]
        {
            (Strikes.Key(5).ToString(), Script.Damage, ["--value", "\"Substantial\""]),
            (Strikes.Key(6).ToString(), Script.Cost, ["--pick", "1"]),
            (Strikes.Key(12).ToString(), "Contact", ["--value", "\"the tower, 555-0142\""]),
        })
        {
            // After a kill some of it may have been decided before.
            if (open.Contains(key, StringComparison.Ordinal))
                await command.ShowAsync(["resolve", key, field, .. choice, "--user", "supervisor"]);
        }
        nodes[device] = await NodeProcess.StartAsync(device, data);
        return true;
    }
}
