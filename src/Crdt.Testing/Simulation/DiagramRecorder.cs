using System.Globalization;
using System.Text;

namespace Crdt.Testing.Simulation;

/// <summary>Takes down a run for people: as lines of text, and for a space-time diagram.</summary>
internal sealed class DiagramRecorder(SimulationSetup setup) : ISimulationListener
{
    private readonly Dictionary<(int Connection, int Side), SyncMessageCodec> codecs = [];
    private readonly List<string> lines = [];
    private readonly List<DiagramEvent> events = [];
    private readonly List<DiagramMessage> messages = [];
    private readonly Dictionary<ReplicaId, string> names = [];
    private string doing = "";

    public void OnStep(SimulationStep step, long nowUs)
    {
        Line(nowUs, Describe(step));
        doing = step is CommitStep commit ? $" {string.Join(" | ", commit.Edits.Select(e => e.ToString()))}" : "";
        if (step is PartitionStep or QuiesceStep) events.Add(new DiagramEvent(-1, nowUs, DiagramMark.Note, Describe(step)));
        if (step is ClockStep clock) events.Add(new DiagramEvent(clock.Replica, nowUs, DiagramMark.Note, $"clock {clock.JumpMs} ms"));
        if (step is FullDiskStep full) events.Add(new DiagramEvent(full.Replica, nowUs, DiagramMark.Note, "disk full"));
    }

    public void OnEvent(SimulatedDevice device, long nowUs, DiagramMark mark, string text)
    {
        names[device.Identity.Replica] = device.Name;
        Line(nowUs, $"    {device.Name} {text}");
        events.Add(new DiagramEvent(device.Index, nowUs, mark, mark == DiagramMark.Commit ? text + doing : text));
    }

    public void OnMessage(SimulatedConnection connection, int side, long sentUs, ReadOnlyMemory<byte> message)
    {
        if (!codecs.TryGetValue((connection.Id, side), out SyncMessageCodec? codec))
            codecs[(connection.Id, side)] = codec = new SyncMessageCodec();
        SimulatedDevice from = connection.Devices[side], to = connection.Devices[1 - side];
        foreach (SimulatedDevice device in connection.Devices) names[device.Identity.Replica] = device.Name;
        string text = Describe(codec.Read(new System.Buffers.ReadOnlySequence<byte>(message)));
        Line(sentUs, string.Create(CultureInfo.InvariantCulture,
            $"    {from.Name} -> {to.Name} {text} ({message.Length} bytes, there at {connection.ArrivedUs(side) / 1e3:0.000})"));
        messages.Add(new DiagramMessage(from.Index, to.Index, sentUs, connection.ArrivedUs(side), text));
    }

    /// <summary>The run as text, times in virtual milliseconds.</summary>
    public string ToTrace(ReplayFile replay)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"seed {replay.Options.Seed}, version {replay.Version}\n");
        if (replay.Violation is { } violation)
            text.Append(CultureInfo.InvariantCulture, $"{violation.Invariant} {violation.Law}: {violation.Message}\n");
        text.Append(CultureInfo.InvariantCulture, $"{setup.Devices.Count} replicas: ")
            .AppendJoin(", ", setup.Devices.Select((d, i) => $"{NameOf(i)}{(d.IsProjecting ? "" : " without projection")}{(d.HasFounding ? "" : " without the founding")}"))
            .Append(CultureInfo.InvariantCulture, $"\nlinks: {string.Join(", ", setup.Links.Select(l => $"{NameOf(l.A)}-{NameOf(l.B)}"))}\n\n");
        foreach (string line in lines) text.Append(line).Append('\n');
        foreach ((ReplicaId id, string name) in names.OrderBy(n => n.Value, StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture, $"\n{name} is {id}");
        return text.Append('\n').ToString();
    }

    /// <summary>The run as a picture.</summary>
    public string ToSvg(ReplayFile replay) => new SpaceTimeDiagram(
        [.. setup.Devices.Select((_, i) => NameOf(i))], events, messages,
        replay.Violation is { } v ? $"{v.Invariant} {v.Law}: {v.Message}" : "no violation").Render();

    private string NameOf(int device) =>
        $"{(device < setup.Devices.Count && setup.Devices[device].Role != ReplicaRole.Client ? 'S' : 'D')}{device}";

    private void Line(long nowUs, string text) => lines.Add(string.Create(CultureInfo.InvariantCulture, $"{nowUs / 1e3,12:0.000}  {text}"));

    private string Describe(SimulationStep step) => step switch
    {
        CommitStep s => $"{NameOf(s.Replica)} commits{(s.User is null ? "" : $" for {s.User}")}: {string.Join(" | ", s.Edits.Select(e => e.ToString()))}",
        HandleStep s => $"{NameOf(s.Replica)} decides about {s.Refusal}: {s.Handling}{(s.Change is null ? "" : $", with {s.Change}")}",
        LookStep s => $"{NameOf(s.Replica)} looks at {s.Entity}",
        ConnectStep s => string.Create(CultureInfo.InvariantCulture,
            $"{NameOf(s.A)} connects to {NameOf(s.B)}: {s.Quality.LatencyUs / 1e3} ms, {s.Quality.BytesPerSecond} bytes/s{Cut(s.Quality)}{(s.Quality.EndsInSync ? ", until in sync" : "")}"),
        CutStep s => $"{NameOf(s.A)} and {NameOf(s.B)} lose their connections",
        StallStep s => string.Create(CultureInfo.InvariantCulture,
            $"nothing arrives from {NameOf(s.From)} at {NameOf(s.To)}{(s.BothWays ? ", nor back," : "")} for {s.DurationUs / 1e3} ms"),
        PartitionStep s => string.Create(CultureInfo.InvariantCulture,
            $"partition for {s.DurationUs / 1e3} ms: {string.Join(' ', Enumerable.Range(0, setup.Devices.Count).Where(i => ((s.Group >> i) & 1) == 1).Select(NameOf))} apart from the others"),
        CrashStep s => string.Create(CultureInfo.InvariantCulture,
            $"{NameOf(s.Replica)} {(s.AtWrite == 0 ? "dies" : $"will die in its write no. {s.AtWrite} from now, {(s.IsWriteKept ? "kept" : "lost")}")}, down for {s.DownUs / 1e3} ms"),
        FullDiskStep s => string.Create(CultureInfo.InvariantCulture, $"{NameOf(s.Replica)} has no room on its disk for {s.DurationUs / 1e3} ms"),
        ClockStep s => $"{NameOf(s.Replica)}'s clock jumps by {s.JumpMs} ms and runs {s.DriftPpm} ppm fast",
        StaleStep s => $"{s.Runs} runs of {NameOf(s.From)}'s log are handed to {NameOf(s.To)}",
        SnapshotStep s => $"{NameOf(s.Replica)} makes a snapshot",
        PruneStep s => $"{NameOf(s.Replica)} drops the beginning of its log",
        PurgeStep s => $"{NameOf(s.Replica)} drops for good what everybody has seen deleted",
        AttachStep s => $"{NameOf(s.Replica)} {(s.Puts ? "takes in" : "names")} {s.Content:x4} of {s.LengthBytes} bytes for {s.Entity} '{s.Path}'",
        EvictStep s => $"{NameOf(s.Replica)} makes room of {s.Content:x4} of {s.LengthBytes} bytes",
        CollectStep s => $"{NameOf(s.Replica)} drops what no field names",
        QuiesceStep s => s.InTurn ? "everything heals; all meet in turn" : "everything heals; all meet at once",
        _ => step.ToString(),
    };

    private static string Cut(LinkQuality quality) =>
        (quality.CutAfterForth > 0 ? $", cut after {quality.CutAfterForth} bytes forth" : "")
        + (quality.CutAfterBack > 0 ? $", cut after {quality.CutAfterBack} bytes back" : "");

    private string Describe(SyncMessage message) => message switch
    {
        HaveMessage => "have",
        HeadsMessage heads => $"heads {string.Join(' ', heads.Heads.Select(h => $"{NameOf(h.Author)}:{h.Sequence}"))}",
        RunMessage run => $"run {NameOf(run.Run.Author)}:{run.Run.FirstSequence}-{run.Run.LastSequence}",
        AckMessage ack => $"ack {string.Join(' ', ack.Held.Select(d => $"{NameOf(d.Replica)}:{d.Sequence}"))}",
        StatementsMessage statements => $"statements of {string.Join(' ', statements.Statements.Select(s => NameOf(s.By)))}",
        _ => message.GetType().Name,
    };

    private string NameOf(ReplicaId id) => names.GetValueOrDefault(id) ?? id.Value.ToString("D")[..4];
}
