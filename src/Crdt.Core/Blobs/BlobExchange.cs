using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>The part of one session that is about blobs: tells and asks what either side holds, sends what was wanted chunk by
/// chunk in small pieces, and takes what comes. It travels beside the mutations, behind all of them.</summary>
/// <remarks>Whoever wants something says so, as much at a time as the way has shown to bear; so nothing is sent that was not
/// asked for, and what waits here is bounded. One writer and one reader at a time.</remarks>
public sealed class BlobExchange : IDisposable
{
    /// <summary>What may wait here to be taken: all that can have been asked for, and words.</summary>
    public const int ReceivedLengthBytesMax = (WindowMax * (BlobTree.ChunkLengthBytes + 1024)) + (256 << 10);

    private const int WindowMin = 2;
    private const int WindowMax = 32;
    private const int InterestsMax = 65_536;
    private static readonly TimeSpan QuickRound = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan StalledAfter = TimeSpan.FromSeconds(30);

    private readonly ReplicaBlobs blobs;
    private readonly Func<ReplicaId?> findPeer;
    private readonly Lock gate;
    private readonly Queue<BlobHash> toAsk = [];
    private readonly HashSet<BlobHash> asked = [];
    private readonly Dictionary<BlobHash, (long Size, ChunkRuns Runs)> peerHolds = []; // a chunk that is verified proves the size
    private readonly SortedSet<(BlobRank Rank, long Order, BlobHash Root)> available = [];
    private readonly Dictionary<(BlobHash Root, int Chunk), int> underway = []; // with their lengths
    private readonly Queue<(BlobHash Root, List<int> Chunks)> toWant = [];
    private readonly Queue<(BlobHash Root, int Chunk)> wanted = [];
    private readonly HashSet<BlobHash> interests = [];
    private readonly Queue<BlobHash> toTell = [];
    private readonly HashSet<BlobHash> telling = [];
    private readonly HashSet<BlobHash> liedAbout = [];
    private Sending? sending;
    private bool isReading;
    private Receiving? receiving;
    private int window = WindowMin;
    private int roundChunks;
    private long roundAt;
    private long askedBytes;
    private long movedAt;
    private bool isClosed;

    /// <param name="blobs">Whose.</param>
    /// <param name="findPeer">Who the other side is, once it has said so.</param>
    /// <param name="call">Called when there is something to write; returns at once.</param>
    internal BlobExchange(ReplicaBlobs blobs, Func<ReplicaId?> findPeer, Action call)
    {
        (this.blobs, this.findPeer, Call, gate) = (blobs, findPeer, call, blobs.Gate);
        roundAt = blobs.Time.GetTimestamp();
    }

    /// <summary>Says that there is something to write.</summary>
    internal Action Call { get; }

    /// <summary>Composes the next message. Waits for nothing: while a chunk is being read, there is none.</summary>
    /// <returns>Whether there was one.</returns>
    public bool TryWriteNext(IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        blobs.SettleBriefly(Call);
        (BlobHash Root, int Chunk) next;
        lock (gate)
        {
            if (isClosed) return false;
            if (WriteWords(output) || WritePiece(output)) return true;
            if (isReading || !wanted.TryDequeue(out next)) return false;
            isReading = true;
        }
        ValueTask reading = ReadAsync(next);
        if (!reading.IsCompletedSuccessfully) return false;
        lock (gate) return WritePiece(output);
    }

    /// <summary>Takes a message of the other side.</summary>
    /// <exception cref="SyncException">It is not one, or may not come now.</exception>
    public async ValueTask ReceiveAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        Receiving? complete;
        try
        {
            complete = Read(message);
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException)
        {
            throw BlobMessages.Bad(e.Message, e);
        }
        if (complete is not null)
        {
            try
            {
                await blobs.TakeAsync(this, complete.Root, complete.Size, complete.Chunk, complete.Content.AsMemory(0, complete.Length), complete.Proof, cancellationToken)
                    .ConfigureAwait(false);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(complete.Content);
            }
        }
    }

    /// <summary>To be called now and then: where the other side has sent nothing of what it was asked for, others are asked.</summary>
    public void Watch()
    {
        lock (gate)
        {
            if (isClosed || !IsStalled) return;
            foreach (BlobHash root in underway.Keys.Select(u => u.Root).Distinct().ToArray()) blobs.ConsiderAgain(root);
        }
    }

    /// <summary>Ends it: what was under way is asked of others.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (isClosed) return;
            isClosed = true;
            if (receiving is not null) ArrayPool<byte>.Shared.Return(receiving.Content);
            if (sending is not null) ArrayPool<byte>.Shared.Return(sending.Content);
            (receiving, sending) = (null, null);
        }
        blobs.Leave(this);
    }

    // ---- below: under the gate ----

    /// <summary>Whether it has long sent nothing of what it was asked for.</summary>
    internal bool IsStalled => underway.Count > 0 && blobs.Time.GetElapsedTime(movedAt) >= StalledAfter;

    /// <summary>What was asked of the other side and has not come.</summary>
    internal IReadOnlyCollection<(BlobHash Root, int Chunk)> Underway => underway.Keys;

    /// <summary>How many bytes of content that is.</summary>
    internal long UnderwayBytes => underway.Values.Sum(static length => (long)length);

    /// <summary>Whether the other side has some of what is missing.</summary>
    internal bool IsSourceOf(BlobHash root) => peerHolds.TryGetValue(root, out (long, ChunkRuns Runs) held) && held.Runs.Count > 0 && !liedAbout.Contains(root);

    /// <summary>Wants to know what the other side holds of a blob.</summary>
    internal void Ask(BlobHash root)
    {
        if (asked.Count >= InterestsMax || !asked.Add(root)) return;
        toAsk.Enqueue(root);
        Call();
    }

    /// <summary>There is more of a blob here.</summary>
    internal void Tell(BlobHash root)
    {
        if (!interests.Contains(root) || !telling.Add(root)) return;
        toTell.Enqueue(root);
        Call();
    }

    /// <summary>What is to be fetched may be asked for here.</summary>
    internal void Consider(BlobJob job)
    {
        Ask(job.Blob.Root);
        if (IsSourceOf(job.Blob.Root)) available.Add((job.Rank, job.Order, job.Blob.Root));
    }

    /// <summary>It is not asked for here any more.</summary>
    internal void Forget(BlobJob job) => available.Remove((job.Rank, job.Order, job.Blob.Root));

    /// <summary>Wants as many chunks as the way bears.</summary>
    internal void TopUp()
    {
        if (isClosed) return;
        while (underway.Count < window && available.Count > 0)
        {
            (BlobRank Rank, long Order, BlobHash Root) first = available.Min;
            BlobJob? job = blobs.FindJob(first.Root);
            long budgetBytes = job is { Rank: BlobRank.Demanded } ? long.MaxValue : blobs.Policy.BytesPerConnectionMax - askedBytes;
            if (job is not { IsEnding: false, Problem: null } || budgetBytes <= 0)
            {
                available.Remove(first);
                continue;
            }
            List<int> chosen = Choose(job, blobs.FindRoom(), budgetBytes, out bool isFull);
            if (chosen.Count == 0)
            {
                available.Remove(first);
                if (isFull) blobs.NoteFull(job);
                continue;
            }
            if (underway.Count == 0) movedAt = blobs.Time.GetTimestamp();
            foreach (int chunk in chosen)
            {
                int length = TreeOf(first.Root).LengthOf(chunk);
                underway.Add((first.Root, chunk), length);
                job.Underway[chunk] = this;
                askedBytes += length;
            }
            toWant.Enqueue((first.Root, chosen));
            Call();
        }
    }

    /// <summary>A chunk came, or will not come.</summary>
    internal void Settle(BlobHash root, int chunk)
    {
        underway.Remove((root, chunk));
        movedAt = blobs.Time.GetTimestamp();
        if (blobs.FindJob(root) is { } job && job.Underway.GetValueOrDefault(chunk) == this) job.Underway.Remove(chunk);
        if (++roundChunks < window) return;
        // The window doubles while a round of it takes no longer than a mutation may wait.
        TimeSpan took = blobs.Time.GetElapsedTime(roundAt);
        window = took < QuickRound ? Math.Min(window * 2, WindowMax) : took > 4 * QuickRound ? Math.Max(window / 2, WindowMin) : window;
        (roundChunks, roundAt) = (0, blobs.Time.GetTimestamp());
    }

    /// <summary>What came of a blob was not it: the other side is not asked for it again.</summary>
    internal void NoteLie(BlobHash root) => liedAbout.Add(root);

    internal string Name => findPeer()?.ToString() ?? "A peer";

    private List<int> Choose(BlobJob job, long roomBytes, long budgetBytes, out bool isFull)
    {
        var chosen = new List<int>();
        isFull = false;
        if (!IsSourceOf(job.Blob.Root)) return chosen;
        (long size, ChunkRuns runs) = peerHolds[job.Blob.Root];
        var tree = new BlobTree(size);
        int room = Math.Min(window - underway.Count, BlobMessages.WantsMax), chunks = tree.Chunks;
        for (int at = runs.Next(0); at >= 0 && at < chunks && chosen.Count < room && budgetBytes > 0;)
        {
            int missing = blobs.Store.FindNext(job.Blob.Root, at, isThere: false);
            if (missing < at || missing >= chunks) break;
            int held = runs.Next(missing);
            if (held == missing && MayAskFor(job, missing))
            {
                isFull = (roomBytes -= tree.LengthOf(missing)) < 0;
                if (isFull) break;
                budgetBytes -= tree.LengthOf(missing);
                chosen.Add(missing);
            }
            at = held == missing ? runs.Next(missing + 1) : held;
        }
        return chosen;
    }

    private BlobTree TreeOf(BlobHash root) => new(peerHolds[root].Size);

    // What another one was asked for and has not sent for long may be asked for here, too.
    private bool MayAskFor(BlobJob job, int chunk) => !underway.ContainsKey((job.Blob.Root, chunk))
        && (!job.Underway.TryGetValue(chunk, out BlobExchange? other) || other == this || other.IsStalled);

    private bool WriteWords(IBufferWriter<byte> output)
    {
        if (toAsk.Count > 0)
        {
            // What is urgent is asked for first: so it is the first that is known to be there.
            BlobHash[] all = [.. toAsk.OrderBy(root => blobs.FindJob(root)?.Rank ?? BlobRank.BehindThumbnails)];
            toAsk.Clear();
            foreach (BlobHash later in all.Skip(BlobMessages.AsksMax)) toAsk.Enqueue(later);
            BlobMessages.WriteAsk(output, all[..Math.Min(all.Length, BlobMessages.AsksMax)]);
            return true;
        }
        if (toWant.TryDequeue(out (BlobHash Root, List<int> Chunks) want))
        {
            BlobMessages.WriteWant(output, want.Root, want.Chunks);
            return true;
        }
        if (!toTell.TryDequeue(out BlobHash told)) return false;
        telling.Remove(told);
        (long size, ChunkRuns held) = blobs.Store.Find(told) is { } holding
            ? (holding.Size, holding.Size == 0 ? new ChunkRuns([(0, 1)]) : ChunkRuns.Of(blobs.Store, told, new BlobTree(holding.Size).Chunks))
            : (0, new ChunkRuns([]));
        BlobMessages.WriteHolds(output, told, size, held);
        return true;
    }

    // A chunk that cannot be read is not here: the store notes why.
    private async ValueTask ReadAsync((BlobHash Root, int Chunk) next)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlobTree.ChunkLengthBytes);
        int length = -1;
        BlobHash[]? proof = null;
        try
        {
            length = await blobs.Store.ReadAsync(next.Root, next.Chunk, buffer.AsMemory(0, BlobTree.ChunkLengthBytes), CancellationToken.None)
                .ConfigureAwait(false);
            proof = length < 0 ? null : blobs.Store.ReadProof(next.Root, next.Chunk);
        }
#pragma warning disable CA1031 // Whatever is wrong with this store, others may have the chunk: the session goes on.
        catch (Exception)
#pragma warning restore CA1031
        {
            proof = null;
        }
        if (proof is null) blobs.NoteMissing(next.Root);
        lock (gate)
        {
            isReading = false;
            if (isClosed) ArrayPool<byte>.Shared.Return(buffer);
            else sending = new Sending(next.Root, next.Chunk, proof, buffer, length);
        }
        Call();
    }

    private bool WritePiece(IBufferWriter<byte> output)
    {
        if (sending is not { } chunk) return false;
        if (chunk.Proof is null)
        {
            BlobMessages.WriteGone(output, chunk.Root, chunk.Chunk);
        }
        else if (!chunk.HasBegun)
        {
            BlobMessages.WriteChunk(output, chunk.Root, chunk.Chunk, chunk.Proof);
            chunk.HasBegun = true;
            return true;
        }
        else
        {
            int length = Math.Min(BlobMessages.PieceLengthBytesMax, chunk.Length - chunk.Sent);
            BlobMessages.WritePiece(output, chunk.Content.AsSpan(chunk.Sent, length));
            chunk.Sent += length;
            if (chunk.Sent < chunk.Length) return true;
        }
        ArrayPool<byte>.Shared.Return(chunk.Content);
        sending = null;
        return true;
    }

    private Receiving? Read(ReadOnlyMemory<byte> message)
    {
        var reader = new MessagePackReader(message);
        (BlobMessageKind kind, int count) = BlobMessages.ReadKind(ref reader);
        lock (gate)
        {
            switch (kind)
            {
                case BlobMessageKind.Ask:
                    foreach (BlobHash root in BlobMessages.ReadAsk(ref reader, count))
                    {
                        if (interests.Count >= InterestsMax) throw BlobMessages.Bad($"it asks for more than {InterestsMax} blobs");
                        interests.Add(root);
                        Tell(root);
                    }
                    return null;
                case BlobMessageKind.Holds:
                    (BlobHash of, long size, ChunkRuns held) = BlobMessages.ReadHolds(ref reader, count);
                    if (asked.Contains(of)) NoteHolds(of, size, held);
                    return null;
                case BlobMessageKind.Want:
                    (BlobHash from, List<int> chunks) = BlobMessages.ReadWant(ref reader, count);
                    if (wanted.Count + chunks.Count > BlobMessages.WantsMax) throw BlobMessages.Bad($"it wants more than {BlobMessages.WantsMax} chunks at a time");
                    foreach (int chunk in chunks) wanted.Enqueue((from, chunk));
                    Call();
                    return null;
                case BlobMessageKind.Chunk:
                    Begin(BlobMessages.ReadChunk(ref reader, count));
                    return null;
                case BlobMessageKind.Piece:
                    return Append(BlobMessages.ReadPiece(ref reader, count));
                case BlobMessageKind.Gone:
                    (BlobHash gone, int missing) = BlobMessages.ReadGone(ref reader, count);
                    if (!underway.ContainsKey((gone, missing))) throw Unexpected("a chunk that was not asked for is gone");
                    Settle(gone, missing);
                    if (peerHolds.TryGetValue(gone, out (long Size, ChunkRuns Runs) rest)) peerHolds[gone] = (rest.Size, rest.Runs.Without(missing)); // it tells when it has it again
                    blobs.ConsiderAgain(gone);
                    blobs.NoteRoom();
                    return null;
                default:
                    return null; // of a later version
            }
        }
    }

    private void NoteHolds(BlobHash root, long size, ChunkRuns held)
    {
        peerHolds[root] = (size, held);
        if (blobs.FindJob(root) is { } job)
        {
            if (job.Problem is { Error: BlobError.ChunkRefused } && IsSourceOf(root)) job.Problem = null; // somebody else has it now
            Consider(job);
        }
        TopUp();
    }

    private void Begin((BlobHash Root, int Chunk, BlobHash[] Proof) begun)
    {
        if (receiving is not null) throw Unexpected("a chunk begins before the last one has ended");
        if (!underway.TryGetValue((begun.Root, begun.Chunk), out int length)) throw Unexpected("a chunk came that was not asked for");
        receiving = new Receiving(begun.Root, peerHolds[begun.Root].Size, begun.Chunk, begun.Proof, ArrayPool<byte>.Shared.Rent(BlobTree.ChunkLengthBytes), length);
    }

    private Receiving? Append(ReadOnlySequence<byte> piece)
    {
        if (receiving is not { } open) throw Unexpected("a piece came and no chunk has begun");
        if (open.Got + piece.Length > open.Length) throw Unexpected("a chunk is longer than it should be");
        piece.CopyTo(open.Content.AsSpan(open.Got));
        open.Got += (int)piece.Length;
        if (open.Got < open.Length) return null;
        receiving = null;
        underway[(open.Root, open.Chunk)] = 0; // from here on the store counts it
        return open;
    }

    private static SyncException Unexpected(string what) => new(SyncError.UnexpectedMessage, $"Of the blobs, {what}.");

    private sealed class Sending(BlobHash root, int chunk, BlobHash[]? proof, byte[] content, int length)
    {
        public BlobHash Root { get; } = root;

        public int Chunk { get; } = chunk;

        public BlobHash[]? Proof { get; } = proof;

        public byte[] Content { get; } = content;

        public int Length { get; } = length;

        public bool HasBegun { get; set; }

        public int Sent { get; set; }
    }

    private sealed class Receiving(BlobHash root, long size, int chunk, BlobHash[] proof, byte[] content, int length)
    {
        public BlobHash Root { get; } = root;

        public long Size { get; } = size;

        public int Chunk { get; } = chunk;

        public BlobHash[] Proof { get; } = proof;

        public byte[] Content { get; } = content;

        public int Length { get; } = length;

        public int Got { get; set; }
    }
}
