using System.Net;
using Crdt.Cli.Output;
using Crdt.Transport;

namespace Crdt.Cli.Commands;

/// <summary>The lines that <c>crdt serve</c> prints, each complete and flushed, whichever thread it comes from.</summary>
internal sealed class PeerEventLog(CliOutput output, Replica replica)
{
    private readonly Lock gate = new();

    public void Listening(IPEndPoint endPoint)
    {
        lock (gate)
        {
            if (output.IsJson)
            {
                output.Json(w =>
                {
                    w.WriteString("listening", endPoint.ToString());
                    w.WriteString("replica", replica.Id.ToString());
                    w.WriteString("space", replica.Space.ToString());
                });
            }
            else output.Line($"listening {endPoint}");
            output.Flush();
        }
    }

    public void Write(PeerNodeEvent happened)
    {
        if (happened.Kind == PeerNodeEventKind.Listening) return;
        SyncProgress? progress = happened.Kind == PeerNodeEventKind.Disconnected
            ? happened.Connection?.GetProgress(replica.Space)
            : null;
        lock (gate)
        {
            if (output.IsJson) WriteJson(happened, progress);
            else WriteLine(happened, progress);
            output.Flush();
        }
    }

    /// <summary>How much the replica holds now.</summary>
    public void Holds(VersionVector vector)
    {
        lock (gate)
        {
            if (output.IsJson)
            {
                output.Json(w =>
                {
                    w.WriteString("event", "holds");
                    w.WriteVector("vector", vector);
                });
            }
            else output.Line($"holds {Shown.Count(vector.Sum(d => d.Sequence), "mutation")}");
            output.Flush();
        }
    }

    public void Stopped()
    {
        lock (gate)
        {
            if (output.IsJson) output.Json(w => w.WriteBoolean("stopped", true));
            else output.Line("stopped");
            output.Flush();
        }
    }

    private void WriteLine(PeerNodeEvent happened, SyncProgress? progress)
    {
        string peer = happened.Connection is { PeerNodeId: var node } && node != Guid.Empty
            ? $"{Shown.Short(node)} at {happened.EndPoint}"
            : $"{happened.EndPoint}";
        string exchanged = progress is null || happened.Connection is not { } connection
            ? ""
            : $", sent {Shown.Count(progress.MutationsSent, "mutation")} ({Shown.Bytes(connection.BytesSent)}), "
                + $"received {Shown.Number(progress.MutationsReceived)} ({Shown.Bytes(connection.BytesReceived)})";
        string reason = happened.Error is WireError.None or WireError.Closed
            ? ""
            : $" ({Shown.Camel(happened.Error)}: {happened.Message})";
        output.Line(Shown.OneLine(
            $"{Shown.Time(happened.At)}  {Shown.Camel(happened.Kind)} {peer}{exchanged}{reason}"));
        if (progress is not { IsDiverged: true }) return;
        output.Line(SyncCommand.DivergedMessage);
        if (progress.Divergence is { } divergence) output.Line($"What differs: {Watched.Describe(divergence)}");
    }

    private void WriteJson(PeerNodeEvent happened, SyncProgress? progress) => output.Json(w =>
    {
        w.WriteString("event", Shown.Camel(happened.Kind));
        w.WriteTime("at", happened.At);
        w.WriteString("peer", happened.EndPoint.ToString());
        if (happened.Connection is { } connection && connection.PeerNodeId != Guid.Empty)
        {
            w.WriteString("node", connection.PeerNodeId.ToString());
            w.WriteNumber("bytes_sent", connection.BytesSent);
            w.WriteNumber("bytes_received", connection.BytesReceived);
        }
        if (progress is not null) SyncCommand.WriteProgress(w, progress);
        if (happened.Error != WireError.None) w.WriteString("error", Shown.Camel(happened.Error));
        w.WriteString("message", happened.Message);
    });
}
