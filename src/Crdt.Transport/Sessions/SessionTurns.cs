using Crdt.Transport.Frames;

namespace Crdt.Transport.Sessions;

/// <summary>Takes the next messages of a connection's sessions, in turn. Nothing queues: a session is asked when there
/// is room, and one that has nothing calls when it has.</summary>
internal sealed class SessionTurns(
    FrameBuffer output, MessagePacking packing, Wakeup call, Action<Exception> fail, CancellationToken aborted)
{
    private uint next, nextBlob;

    /// <summary>Composes one message of each session in turn, until there is enough for a flush.</summary>
    /// <returns>Whether there may be more.</returns>
    public async ValueTask<bool> WriteAsync(IReadOnlyList<SpaceSession> sessions)
    {
        int silent = 0;
        while (silent < sessions.Count && output.LengthBytes < FramedConnection.FlushLengthBytes)
        {
            SpaceSession session = sessions[(int)(next++ % sessions.Count)];
            if (!session.MayHaveMore)
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
        return silent < sessions.Count;
    }

    /// <summary>Composes messages about attachments, where no session has anything else to say: as many as a chunk takes, so that
    /// what is said meanwhile waits for no more.</summary>
    /// <returns>Whether there may be more.</returns>
    public bool WriteBlobs(IReadOnlyList<SpaceSession> sessions)
    {
        int silent = 0;
        while (silent < sessions.Count && output.LengthBytes < BlobTree.ChunkLengthBytes)
        {
            SpaceSession session = sessions[(int)(nextBlob++ % sessions.Count)];
            MessageFormat.BeginData(output, session.Channel.Number, FrameType.Blob);
            if (session.Blobs.TryWriteNext(output))
            {
                output.Commit();
                silent = 0;
            }
            else
            {
                output.Rollback();
                silent++;
            }
        }
        return silent < sessions.Count;
    }

    /// <summary>Composes the next message of a session, if it has one.</summary>
    public async ValueTask<bool> WriteNextAsync(SpaceSession session)
    {
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
            output.Commit(packing.Pack(output, session, messageAt));
        else
            output.Rollback();
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
