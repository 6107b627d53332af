using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>The attachments of a replica: takes content in, gives it out, and fetches what fields name from whichever peers
/// have it, chunk by chunk, from several at once. Safe for concurrent use.</summary>
/// <remarks>What goes wrong with a blob is a state of that blob (<see cref="Find"/>); it holds up neither mutations nor other
/// blobs. Memory does not grow with the size of blobs.</remarks>
[SuppressMessage("Design", "CA1001", Justification = "The semaphores have no wait handles; late callers may still come.")]
public sealed class ReplicaBlobs
{
    private const int ClaimsPerCommit = 64;
    private const int SettledAtOnce = 256;

    private readonly Replica replica;
    private readonly Dictionary<EntityKey, Named[]> byEntity = [];
    private readonly Dictionary<BlobHash, Naming> byRoot = [];
    private readonly Dictionary<BlobHash, BlobJob> jobs = [];
    private readonly HashSet<BlobHash> evicted = []; // since this replica was opened; the log tells what was before
    private readonly HashSet<BlobHash> fresh = []; // taken in since this replica was opened
    private readonly Dictionary<BlobHash, bool> toClaim = []; // what this server is to write: that it holds a blob, or not any more
    private bool isClaiming;
    private readonly List<BlobExchange> exchanges = [];
    private readonly ConcurrentQueue<EntityKey> touched = new();
    private readonly Lock reading = new();
    private readonly SemaphoreSlim contents = new(1); // what is claimed stays while it is claimed, and what goes is not claimed meanwhile
    private readonly SemaphoreSlim evictions = new(1); // one note at a time of what is evicted, and what is not any more
    private volatile bool isSettling;
    private long order;
    private BlobPolicy policy;
    private Func<Entity, bool>? comesFirst;

    internal ReplicaBlobs(Replica replica, BlobPolicy policy)
    {
        (this.replica, this.policy) = (replica, policy);
        if (policy.QuotaBytes != long.MaxValue) Store.QuotaBytes = policy.QuotaBytes;
    }

    /// <summary>Tells of a blob of which something has come or gone, or that is fetched no more. Raised on any thread; handlers
    /// return soon.</summary>
    public event Action<BlobHash>? Changed;

    /// <summary>What is taken without being asked for. A new one holds from then on, and as long as the replica is open;
    /// <see cref="SetPolicyAsync"/> keeps it.</summary>
    public BlobPolicy Policy
    {
        get => policy;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            if (value.QuotaBytes != policy.QuotaBytes) Store.QuotaBytes = value.QuotaBytes;
            lock (Gate)
            {
                policy = value;
                foreach (BlobHash root in byRoot.Keys.ToArray()) Reconsider(root);
                TryAgain();
            }
        }
    }

    /// <summary>Of which entities the attachments are fetched before all others that the policy takes, such as those of cases that are
    /// assigned to whoever works here; none by default. Called on any thread, and again when an entity changes; what it throws
    /// counts as no. A new one holds from then on, also for what waits.</summary>
    public Func<Entity, bool>? ComesFirst
    {
        get => Volatile.Read(ref comesFirst);
        set
        {
            Volatile.Write(ref comesFirst, value);
            EntityKey[] all;
            lock (Gate) all = [.. byEntity.Keys];
            if (all.Length > 0) NoteTouched(all);
        }
    }

    /// <summary>What the content that is here takes, in bytes.</summary>
    public long UsedBytes => Store.UsedBytes;

    internal Lock Gate { get; } = new();

    internal IBlobStore Store => replica.Store.Blobs;

    internal TimeProvider Time => replica.Options.Time;

    /// <summary>Sets what is taken without being asked for, from now on and whenever the replica is opened without a policy of its
    /// own in the options.</summary>
    /// <param name="value">The policy, with at most <see cref="BlobPolicy.MediaTypesMax"/> media types.</param>
    /// <param name="cancellationToken">Gives up waiting until it is kept; it holds all the same.</param>
    /// <exception cref="ArgumentException">A policy that cannot be: of too many media types or with too long a one, or with
    /// numbers out of range.</exception>
    public async ValueTask SetPolicyAsync(BlobPolicy value, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.FindProblem() is { } problem) throw new ArgumentException(problem, nameof(value));
        Policy = value with { ByMediaType = value.ByMediaType.ToDictionary() };
        await replica.NoteAsync(new BlobPolicyNote(Policy), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes content in. It survives power loss once this has completed; to be seen by others it is then to be named by a
    /// field.</summary>
    /// <param name="content">Read to its end.</param>
    /// <param name="mediaType">As <c>image/jpeg</c>.</param>
    /// <param name="name">The file's name for people, no path; may be empty.</param>
    /// <param name="cancellationToken">Gives up; nothing stays.</param>
    /// <returns>What a field is set to.</returns>
    /// <exception cref="ArgumentException">The media type or the name is none.</exception>
    /// <exception cref="BlobException"><see cref="BlobError.QuotaExceeded"/>, <see cref="BlobError.TooLarge"/>.</exception>
    public async ValueTask<Blob> PutAsync(Stream content, string mediaType, string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        _ = new Blob(default, default, 0, mediaType, name); // before anything is read
        IBlobDraft draft = await Store.CreateAsync(cancellationToken).ConfigureAwait(false);
        await using (draft.ConfigureAwait(false))
        {
            byte[] buffer = ArrayPool<byte>.Shared.Rent(BlobTree.ChunkLengthBytes);
            try
            {
                int read;
                while ((read = await content.ReadAsync(buffer.AsMemory(0, BlobTree.ChunkLengthBytes), cancellationToken).ConfigureAwait(false)) > 0)
                    await draft.AppendAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
            await contents.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                (BlobHash root, BlobHash sha256, long size) = await draft.CompleteAsync(cancellationToken).ConfigureAwait(false);
                var blob = new Blob(root, sha256, size, mediaType, name);
                await RecallPutAsync(root).ConfigureAwait(false);
                NotePut(blob);
                return blob;
            }
            finally
            {
                contents.Release();
            }
        }
    }

    /// <summary>Opens content to be read, from any place in it; also while the rest is still arriving.</summary>
    /// <returns>Reads throw <see cref="BlobException"/> with <see cref="BlobError.Missing"/> where a chunk is not here.</returns>
    /// <exception cref="BlobException"><see cref="BlobError.Missing"/>: nothing of it is here;
    /// <see cref="BlobError.ContentRefused"/>: it is of another size.</exception>
    public Stream OpenRead(Blob blob)
    {
        ArgumentNullException.ThrowIfNull(blob);
        if (Store.Find(blob.Root) is { } held && held.Size != blob.Size) ThrowIfRefused(blob);
        if (blob.Size == 0 || Store.Find(blob.Root) is not null) return new BlobStream(Store, blob, NoteMissing);
        NoteMissing(blob.Root);
        throw new BlobException(BlobError.Missing, $"Nothing of {Describe(blob)} is here yet.");
    }

    /// <summary>Whether a stretch of content is here, whatever of the rest is.</summary>
    /// <param name="blob">Whose.</param>
    /// <param name="offset">Where it begins, in bytes.</param>
    /// <param name="length">How many bytes; those behind the end count as here.</param>
    public bool IsHere(Blob blob, long offset, long length)
    {
        ArgumentNullException.ThrowIfNull(blob);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        long end = Math.Min(length, blob.Size - offset) + offset;
        if (end <= offset) return true;
        int first = (int)(offset / BlobTree.ChunkLengthBytes), last = (int)((end - 1) / BlobTree.ChunkLengthBytes);
        return Store.Find(blob.Root) is not null && Store.FindNext(blob.Root, first, isThere: false) > last;
    }

    /// <summary>How the blobs stand that fields name, in order of their roots; where fields differ in what they say of one, each of
    /// these.</summary>
    public IReadOnlyList<BlobState> List()
    {
        Settle();
        Blob[] named;
        lock (Gate) named = [.. byRoot.OrderBy(n => n.Key).SelectMany(n => n.Value.Told.DistinctBy(t => (t.Size, t.Sha256)))];
        return [.. named.Select(StateOf)];
    }

    /// <summary>How a blob stands, as the first field says it that is not proven wrong.</summary>
    /// <returns><see langword="null"/> if no field names it.</returns>
    public BlobState? Find(BlobHash root)
    {
        Settle();
        Blob? blob;
        lock (Gate) blob = FindNamed(root);
        return blob is null ? null : StateOf(blob);
    }

    /// <summary>Where a blob is named: entity and path, in order.</summary>
    public IReadOnlyList<(EntityKey Key, FieldPath Path)> PlacesOf(BlobHash root)
    {
        Settle();
        lock (Gate)
        {
            return !byRoot.TryGetValue(root, out Naming? naming) ? []
                : [.. naming.Keys.SelectMany(key => byEntity[key].Where(n => n.Blob.Root == root).Select(n => (key, n.Path)))
                    .OrderBy(p => p.key).ThenBy(p => p.Path)];
        }
    }

    /// <summary>Waits until a blob is here as a whole, and asks for it before everything else.</summary>
    /// <param name="blob">Which.</param>
    /// <param name="cancellationToken">Gives up waiting; what has come by then stays.</param>
    /// <exception cref="BlobException"><see cref="BlobError.NotAllowed"/>; <see cref="BlobError.ContentRefused"/>;
    /// <see cref="BlobError.QuotaExceeded"/>. A chunk that a peer lied about is none of these: it is asked of others.</exception>
    public async ValueTask FetchAsync(Blob blob, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(blob);
        BlobJob job;
        Task done;
        if (policy.For(blob) != BlobFetch.Never) await RecallAsync(blob.Root, cancellationToken).ConfigureAwait(false);
        lock (Gate)
        {
            ThrowIfRefused(blob);
            if (IsWhole(blob.Root) && !jobs.ContainsKey(blob.Root)) return;
            if (policy.For(blob) == BlobFetch.Never)
                throw new BlobException(BlobError.NotAllowed, $"This device does not take {blob.MediaType}.");
            job = Demand(blob);
            job.Waiters++;
            done = job.Done.Task;
            Revive(job);
        }
        try
        {
            await done.WaitAsync(cancellationToken).ConfigureAwait(false);
            ThrowIfRefused(blob);
        }
        finally
        {
            lock (Gate)
            {
                // Nobody waits any more: from here on the policy says whether it is taken, and how urgently.
                if (--job.Waiters == 0 && FindJob(blob.Root) == job)
                {
                    Rerank(job, BlobRank.BehindThumbnails);
                    Reconsider(blob.Root);
                }
            }
        }
    }

    /// <summary>Forgets the content of a blob, to make room. It can be fetched again (<see cref="FetchAsync"/>), and until then does
    /// not come by itself, also after the replica was opened anew; what no field names does, once one names it.</summary>
    /// <param name="root">Which.</param>
    /// <param name="evenIfLast">Whether to do so where no other server has said that it holds it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The bytes that became free.</returns>
    /// <exception cref="BlobException"><see cref="BlobError.NotHeldElsewhere"/>: no other replica in the server role has said that it
    /// holds all of it.</exception>
    public async ValueTask<long> EvictAsync(BlobHash root, bool evenIfLast = false, CancellationToken cancellationToken = default)
    {
        if (Store.Find(root) is null) return 0;
        if (!evenIfLast && !IsHeldElsewhere(root))
            throw new BlobException(BlobError.NotHeldElsewhere, $"No other server has said that it holds blob {root}: it may be here alone.");
        lock (Gate)
        {
            evicted.Add(root);
            Drop(root, new BlobException(BlobError.Missing, $"Blob {root} was evicted."));
        }
        long before = Store.UsedBytes;
        bool isGone = await RemoveAsync(root, () => evenIfLast || IsHeldElsewhere(root), cancellationToken).ConfigureAwait(false);
        long freed = before - Store.UsedBytes;
        // Behind it: where the disk is full there is room for the note now.
        if (isGone) await KeepEvictionAsync(root).ConfigureAwait(false);
        return freed;
    }

    /// <summary>Forgets all content that no field names any more.</summary>
    /// <param name="evenIfLast">Whether to do so where no other server has said that it holds it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How many blobs, and the bytes that became free.</returns>
    public async ValueTask<(int Blobs, long Bytes)> CollectAsync(bool evenIfLast = false, CancellationToken cancellationToken = default)
    {
        Settle();
        int blobs = 0;
        long before = Store.UsedBytes;
        foreach (BlobHolding held in Store.List())
        {
            if (await RemoveAsync(held.Root, () => IsLeft(held, evenIfLast), cancellationToken).ConfigureAwait(false)) blobs++;
        }
        return (blobs, before - Store.UsedBytes);
    }

    // ---- fetching: what sessions call ----

    /// <summary>Begins the part of a session that is about attachments; for transports.</summary>
    /// <param name="findPeer">Who the other side is, once it has said so (<see cref="SyncSession.Peer"/>).</param>
    /// <param name="call">Called, on any thread, when there is something to write; returns at once.</param>
    public BlobExchange Join(Func<ReplicaId?> findPeer, Action call)
    {
        ArgumentNullException.ThrowIfNull(findPeer);
        ArgumentNullException.ThrowIfNull(call);
        var exchange = new BlobExchange(this, findPeer, call);
        lock (Gate)
        {
            exchanges.Add(exchange);
            foreach (BlobJob job in jobs.Values.OrderBy(j => (j.Rank, j.Order)).ToArray())
            {
                if (job.Problem is { Error: not BlobError.QuotaExceeded }) Revive(job); // somebody else may have it
                else exchange.Consider(job);
            }
        }
        Claim();
        return exchange;
    }

    internal void Leave(BlobExchange exchange)
    {
        lock (Gate)
        {
            exchanges.Remove(exchange);
            BlobHash[] roots = [.. exchange.Underway.Select(u => u.Root).Distinct()];
            foreach ((BlobHash root, int chunk) in exchange.Underway.ToArray()) exchange.Settle(root, chunk);
            foreach (BlobHash root in roots) ConsiderAgain(root);
            NoteRoom();
        }
    }

    /// <summary>Under the gate.</summary>
    internal BlobJob? FindJob(BlobHash root) => jobs.GetValueOrDefault(root);

    /// <summary>Under the gate: how many bytes of content there is room for, beside what was asked for.</summary>
    internal long FindRoom() => Store.QuotaBytes == long.MaxValue ? long.MaxValue
        : Store.QuotaBytes - Store.UsedBytes - exchanges.Sum(e => e.UnderwayBytes);

    /// <summary>Under the gate: there is no room for what would be asked for next.</summary>
    internal void NoteFull(BlobJob job)
    {
        BlobException full = BlobException.OverQuota(Store.QuotaBytes, Store.UsedBytes, BlobTree.ChunkLengthBytes);
        job.Problem = (full.Error, full.Message);
        job.Fail(full);
    }

    /// <summary>Under the gate: something that was asked for does not come, so something else may.</summary>
    internal void NoteRoom()
    {
        if (Store.QuotaBytes != long.MaxValue) TryAgain();
    }

    /// <summary>Under the gate: others may take over what somebody was sending.</summary>
    internal void ConsiderAgain(BlobHash root)
    {
        if (!jobs.TryGetValue(root, out BlobJob? job)) return;
        foreach (BlobExchange exchange in exchanges)
        {
            exchange.Consider(job);
            exchange.TopUp();
        }
    }

    /// <summary>A chunk that should be here is not, or is damaged: it is fetched again, and not claimed meanwhile.</summary>
    internal void NoteMissing(BlobHash root)
    {
        Blob? blob;
        lock (Gate)
        {
            blob = FindNamed(root);
            if (blob is not null) Reconsider(root);
        }
        if (blob is not null) ConsiderClaim(root);
        Claim();
    }

    /// <summary>A chunk has come.</summary>
    internal async ValueTask TakeAsync(
        BlobExchange from, BlobHash root, long size, int chunk, ReadOnlyMemory<byte> content, BlobHash[] proof, CancellationToken cancellationToken)
    {
        BlobJob? job;
        lock (Gate) job = FindJob(root);
        (BlobError? Error, string Text)? problem = null;
        if (job is not null)
        {
            try
            {
                await Store.WriteAsync(root, size, chunk, content, proof, cancellationToken).ConfigureAwait(false);
            }
            catch (BlobException e)
            {
                problem = (e.Error, e.Message);
            }
#pragma warning disable CA1031 // A store that fails is the state of this blob: mutations and other blobs go on.
            catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
            {
                problem = (null, $"It could not be written: {e.Message}");
            }
        }
        bool isWhole = false;
        lock (Gate)
        {
            from.Settle(root, chunk);
            if (job is not null && problem is null)
            {
                foreach (BlobExchange other in exchanges) other.Tell(root);
                isWhole = !job.IsEnding && FindJob(root) == job && IsWhole(root);
                job.IsEnding |= isWhole;
            }
            else if (problem is { } found && job is not null)
            {
                if (found.Error == BlobError.ChunkRefused)
                {
                    from.NoteLie(root);
                    found.Text = $"{from.Name} sent chunk {chunk}, and it is not that chunk: it is not asked again.";
                    ConsiderAgain(root);
                    NoteRoom();
                }
                // A lie is told of, and others are asked; the rest holds until something has changed.
                if (found.Error != BlobError.ChunkRefused || !exchanges.Exists(e => e.IsSourceOf(root))) job.Problem = found;
                if (found.Error == BlobError.QuotaExceeded) job.Fail(new BlobException(BlobError.QuotaExceeded, found.Text));
            }
            from.TopUp();
            // What was asked for has come, or will not: is anything of it left that nobody was asked for?
            if (job is { Problem: null, IsEnding: false, Underway.Count: 0 }) ConsiderAgain(root);
        }
        if (isWhole) replica.Options.Beside(() => EndAsync(job!));
        Changed?.Invoke(root);
    }

    /// <summary>Tells the chunks that are here of what was named since.</summary>
    internal async IAsyncEnumerable<PaperChunk> OntoPaperAsync(
        VersionVector since, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Settle();
        Blob[] named;
        lock (Gate)
        {
            named = [.. byEntity.Values.SelectMany(n => n).Where(n => !since.Covers(n.By)).Select(n => n.Blob).DistinctBy(b => b.Root).OrderBy(b => b.Root)];
        }
        byte[] buffer = new byte[BlobTree.ChunkLengthBytes];
        foreach (Blob blob in named)
        {
            int chunks = new BlobTree(blob.Size).Chunks;
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                int length = await Store.ReadAsync(blob.Root, chunk, buffer, cancellationToken).ConfigureAwait(false);
                if (length >= 0 && Store.ReadProof(blob.Root, chunk) is { } proof)
                    yield return new PaperChunk(blob.Root, blob.Size, chunk, buffer.AsMemory(0, length), proof);
            }
        }
    }

    /// <summary>Takes a chunk that came on paper, if a field names its blob and there is room.</summary>
    /// <returns>Whether the blob is whole by it.</returns>
    /// <exception cref="BlobException"><see cref="BlobError.ChunkRefused"/>.</exception>
    internal async ValueTask<bool> TakeFromPaperAsync(PaperChunk chunk, CancellationToken cancellationToken)
    {
        Settle();
        BlobJob? job;
        lock (Gate)
        {
            if (FindNamed(chunk.Root) is not { } named) return false;
            job = FindJob(chunk.Root) ?? new BlobJob(named, 0);
        }
        try
        {
            if (!await Store.WriteAsync(chunk.Root, chunk.Size, chunk.Chunk, chunk.Content, chunk.Proof, cancellationToken).ConfigureAwait(false)
                || !IsWhole(chunk.Root)) return false;
            lock (Gate) job.IsEnding = true;
        }
        catch (BlobException e) when (e.Error == BlobError.QuotaExceeded)
        {
            lock (Gate) job.Problem = (e.Error, e.Message);
            return false;
        }
        await EndAsync(job).ConfigureAwait(false);
        TellAll(chunk.Root);
        return true;
    }

    /// <summary>Reads what names blobs, anew, for entities that changed. On the writer's turn, so it is only noted.</summary>
    internal void NoteTouched(IReadOnlyList<EntityKey> keys)
    {
        foreach (EntityKey key in keys) touched.Enqueue(key);
        WakeAll(); // who writes next reads it
    }

    /// <summary>Takes into account what was committed before. Entities are read outside the gate.</summary>
    internal void Settle()
    {
        if (touched.IsEmpty && !isSettling) return; // not before another one has ended who is at it
        _ = Store.UsedBytes; // opened outside the gate: that may read a directory
        lock (reading) SettleSome(int.MaxValue);
        Claim();
        if (!touched.IsEmpty) WakeAll(); // who could not read it meanwhile
    }

    /// <summary>As <see cref="Settle"/>, for whoever must not wait: some of it, or nothing where somebody else is at it. What fails is
    /// tried again.</summary>
    internal void SettleBriefly(Action call)
    {
        if (touched.IsEmpty || !reading.TryEnter()) return;
        try
        {
            SettleSome(SettledAtOnce);
        }
#pragma warning disable CA1031 // Mutations go on whatever is wrong with a store of blobs, or with reading what names them.
        catch (Exception)
#pragma warning restore CA1031
        {
            return;
        }
        finally
        {
            reading.Exit();
        }
        Claim();
        if (!touched.IsEmpty) call();
    }

    private void SettleSome(int keysMax)
    {
        var keys = new HashSet<EntityKey>();
        isSettling = true;
        try
        {
            while (keys.Count < keysMax && touched.TryDequeue(out EntityKey? key)) keys.Add(key);
            foreach (EntityKey key in keys.ToArray())
            {
                Named[] now = replica.ReadNamed(key);
                bool isFirst = now.Length > 0 && HasPrecedence(key);
                lock (Gate) Replace(key, now, isFirst);
                foreach (Named named in now) ConsiderClaim(named.Blob.Root);
                keys.Remove(key);
            }
        }
        finally
        {
            foreach (EntityKey key in keys) touched.Enqueue(key);
            isSettling = false;
        }
    }

    private bool HasPrecedence(EntityKey key)
    {
        try
        {
            return ComesFirst is { } asks && replica.Get(key) is { } entity && asks(entity);
        }
#pragma warning disable CA1031 // It is the application's: nothing here may fail for it.
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }

    // A server writes down what it has come to hold, for everybody to rely on.
    private void ConsiderClaim(BlobHash root)
    {
        if (replica.Role == ReplicaRole.Client) return;
        bool isWhole = IsWhole(root), isClaimed = replica.ClaimsBlob(root);
        lock (Gate)
        {
            Blob? named = FindNamed(root);
            bool isHeld = isWhole && (named is null || !IsRefused(named));
            if (isHeld == isClaimed) toClaim.Remove(root);
            else if (!isHeld) toClaim[root] = false;
            else if (named is not null && !jobs.ContainsKey(root)) toClaim[root] = true;
        }
    }

    private void Claim()
    {
        lock (Gate)
        {
            if (isClaiming || toClaim.Count == 0) return;
            isClaiming = true;
        }
        replica.Options.Beside(ClaimAsync);
    }

    // What cannot be written now is tried again when a session begins or an entity changes.
    private async Task ClaimAsync()
    {
        while (true)
        {
            KeyValuePair<BlobHash, bool>[] claims;
            lock (Gate)
            {
                claims = [.. toClaim.Take(ClaimsPerCommit)];
                foreach ((BlobHash root, _) in claims) toClaim.Remove(root);
                isClaiming = claims.Length > 0;
            }
            if (claims.Length == 0) return;
            await contents.WaitAsync().ConfigureAwait(false);
            try
            {
                await WriteClaimsAsync(claims).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // Nobody waits for it, and a claim that is not made is the safe side.
            catch (Exception)
#pragma warning restore CA1031
            {
                lock (Gate)
                {
                    isClaiming = false;
                    foreach ((BlobHash root, bool isHeld) in claims) toClaim.TryAdd(root, isHeld);
                }
                return;
            }
            finally
            {
                contents.Release();
            }
        }
    }

    // Only what is durable, and still here, is claimed.
    private async ValueTask WriteClaimsAsync(KeyValuePair<BlobHash, bool>[] claims)
    {
        var held = new HashSet<BlobHash>();
        foreach ((BlobHash root, bool isHeld) in claims)
        {
            if (!isHeld) continue;
            await Store.SyncAsync(root, CancellationToken.None).ConfigureAwait(false);
            if (Store.Find(root) is { IsWhole: true }) held.Add(root);
        }
        if (held.Count == 0 && claims.All(c => c.Value)) return;
        await replica.CommitAsync(tx =>
        {
            foreach ((BlobHash root, bool isHeld) in claims)
            {
                if (!isHeld) tx.Upsert(BlobClaims.KeyOf(root)).Discard(BlobClaims.Held, replica.Id.ToString());
                else if (held.Contains(root)) tx.Upsert(BlobClaims.KeyOf(root)).Add(BlobClaims.Held, replica.Id.ToString());
            }
        }).ConfigureAwait(false);
    }

    // A server takes its word back before the content goes.
    private async ValueTask<bool> RemoveAsync(BlobHash root, Func<bool> mayGo, CancellationToken cancellationToken)
    {
        bool wasThere;
        await contents.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            Settle();
            if (!mayGo()) return false;
            lock (Gate) toClaim.Remove(root);
            if (replica.Role != ReplicaRole.Client && replica.ClaimsBlob(root))
            {
                await replica.CommitAsync(
                    tx => tx.Upsert(BlobClaims.KeyOf(root)).Discard(BlobClaims.Held, replica.Id.ToString()), cancellationToken: cancellationToken)
                    .ConfigureAwait(false);
            }
            wasThere = await Store.RemoveAsync(root, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            contents.Release();
        }
        TellAll(root);
        return wasThere;
    }

    // Of several servers the one with the smallest id keeps what the others drop: they must not all rely on each other.
    private bool IsHeldElsewhere(BlobHash root) =>
        replica.ReadBlobServers(root).Any(server => replica.Role == ReplicaRole.Client || server.CompareTo(replica.Id) < 0);

    private bool IsLeft(BlobHolding held, bool evenIfLast)
    {
        lock (Gate)
        {
            if (byRoot.ContainsKey(held.Root) || fresh.Contains(held.Root) || jobs.ContainsKey(held.Root)) return false;
        }
        return evenIfLast || !held.IsWhole || IsHeldElsewhere(held.Root);
    }

    private bool IsWhole(BlobHash root) => Store.Find(root) is { IsWhole: true };

    // The root commits to the size; the SHA-256 is known once all has been here.
    private bool IsRefused(Blob blob) => Store.Find(blob.Root) is { } held
        && (held.Size != blob.Size || (Store.FindSha256(blob.Root) is { } sha256 && sha256 != blob.Sha256));

    private void ThrowIfRefused(Blob blob)
    {
        if (IsRefused(blob)) throw new BlobException(BlobError.ContentRefused, $"{Describe(blob)}: {WhyRefused(blob)}");
    }

    private string WhyRefused(Blob blob) => Store.Find(blob.Root) is { } held && held.Size != blob.Size
        ? $"It has {held.Size} bytes, and not {blob.Size} as the field says."
        : "All of it is here, and it is not what the field says: its SHA-256 is another one.";

    // Under the gate: what fields say of it; of several the first that is not proven wrong.
    private Blob? FindNamed(BlobHash root) => !byRoot.TryGetValue(root, out Naming? naming) ? null
        : naming.Told.FirstOrDefault(told => !IsRefused(told)) ?? naming.Told.First();

    /// <summary>Whether it was dropped here to make room, and nobody has asked for it since.</summary>
    internal bool IsEvicted(BlobHash root)
    {
        lock (Gate) return evicted.Contains(root) || replica.Writer.Watch.IsEvicted(root);
    }

    // Unless somebody has asked for it while it went; and what nothing names comes as any other once something does. It is gone:
    // nobody gives up on saying so.
    private async ValueTask KeepEvictionAsync(BlobHash root)
    {
        await evictions.WaitAsync().ConfigureAwait(false);
        try
        {
            bool isKept;
            lock (Gate)
            {
                if (!byRoot.ContainsKey(root)) evicted.Remove(root);
                isKept = evicted.Contains(root);
            }
            if (isKept) await replica.NoteAsync(new EvictionNote(root, true), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            evictions.Release();
        }
    }

    // Somebody wants it after all.
    private async ValueTask RecallAsync(BlobHash root, CancellationToken cancellationToken)
    {
        lock (Gate) evicted.Remove(root);
        await evictions.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (replica.Writer.Watch.IsEvicted(root))
                await replica.NoteAsync(new EvictionNote(root, false), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            evictions.Release();
        }
    }

    // The content is here for good. Where that cannot be noted it is taken for evicted only once it is gone or damaged again.
    private async ValueTask RecallPutAsync(BlobHash root)
    {
        try
        {
            await RecallAsync(root, CancellationToken.None).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever is wrong with the log: the commit that names the content tells of it.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    private void NotePut(Blob blob)
    {
        BlobJob? done;
        Blob? named;
        lock (Gate)
        {
            named = FindNamed(blob.Root);
            if (named is null) fresh.Add(blob.Root);
            jobs.Remove(blob.Root, out done);
            if (done is not null) foreach (BlobExchange exchange in exchanges) exchange.Forget(done);
            foreach (BlobExchange exchange in exchanges) exchange.Tell(blob.Root);
        }
        done?.Done.TrySetResult();
        if (named is not null) ConsiderClaim(blob.Root);
        Claim();
        Changed?.Invoke(blob.Root);
    }

    /// <summary>Blobs that fields name, of which all is here and of which no other server has said that it holds them.</summary>
    internal IReadOnlyList<Blob> WithoutReceipt()
    {
        Settle();
        Blob[] named;
        lock (Gate) named = [.. byRoot.Keys.Order().Select(root => FindNamed(root)!)];
        return [.. named.Where(blob => Store.Find(blob.Root) is { Size: > 0, Chunks: > 0 } && replica.ReadBlobServers(blob.Root).Count == 0)];
    }

    private void Replace(EntityKey key, Named[] now, bool isFirst)
    {
        Named[] before = byEntity.GetValueOrDefault(key, []);
        if (now.Length == 0) byEntity.Remove(key);
        else byEntity[key] = now;
        foreach (Named named in now)
        {
            if (!byRoot.TryGetValue(named.Blob.Root, out Naming? naming)) byRoot[named.Blob.Root] = naming = new Naming();
            naming.Add(named);
            naming.Keys.Add(key);
            if (isFirst) naming.First.Add(key);
            else naming.First.Remove(key);
            fresh.Remove(named.Blob.Root);
        }
        foreach (Named named in before)
        {
            Naming naming = byRoot[named.Blob.Root];
            if (!Array.Exists(now, n => n.Blob.Root == named.Blob.Root))
            {
                naming.Keys.Remove(key);
                naming.First.Remove(key);
            }
            if (naming.Remove(named)) byRoot.Remove(named.Blob.Root);
        }
        foreach (BlobHash root in before.Concat(now).Select(n => n.Blob.Root).Distinct()) Reconsider(root);
    }

    // Whether it is to be fetched, and how urgently.
    private void Reconsider(BlobHash root)
    {
        jobs.TryGetValue(root, out BlobJob? job);
        if (job is { Rank: BlobRank.Demanded }) return;
        if (!byRoot.TryGetValue(root, out Naming? naming))
        {
            Drop(root, new BlobException(BlobError.Missing, $"Nothing names blob {root} any more."));
            return;
        }
        // What is not known to be wrong may be right: of several the most urgent.
        BlobRank? rank = naming.Told.Where(told => !IsRefused(told)).Select(told => RankOf(told, naming)).Min();
        if (IsEvicted(root) || IsWhole(root)) rank = null;
        if (IsWhole(root) && Store.FindSha256(root) is null) rank = BlobRank.Always; // it is here, and was never verified
        if (job is { IsEnding: true }) return; // it is here, and being verified
        if (rank is not { } wanted)
        {
            Drop(root, new BlobException(BlobError.NotAllowed, $"The device's policy does not take blob {root}."));
            return;
        }
        if (job is null) job = NewJob(FindNamed(root)!, wanted);
        else Rerank(job, wanted);
        if (IsWhole(root))
        {
            Revive(job);
            return;
        }
        foreach (BlobExchange exchange in exchanges)
        {
            exchange.Consider(job);
            exchange.TopUp();
        }
    }

    private BlobRank? RankOf(Blob told, Naming naming) => policy.For(told) switch
    {
        BlobFetch.Never => null,
        _ when naming.Thumbnails > 0 => naming.First.Count > 0 ? BlobRank.FirstThumbnail : BlobRank.Thumbnail,
        BlobFetch.Always or BlobFetch.ThumbnailFirst when naming.First.Count > 0 => BlobRank.First,
        BlobFetch.Always => BlobRank.Always,
        BlobFetch.ThumbnailFirst => BlobRank.BehindThumbnails,
        _ => null,
    };

    private BlobJob Demand(Blob blob)
    {
        if (jobs.TryGetValue(blob.Root, out BlobJob? job)) Rerank(job, BlobRank.Demanded);
        else job = NewJob(blob, BlobRank.Demanded);
        return job;
    }

    // What is still under way from an earlier job of the same blob is not asked for twice.
    private BlobJob NewJob(Blob blob, BlobRank rank)
    {
        BlobJob job = jobs[blob.Root] = new BlobJob(blob, order++) { Rank = rank };
        foreach (BlobExchange exchange in exchanges)
        {
            foreach ((BlobHash root, int chunk) in exchange.Underway)
            {
                if (root == blob.Root) job.Underway.TryAdd(chunk, exchange);
            }
        }
        return job;
    }

    // Whatever stood against it, it is tried again; where all of it is here, to verify it.
    private void Revive(BlobJob job)
    {
        job.Problem = null;
        if (job.IsEnding) return;
        if (IsWhole(job.Blob.Root))
        {
            job.IsEnding = true;
            replica.Options.Beside(() => EndAsync(job));
        }
        else
        {
            ConsiderAgain(job.Blob.Root);
        }
    }

    private void Rerank(BlobJob job, BlobRank rank)
    {
        if (job.Rank == rank) return;
        foreach (BlobExchange exchange in exchanges) exchange.Forget(job);
        job.Rank = rank;
    }

    private void Drop(BlobHash root, BlobException why)
    {
        if (!jobs.Remove(root, out BlobJob? job)) return;
        foreach (BlobExchange exchange in exchanges) exchange.Forget(job);
        job.Fail(why);
    }

    // There may be room now for what did not fit.
    private void TryAgain()
    {
        foreach (BlobJob job in jobs.Values.Where(j => j.Problem is { Error: BlobError.QuotaExceeded or null }).ToArray())
        {
            Revive(job);
        }
    }

    // All chunks are there: what they make up must be what the field says.
    // Beside the session that brought the last one, which may end meanwhile.
    private async Task EndAsync(BlobJob job)
    {
        BlobHash root = job.Blob.Root;
        try
        {
            await Store.SyncAsync(root, CancellationToken.None).ConfigureAwait(false);
            BlobHash? found = Store.FindSha256(root) ?? await HashAsync(root).ConfigureAwait(false);
            if (found is null)
            {
                lock (Gate)
                {
                    job.IsEnding = false; // a chunk was damaged right after it was written: it is asked for again
                    ConsiderAgain(root);
                }
                Changed?.Invoke(root);
                return;
            }
            await Store.NoteSha256Async(root, found.Value, CancellationToken.None).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // As when a chunk is written: a state of this blob.
        catch (Exception e)
#pragma warning restore CA1031
        {
            lock (Gate) (job.IsEnding, job.Problem) = (false, (null, $"It could not be written: {e.Message}"));
            Changed?.Invoke(root);
            return;
        }
        lock (Gate)
        {
            if (FindJob(root) == job) jobs.Remove(root);
        }
        job.Done.TrySetResult();
        ConsiderClaim(root);
        Claim();
        Changed?.Invoke(root);
    }

    private async ValueTask<BlobHash?> HashAsync(BlobHash root)
    {
        if (Store.Find(root) is not { } held) return null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlobTree.ChunkLengthBytes);
        try
        {
            for (int chunk = 0, chunks = new BlobTree(held.Size).Chunks; chunk < chunks; chunk++)
            {
                int length = await Store.ReadAsync(root, chunk, buffer.AsMemory(0, BlobTree.ChunkLengthBytes), CancellationToken.None).ConfigureAwait(false);
                if (length < 0) return null;
                hash.AppendData(buffer.AsSpan(0, length));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return BlobHash.FromBytes(hash.GetHashAndReset());
    }

    private BlobState StateOf(Blob blob)
    {
        BlobHolding? held = Store.Find(blob.Root);
        int chunks = new BlobTree(blob.Size).Chunks;
        IReadOnlyList<ReplicaId> servers = replica.ReadBlobServers(blob.Root);
        lock (Gate)
        {
            jobs.TryGetValue(blob.Root, out BlobJob? job);
            int sources = exchanges.Count(e => e.IsSourceOf(blob.Root));
            bool isWhole = IsWhole(blob.Root) && held?.Size == blob.Size;
            (BlobError? error, string text) = IsRefused(blob) ? (BlobError.ContentRefused, WhyRefused(blob))
                : isWhole ? (null, "All of it is here.")
                : job is { Problem: { } problem } ? problem
                : job is null ? (policy.For(blob) == BlobFetch.Never ? BlobError.NotAllowed : BlobError.Missing,
                    IsEvicted(blob.Root) ? "It was evicted here." : PolicySays(blob))
                : sources > 0 ? (null, "It is being fetched.")
                : (BlobError.Missing, exchanges.Count == 0 ? "No peer is connected that could have it." : "No connected peer has what is missing.");
            if (!isWhole && held is { Damaged: > 0 } damaged) text += $" {damaged.Damaged} chunks were found damaged on the disk.";
            return new BlobState(blob, isWhole ? chunks : held?.Chunks ?? 0, held?.Damaged ?? 0, job is not null && job.Problem is null, sources,
                servers, error, text);
        }
    }

    private string PolicySays(Blob blob) => policy.For(blob) == BlobFetch.Never
        ? $"This device does not take {blob.MediaType}." : "It comes when it is asked for.";

    private static string Describe(Blob blob) => blob.Name.Length > 0 ? $"'{blob.Name}' ({blob.Root})" : $"blob {blob.Root}";

    private void TellAll(BlobHash root)
    {
        lock (Gate)
        {
            foreach (BlobExchange exchange in exchanges) exchange.Tell(root);
            Reconsider(root);
            TryAgain();
        }
        Changed?.Invoke(root);
    }

    private void WakeAll()
    {
        BlobExchange[] all;
        lock (Gate) all = [.. exchanges];
        foreach (BlobExchange exchange in all) exchange.Call();
    }

    /// <summary>A blob, where it is named, and by which mutation.</summary>
    internal readonly record struct Named(Blob Blob, FieldPath Path, Dot By)
    {
        public const string ThumbnailField = "thumbnail";

        public bool IsThumbnail => Path.Name == ThumbnailField;
    }

    /// <summary>What fields say of one content.</summary>
    private sealed class Naming
    {
        private readonly Dictionary<(long Size, BlobHash Sha256, string MediaType), (Blob Blob, int Count)> told = [];

        public IEnumerable<Blob> Told => told.Values.Select(t => t.Blob);

        /// <summary>The entities that name it.</summary>
        public HashSet<EntityKey> Keys { get; } = [];

        /// <summary>Those of them that have precedence.</summary>
        public HashSet<EntityKey> First { get; } = [];

        public int Thumbnails { get; private set; }

        public void Add(Named named)
        {
            told[KeyOf(named.Blob)] = told.TryGetValue(KeyOf(named.Blob), out (Blob Blob, int Count) known)
                ? (known.Blob, known.Count + 1) : (named.Blob, 1);
            Thumbnails += named.IsThumbnail ? 1 : 0;
        }

        /// <returns>Whether nothing is left.</returns>
        public bool Remove(Named named)
        {
            (Blob blob, int count) = told[KeyOf(named.Blob)];
            if (count == 1) told.Remove(KeyOf(blob));
            else told[KeyOf(blob)] = (blob, count - 1);
            Thumbnails -= named.IsThumbnail ? 1 : 0;
            return told.Count == 0;
        }

        private static (long, BlobHash, string) KeyOf(Blob blob) => (blob.Size, blob.Sha256, blob.MediaType);
    }
}
