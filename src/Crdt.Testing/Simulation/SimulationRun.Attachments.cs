namespace Crdt.Testing.Simulation;

// The part of a run that is about attachments: what people do with them, and the lane that they travel in.
internal sealed partial class SimulationRun
{
    // A turn of attachments ends with the message that fills a chunk: so much of them may go ahead of a mutation, frames and proofs included.
    private const long OvertakenBytesMax = BlobTree.ChunkLengthBytes + (24 << 10);

    private const long WatchUs = 10_000_000;
    private const int BesideUsMax = 200_000;

    private readonly Dictionary<(ulong, int), SimulatedContent> contents = [];
    private readonly SimulationRandom delays;

    /// <summary>All content that anybody knows of.</summary>
    public IEnumerable<SimulatedContent> Contents => contents.Values;

    /// <summary>Content that was taken in somewhere, and acknowledged.</summary>
    public HashSet<BlobHash> Kept { get; } = [];

    /// <summary>Content that somebody has evicted at some time.</summary>
    public HashSet<BlobHash> Evicted { get; } = [];

    private SimulatedContent ContentOf(ulong content, int lengthBytes)
    {
        if (!contents.TryGetValue((content, lengthBytes), out SimulatedContent? drawn))
            contents.Add((content, lengthBytes), drawn = SimulatedContent.Draw(content, lengthBytes));
        return drawn;
    }

    private static BlobPolicy PolicyOf(DeviceSetup setup) => new()
    {
        Fetch = setup.Fetch,
        ByMediaType = new Dictionary<string, BlobFetch> { ["video/*"] = setup.FetchVideos },
        QuotaBytes = setup.BlobQuotaBytes == 0 ? long.MaxValue : setup.BlobQuotaBytes,
    };

    // ---- steps ----

    private void Attach(SimulatedDevice device, AttachStep step)
    {
        if (device.Replica is not { } replica) return;
        SimulatedContent content = ContentOf(step.Content, step.LengthBytes);
        if (step.Puts)
        {
            try
            {
                Now(replica.Blobs.PutAsync(new MemoryStream(content.Bytes), content.Blob.MediaType, content.Blob.Name));
                Kept.Add(content.Blob.Root);
            }
            catch (BlobException)
            {
                Figures.Rejected++;
                return;
            }
            catch (StoreFailure)
            {
                Figures.FailedWrites++;
                Settle(device);
                return;
            }
        }
        Figures.Attached++;
        Commit(device, writer => writer.CommitAsync(tx => tx.Upsert(EntityKey.Parse(step.Entity)).Set(FieldPath.Parse(step.Path), content.Blob)));
    }

    private void Evict(SimulatedDevice device, BlobHash root)
    {
        if (device.Replica is not { } replica || device.Store.Blobs.Find(root) is null) return;
        try
        {
            Now(replica.Blobs.EvictAsync(root));
            Figures.Evicted++;
            Evicted.Add(root);
        }
        catch (BlobException e) when (e.Error == BlobError.NotHeldElsewhere)
        {
            Figures.Rejected++;
        }
        catch (Exception e) when (HasFailed(device, e))
        {
            Figures.FailedWrites++;
            Evicted.Add(root);
        }
        Settle(device);
        Checks.CheckClaims(device);
    }

    private void Collect(SimulatedDevice device)
    {
        if (device.Replica is not { } replica) return;
        try
        {
            Figures.Collected += Now(replica.Blobs.CollectAsync()).Blobs;
        }
        catch (Exception e) when (HasFailed(device, e))
        {
            Figures.FailedWrites++;
        }
        Settle(device);
        Checks.CheckClaims(device);
    }

    // ---- what goes on beside ----

    private void BeginBeside(SimulatedDevice device, Func<Task> work)
    {
        device.Beside.Enqueue(work);
        Schedule(NowUs + delays.Magnitude(1, BesideUsMax), new SimulatedEvent(EventKind.Beside, null, device.Index, null));
    }

    private void ResumeBeside(SimulatedDevice device)
    {
        foreach (Func<Task> _ in device.Beside) Schedule(NowUs, new SimulatedEvent(EventKind.Beside, null, device.Index, null));
    }

    private void GoOnBeside(SimulatedDevice device)
    {
        if (!device.Beside.TryDequeue(out Func<Task>? work)) return;
        Now(new ValueTask(work()));
        Settle(device);
        Checks.CheckClaims(device);
    }

    // ---- the lane ----

    private void JoinBlobs(SimulatedConnection connection)
    {
        connection.Blobs = [Join(0), Join(1)];

        BlobExchange Join(int side) => connection.Devices[side].Replica!.Blobs.Join(
            () => connection.Sessions[side].Peer, () => AskLook(connection, side));
    }

    private static bool AwaitsBlobs(SimulatedConnection connection) => Array.Exists(connection.Blobs, b => b.Underway.Count > 0);

    /// <summary>As a transport does where no session has anything else to say: as many messages as a chunk takes.</summary>
    /// <returns>Whether there was one.</returns>
    private bool SendBlobs(SimulatedConnection connection, int side)
    {
        if (connection.Blobs.Length == 0) return false;
        int sent = 0;
        outgoing.ResetWrittenCount();
        while (sent < BlobTree.ChunkLengthBytes && connection.Blobs[side].TryWriteNext(outgoing))
        {
            sent += outgoing.WrittenCount;
            Send(connection, side, isBlob: true);
            outgoing.ResetWrittenCount();
        }
        AskWatch(connection, side);
        return sent > 0;
    }

    private void AskWatch(SimulatedConnection connection, int side)
    {
        if (connection.Blobs[side].Underway.Count > 0 && connection.TryAskWatch(side))
            Schedule(NowUs + WatchUs, new SimulatedEvent(EventKind.Watch, connection, side, null));
    }

    private void Watch(SimulatedConnection connection, int side)
    {
        connection.TakeWatch(side);
        if (!connection.IsOpen) return;
        connection.Blobs[side].Watch();
        AskWatch(connection, side);
    }

    /// <summary>Connections on which nothing keeps this device from saying what it is about to write.</summary>
    private static List<(SimulatedConnection Connection, int Side)> FindIdle(SimulatedDevice device) =>
        [.. device.Connections.Where(c => c.Blobs.Length > 0).Select(c => (Connection: c, Side: c.Devices[0] == device ? 0 : 1))
            .Where(c => c.Connection.Overtakings[c.Side] is null && c.Connection.Sessions[c.Side].IsInSync)];

    private void BeginOvertaking(List<(SimulatedConnection Connection, int Side)> idle)
    {
        foreach ((SimulatedConnection connection, int side) in idle)
        {
            if (!connection.IsOpen) continue;
            connection.Overtakings[side] = new SimulatedConnection.Overtaking(
                connection.Sessions[side].Progress.MutationsSent, connection.UnsentBlobBytes(side, NowUs));
        }
    }

    /// <summary>Nothing that is written waits for more of attachments than a chunk.</summary>
    private void Overtake(SimulatedConnection connection, int side, SimulatedConnection.Overtaking overtaking, int blobBytes)
    {
        overtaking = overtaking with { BlobBytesAhead = overtaking.BlobBytesAhead + blobBytes };
        if (overtaking.BlobBytesAhead > OvertakenBytesMax)
        {
            throw new ViolationException("behind-attachments", "",
                $"What {connection.Devices[side].Name} wrote for {connection.Devices[1 - side].Name} waits behind {overtaking.BlobBytesAhead} bytes of attachments.");
        }
        SyncProgress progress = connection.Sessions[side].Progress;
        bool isSaid = blobBytes == 0 && (!progress.IsEager || progress.MutationsSent > overtaking.SentBefore);
        if (isSaid) Figures.Overtaken++;
        connection.Overtakings[side] = isSaid ? null : overtaking;
    }

    // ---- healing ----

    /// <summary>Where two meet at a time, what was told of in one meeting comes in a later one: until nothing moves any more.</summary>
    private void MeetForAttachments(bool inTurn)
    {
        const int RoundsMax = 8;
        long before = -1;
        for (int round = 0; inTurn && round < RoundsMax; round++)
        {
            long now = History.Mutations + Devices.Sum(d => d.Store.Blobs.UsedBytes);
            if (now == before) return;
            before = now;
            MeetAlong(Tree());
        }
    }
}
