using Crdt.Cli.Output;
using Crdt.Transport;
using Crdt.Transport.Lanes;

namespace Crdt.Cli.Peers;

/// <summary>Waits while attachments travel over a connection whose mutations are in sync.</summary>
/// <param name="replica">Whose attachments.</param>
internal sealed class BlobWait(Replica replica)
{
    // Whoever is told of an attachment asks for it at once: after a few round trips of silence it is not wanted, or nobody has it.
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50), SilenceMin = TimeSpan.FromMilliseconds(500),
        SilenceBefore = TimeSpan.FromSeconds(2), SilenceWithin = TimeSpan.FromSeconds(15);

    private const int RoundTripsMin = 8, BytesOfWords = 2_048;

    private readonly HashSet<BlobHash> hereBefore = [.. replica.Blobs.List().Where(s => s.IsWhole).Select(s => s.Blob.Root)];

    /// <summary>Waits until both sides have what they take, or until nothing comes any more.</summary>
    /// <param name="connection">Over which.</param>
    /// <param name="report">Told how far it is.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="WireException">The connection ended before.</exception>
    public async Task WaitAsync(PeerConnection connection, Action<double, string> report, CancellationToken cancellation)
    {
        long before = connection.BytesReceived + connection.BytesSent, seen = before, at = TimeProvider.System.GetTimestamp();
        long place = -1;
        while (true)
        {
            IReadOnlyList<BlobState> states = replica.Blobs.List();
            if (states.Count == 0) return;
            BlobState[] missing = [.. states.Where(s => !s.IsWhole && s.IsWanted)], unsent = Unsent(states, connection);
            bool isServer = IsToServer(connection), isComing = missing.Any(s => s.Sources > 0);
            if (isServer && unsent.Length == 0 && missing.Length == 0) return;
            if (connection.Lanes.Any(l => l.Space == replica.Space && l.AttachmentsHold != LaneHold.None)) return;
            Report(states, missing, unsent, report);
            long bytes = connection.BytesReceived + connection.BytesSent, now = states.Sum(s => (long)s.Chunks + s.OnServers.Count);
            if (bytes - seen > BytesOfWords || now != place)
            {
                (seen, place, at) = (bytes, now, TimeProvider.System.GetTimestamp());
            }
            TimeSpan silence = TimeProvider.System.GetElapsedTime(at);
            TimeSpan words = Max(SilenceMin, RoundTripsMin * (connection.RoundTrip ?? TimeSpan.Zero));
            bool isMoving = !IsSpent(connection, before) && (isComing || (unsent.Length > 0 && seen - before > BytesOfWords));
            if (silence > (isMoving ? SilenceWithin : missing.Length + unsent.Length > 0 ? Max(words, SilenceBefore) : words)) return;
            await Task.WhenAny(connection.Completion, Task.Delay(Poll, cancellation));
            cancellation.ThrowIfCancellationRequested();
            if (connection.Completion.IsCompleted) await connection.WaitForSyncAsync(cancellation); // throws why it ended
        }
    }

    /// <summary>How it came out.</summary>
    public BlobWaitResult Take(PeerConnection connection)
    {
        IReadOnlyList<BlobState> states = replica.Blobs.List();
        BlobState[] come = [.. states.Where(s => s.IsWhole && s.Blob.Size > 0 && !hereBefore.Contains(s.Blob.Root))];
        return new BlobWaitResult(
            come.Length, come.Sum(s => s.Blob.Size), states.Count(s => !s.IsWhole && s.IsWanted), states.Count(s => !s.IsWhole && !s.IsWanted), Unsent(states, connection).Length);
    }

    private bool IsSpent(PeerConnection connection, long before) =>
        connection.BytesReceived + connection.BytesSent - before >= replica.Blobs.Policy.BytesPerConnectionMax;

    private bool IsToServer(PeerConnection connection) =>
        replica.Role == ReplicaRole.Client && connection.GetProgress(replica.Space) is { PeerRole: ReplicaRole.Server, Peer: not null };

    // Only a server tells what it holds of everything.
    private BlobState[] Unsent(IReadOnlyList<BlobState> states, PeerConnection connection) =>
        IsToServer(connection) && connection.GetProgress(replica.Space)?.Peer is { } server
            ? [.. states.Where(s => s.IsWhole && s.Blob.Size > 0 && !s.OnServers.Contains(server))] : [];

    private static void Report(IReadOnlyList<BlobState> states, BlobState[] missing, BlobState[] unsent, Action<double, string> report)
    {
        long all = states.Where(s => s.IsWhole || s.IsWanted).Sum(s => s.Blob.Size);
        long left = missing.Sum(s => s.Blob.Size - s.BytesHere) + unsent.Sum(s => s.Blob.Size);
        report(all > 0 ? 1 - ((double)left / all) : 1, $"attachments: {missing.Length} to come, {unsent.Length} to go, {Shown.Bytes(left)}");
    }

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;
}
