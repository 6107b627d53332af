using Crdt.Transport;

namespace Crdt.Server.Hosting;

/// <summary>What sessions moved, in both directions.</summary>
internal readonly record struct SessionTraffic(
    long BytesSent, long BytesReceived, long BatchesSent, long BatchesReceived, long MutationsSent, long MutationsReceived)
{
    public static SessionTraffic Of(PeerConnection connection, SpaceId space)
    {
        SyncProgress? progress = connection.GetProgress(space);
        return new SessionTraffic(connection.BytesSent, connection.BytesReceived, progress?.BatchesSent ?? 0, progress?.BatchesReceived ?? 0,
            progress?.MutationsSent ?? 0, progress?.MutationsReceived ?? 0);
    }

    public static SessionTraffic operator +(SessionTraffic a, SessionTraffic b) => new(
        a.BytesSent + b.BytesSent, a.BytesReceived + b.BytesReceived, a.BatchesSent + b.BatchesSent, a.BatchesReceived + b.BatchesReceived,
        a.MutationsSent + b.MutationsSent, a.MutationsReceived + b.MutationsReceived);
}
