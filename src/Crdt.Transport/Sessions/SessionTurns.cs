using Crdt.Transport.Frames;
using Crdt.Transport.Lanes;

namespace Crdt.Transport.Sessions;

/// <summary>Takes the next messages of a connection's sessions: what has priority first, of equal ones in turn. Nothing queues: a
/// session is asked when there is room, and one that has nothing calls when it has.</summary>
internal sealed class SessionTurns(
    FrameBuffer output, ConnectionLanes lanes, MessagePacking packing, Wakeup call, Action<Exception> fail, CancellationToken aborted)
{
    private uint next, nextBlob;

    /// <summary>Composes one message of each session in turn, until there is enough for a flush.</summary>
    /// <returns>Whether there may be more.</returns>
    public async ValueTask<bool> WriteAsync(IReadOnlyList<SpaceSession> sessions)
    {
        foreach (SpaceSession[] tier in lanes.Arrange(sessions))
        {
            for (int silent = 0; silent < tier.Length;)
            {
                if (output.LengthBytes >= FramedConnection.FlushLengthBytes) return true;
                SpaceSession session = tier[(int)(next++ % tier.Length)];
                if (!session.MayHaveMore || lanes.HoldOf(session) != LaneHold.None)
                {
                    silent++;
                }
                else if (await WriteNextAsync(session).ConfigureAwait(false))
                {
                    silent = 0;
                }
                else
                {
                    silent++;
                    session.MayHaveMore = false;
                    session.Waiting = WaitAsync(session);
                }
            }
        }
        return false;
    }

    /// <summary>Composes messages about attachments, where no session has anything else to say: as many as a chunk takes, so that
    /// what is said meanwhile waits for no more.</summary>
    /// <returns>Whether there may be more.</returns>
    public bool WriteBlobs(IReadOnlyList<SpaceSession> sessions)
    {
        foreach (SpaceSession[] tier in lanes.Arrange(sessions))
        {
            for (int silent = 0; silent < tier.Length;)
            {
                if (output.LengthBytes >= BlobTree.ChunkLengthBytes) return true;
                SpaceSession session = tier[(int)(nextBlob++ % tier.Length)];
                silent = lanes.HoldAttachmentsOf(session) == LaneHold.None && TryWriteBlob(session) ? 0 : silent + 1;
            }
        }
        return false;
    }

    /// <summary>Composes the next message of a session, if it has one.</summary>
    public async ValueTask<bool> WriteNextAsync(SpaceSession session)
    {
        int beganAt = output.LengthBytes;
        MessageFormat.BeginData(output, session.Channel.Number);
        int messageAt = output.LengthBytes;
        bool written;
        try
        {
            written = await session.Sync.WriteNextAsync(output, aborted).ConfigureAwait(false);
        }
        catch (SyncException e)
        {
            throw ErrorOf(e, session, "The peer");
        }
        if (written)
        {
            output.Commit(packing.Pack(output, session, messageAt));
            lanes.Count(session, output.LengthBytes - beganAt, isAttachments: false);
        }
        else
        {
            output.Rollback();
        }
        return written;
    }

    /// <summary>What the end of a session means for its connection: where the replica has begun its state anew nothing is
    /// wrong with anybody, and the next connection goes on.</summary>
    public static WireException ErrorOf(SyncException error, SpaceSession session, string peer) => error.Error switch
    {
        SyncError.Rebuilt => new WireException(WireError.Closed, $"Space {session.Channel.Space}: {error.Message}", error),
        SyncError.UnknownFormat => new WireException(
            WireError.VersionNotSupported, $"Space {session.Channel.Space}: {error.Message}", error),
        SyncError.WrongPeer => new WireException(
            WireError.WrongIdentity, $"{peer}, space {session.Channel.Space}: {error.Message}", error),
        _ => new WireException(
            WireError.SyncViolation,
            $"{peer} broke the replication of space {session.Channel.Space} ({error.Error}): {error.Message}",
            error),
    };

    private bool TryWriteBlob(SpaceSession session)
    {
        int beganAt = output.LengthBytes;
        MessageFormat.BeginData(output, session.Channel.Number, FrameType.Blob);
        if (!session.Blobs.TryWriteNext(output))
        {
            output.Rollback();
            return false;
        }
        output.Commit();
        lanes.Count(session, output.LengthBytes - beganAt, isAttachments: true);
        return true;
    }

    private async Task WaitAsync(SpaceSession session)
    {
        try
        {
            await session.Sync.WaitForOutgoingAsync(aborted).ConfigureAwait(false);
            session.MayHaveMore = true;
            call.Set();
        }
        catch (Exception e)
        {
            fail(e);
        }
    }
}
