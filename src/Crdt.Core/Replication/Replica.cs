using System.Runtime.CompilerServices;

namespace Crdt;

/// <summary>One durable copy of one space: captures changes, applies those of others, answers readers. The way in for
/// applications.</summary>
/// <remarks>
/// <para>Safe for concurrent use. Commits and arriving runs pass through one writer, where those that wait together
/// become durable together; readers never wait for it and see whole transactions only.</para>
/// <para>Laws: 1, 2, 4, 12.</para>
/// </remarks>
public sealed partial class Replica : IAsyncDisposable
{
    private readonly IReplicaStore store;
    private volatile ReplicaWriter writer;
    private readonly Recurring<PurgeResult> purger;
    private readonly Recurring<PruneResult> retainer;

    private Replica(IReplicaStore store, ReplicaOptions options)
    {
        this.store = store;
        Options = options;
        writer = new ReplicaWriter(store, options);
        purger = new Recurring<PurgeResult>(options.Time, cancellation => Purger.RunAsync(this, cancellation));
        retainer = new Recurring<PruneResult>(options.Time, cancellation => Retainer.RunAsync(this, cancellation));
        index = new MutationIndex(store, options.MutationsPerZone);
        Mesh = new MeshTree(() => (Role, Id), options.Time);
        Blobs = new ReplicaBlobs(this, options.Blobs ?? new BlobPolicy());
    }

    /// <summary>The attachments: content that fields name.</summary>
    public ReplicaBlobs Blobs { get; }

    /// <summary>Its part in the tree that live changes travel along.</summary>
    internal MeshTree Mesh { get; }

    /// <summary>The space it is a copy of.</summary>
    public SpaceId Space => writer.Identity.Space;

    /// <summary>Its writer identity.</summary>
    public ReplicaId Id => writer.Identity.Replica;

    /// <summary>The role in which it writes.</summary>
    public ReplicaRole Role => writer.Identity.Role;

    /// <summary>The space's name for people; empty until the space's founding has arrived.</summary>
    public string SpaceName => Get(SpaceGenesis.SettingsKey)?.GetString(SpaceGenesis.NameField) ?? "";

    /// <summary>The latest batch format that the space allows to be written; 1 unless it says otherwise. Later ones are never
    /// written before. Above <see cref="FormatLimits.BatchFormatMax"/> others may write what this build does not read: it is
    /// time to update it.</summary>
    public int BatchFormat => Get(SpaceGenesis.SettingsKey)?[SpaceGenesis.BatchFormatField] is { Kind: ValueKind.Integer } allowed
        ? (int)Math.Clamp(allowed.AsInteger(), 1, int.MaxValue) : 1;

    /// <summary>For every replica, the highest sequence applied.</summary>
    public VersionVector Vector => writer.Authors.Vector;

    /// <summary>The heads of all closed runs, by author.</summary>
    public IReadOnlyList<ChainHead> Heads => writer.Authors.Heads();

    /// <summary>Whether the space was founded with an authority's key: then only who is enrolled writes, and everything
    /// is signed. <see langword="false"/> until the founding has arrived.</summary>
    public bool IsKeyed => writer.Trust.IsKeyedPublished;

    /// <summary>The public key of the space's authority; empty in an open space, and until the founding has arrived.</summary>
    public ReadOnlyMemory<byte> AuthorityKey => writer.Trust.PublishedFounding?.Key ?? default;

    /// <summary>Who is enrolled, the authority itself included, in order of ids; empty in an open space.</summary>
    public IReadOnlyList<Enrolment> Enrolments => writer.Trust.All();

    /// <summary>The newest statement of every replica about what it holds durably, in order of their ids.</summary>
    public IReadOnlyList<Acknowledgement> Acknowledgements => writer.Acknowledgements.Newest();

    /// <summary>What went wrong with the store's projection last, <see langword="null"/> if nothing: the log is whole,
    /// and it is tried again.</summary>
    public Exception? ProjectionError => writer.ProjectionError;

    /// <summary>Replicas that had applied the same as this one and held something else, the latest first: one entry for
    /// each, until the two are found equal again.</summary>
    public IReadOnlyList<Divergence> Divergences => writer.Watch.Divergences;

    /// <summary>How far other replicas' clocks are from this one's, as last measured, in order of their ids.</summary>
    public IReadOnlyList<ClockSkew> ClockSkews => writer.Watch.Skews;

    /// <summary>For every author the highest sequence that everybody is known to have seen: whatever is written from now on
    /// and has not arrived, was written having seen all that. Everybody is, in a keyed space, who is enrolled, and in an
    /// open one who has written, or was met or heard of; without those that are fenced. Empty while of one nothing is
    /// known. Fully known to replicas in the server role alone.</summary>
    public VersionVector StableVector => writer.StableVector;

    /// <summary>What went wrong with the last purge at an interval (<see cref="ReplicaOptions.PurgeInterval"/>);
    /// <see langword="null"/> if nothing: it is tried again.</summary>
    public Exception? PurgeError => purger.Error;

    /// <summary>What becomes of the space's log.</summary>
    public HistoryRetention Retention =>
        Get(SpaceGenesis.SettingsKey)?[RetentionField] is { Kind: ValueKind.String } held
        && Enum.TryParse(held.AsString(), ignoreCase: false, out HistoryRetention retention) && Enum.IsDefined(retention)
            ? retention : HistoryRetention.Undecided;

    /// <summary>What went wrong when the log was last to be kept short at an interval
    /// (<see cref="ReplicaOptions.RetentionInterval"/>); <see langword="null"/> if nothing: it is tried again.</summary>
    public Exception? RetentionError => retainer.Error;

    /// <summary>Tells of a divergence when it is noticed, and again when the entities that differ are known. Raised within a
    /// session, which waits for the handlers.</summary>
    public event EventHandler<Divergence>? Diverged;

    internal const string RetentionField = "history";

    internal ReplicaOptions Options { get; }

    internal ReplicaWriter Writer => writer;

    internal IReplicaStore Store => store;

    /// <summary>Opens the replica that a store holds; the replica owns the store from then on.</summary>
    /// <param name="store">Its durable home.</param>
    /// <param name="options">How it runs.</param>
    /// <param name="cancellationToken">Gives up opening.</param>
    /// <exception cref="ArgumentException">The founding given is not that of the store's space.</exception>
    public static async ValueTask<Replica> OpenAsync(
        IReplicaStore store, ReplicaOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.CachedEntitiesMax, 100, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ProjectedEntitiesPerUpdate, 1, nameof(options));
        if (options.PurgeInterval is { } period)
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(period, TimeSpan.Zero, nameof(options));
        if (options.RetentionInterval is { } rest)
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(rest, TimeSpan.Zero, nameof(options));
        if (options.Genesis is { } given && given.Space != store.Identity.Space)
        {
            throw new ArgumentException(
                $"The founding given is that of space {given.Space}; the store holds {store.Identity.Space}.", nameof(options));
        }
        var replica = new Replica(store, options);
        await replica.writer.RestoreAsync().ConfigureAwait(false);
        if (options.Blobs is null && replica.writer.Watch.BlobPolicy is { } kept) replica.Blobs.Policy = kept;
        replica.writer.Signals.Attached += replica.Blobs.NoteTouched;
        replica.Blobs.NoteTouched(replica.writer.NamingBlobs.ToArray());
        await replica.StartAsync(cancellationToken).ConfigureAwait(false);
        if (options.Genesis is { } genesis && replica.Vector.Count == 0)
        {
            await replica.ApplyAsync(genesis.ToRun(), cancellationToken).ConfigureAwait(false);
        }
        if (options.PurgeInterval is { } interval && replica.Role != ReplicaRole.Client) replica.purger.Start(interval);
        if (options.RetentionInterval is { } pause) replica.retainer.Start(pause);
        return replica;
    }

    /// <summary>Begins a transaction.</summary>
    /// <param name="user">Who is using the device; bound to the mutations for good. 1 to 255 bytes of UTF-8, or
    /// <see langword="null"/>.</param>
    public Transaction Begin(string? user = null) => new(this, user);

    /// <summary>Makes and commits a transaction of what <paramref name="edits"/> notes down.</summary>
    /// <exception cref="MutationException">An edit does not fit the entity; nothing was written.</exception>
    public ValueTask<CommitResult> CommitAsync(
        Action<Transaction> edits, string? user = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(edits);
        Transaction transaction = Begin(user);
        edits(transaction);
        return transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Enrols a replica in this space: it can write as soon as its enrolment has arrived there, and be
    /// understood wherever that has arrived. Needs the server role, and a certificate of the authority
    /// (<see cref="Enrolment.Issue"/>).</summary>
    /// <exception cref="InvalidOperationException">The space is open: nobody is enrolled there.</exception>
    /// <exception cref="ArgumentException">The certificate is not this space's authority's.</exception>
    /// <exception cref="MutationException">The replica id is enrolled already; its key was revoked; or this replica writes
    /// in the client role.</exception>
    public ValueTask<CommitResult> EnrolAsync(Enrolment enrolment, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(enrolment);
        writer.Trust.CheckCertificate(enrolment);
        if (writer.Trust.IsRevoked(enrolment, writer.Fences.Table))
        {
            return ValueTask.FromException<CommitResult>(new MutationException(MutationError.KeyRevoked, enrolment.Key, FieldPath.Root,
                $"The key of {enrolment.Replica} has been revoked: it is enrolled under no id any more. A node that is trusted again has a new key."));
        }
        return CommitAsync(tx =>
        {
            EntityEdit edit = tx.Create(enrolment.Key);
            foreach ((FieldPath field, Value value) in EnrolmentFields.Of(enrolment)) edit.Set(field, value);
        }, cancellationToken: cancellationToken);
    }

    /// <summary>The entity as last committed; <see langword="null"/> when it is not alive.</summary>
    public Entity? Get(EntityKey key) => GetWithDeleted(key) is { Exists: true } entity ? entity : null;

    /// <summary>The entity as last committed, also a deleted one; <see langword="null"/> when it never was.</summary>
    public Entity? GetWithDeleted(EntityKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        ReplicaWriter reading = writer;
        return reading.Cache.Read(key, out Moment at) is { } state ? reading.ToEntity(state, at) : null;
    }

    /// <summary>Keys of the entities of a type, or of a domain, or of all, in order, deleted ones too: without reading any of
    /// them. May tell of entities that are made while it is enumerated.</summary>
    /// <param name="domain">Which domain; all when <see langword="null"/>.</param>
    /// <param name="type">Which type; all when <see langword="null"/>.</param>
    public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null) => writer.Cache.Keys(domain, type);

    /// <summary>Holds on to the present state, so that several reads belong together.</summary>
    public ReplicaView View() => new(writer);

    /// <summary>What decides whether an entity is alive that was deleted and written to concurrently.</summary>
    public ExistencePolicy ExistencePolicyOf(EntityKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return writer.Cache.Moment.Policies.For(key).Existence;
    }

    /// <summary>The policy that is in force for a field.</summary>
    public ConflictPolicy PolicyOf(EntityKey key, FieldPath path)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(path);
        return writer.Cache.Moment.Policies.For(key).For(path);
    }

    /// <summary>What was written concurrently and not settled by a later write, entity by entity.</summary>
    /// <param name="openOnly">Only what waits for a person; otherwise also what policies decided, so that nobody's
    /// value is passed over unseen.</param>
    public IEnumerable<Conflict> Conflicts(bool openOnly = true)
    {
        foreach (EntityKey key in writer.Contested.ToArray())
        {
            foreach (Conflict conflict in Get(key)?.Conflicts() ?? [])
            {
                if (conflict.IsOpen || !openOnly) yield return conflict;
            }
        }
    }

    /// <summary>Entities as they change, by whoever's hand, from the first step of the enumeration on. Changes that
    /// follow each other faster than they are taken come as one; none is missed.</summary>
    public async IAsyncEnumerable<EntityChange> ChangesAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var feed = new ChangeFeed();
        writer.Changed += feed.Add;
        try
        {
            while (true)
            {
                foreach (EntityKey key in await feed.TakeAsync(cancellationToken).ConfigureAwait(false))
                    yield return new EntityChange(key, Get(key));
            }
        }
        finally
        {
            writer.Changed -= feed.Add;
        }
    }

    /// <summary>Transactions that a server refused, with what they had written.</summary>
    /// <param name="openOnly">Only those of which nobody has decided yet what shall become of them.</param>
    public IEnumerable<RefusedTransaction> Refusals(bool openOnly = true)
    {
        foreach (EntityKey key in writer.Cache.Keys(EntityKey.SpaceDomain, RefusalTable.EntityType))
        {
            if (Get(key) is { } entity && Escrow.Read(entity) is { } refused
                && (!openOnly || refused.Handling is RefusalHandling.Open or RefusalHandling.Reassigned)) yield return refused;
        }
    }

    /// <summary>The refused transaction that a mutation belongs to; <see langword="null"/> when it was not refused.</summary>
    public RefusedTransaction? FindRefusal(Dot mutation)
    {
        // Transactions that follow each other are known as one range: the nearest that begins before it is the one.
        for (Dot first = mutation; writer.Refusals.IsRefused(first); first = first with { Sequence = first.Sequence - 1 })
        {
            if (Get(RefusalTable.KeyOf(first)) is { } entity && Escrow.Read(entity) is { } refused) return refused;
        }
        return null;
    }

    /// <summary>Sends refused work again, as it was or changed. The new mutations say which they repeat.</summary>
    /// <param name="refused">The work.</param>
    /// <param name="user">Who decided so.</param>
    /// <param name="instead">Notes down the edits to be made; <see langword="null"/> for the same again.</param>
    /// <param name="cancellationToken">Gives up waiting; it may have been committed none the less.</param>
    /// <exception cref="MutationException">An edit does not fit the entity; nothing was written.</exception>
    public ValueTask<CommitResult> ResubmitAsync(
        RefusedTransaction refused, string? user = null, Action<Transaction>? instead = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(refused);
        Transaction transaction = Begin(user);
        if (instead is null) Escrow.Repeat(refused, transaction);
        else instead(transaction);
        foreach (EntityEdit edit in transaction.Edits) edit.Origin ??= new MutationOrigin(null, refused.First);
        transaction.Add(Escrow.Handle(refused, RefusalHandling.Resubmitted, user, null));
        return transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Sends refused work again with changes to it. The new mutations say which they repeat.</summary>
    /// <param name="refused">The work.</param>
    /// <param name="change">Notes down what shall be different, over what was meant; asked for each of its mutations.</param>
    /// <param name="user">Who decided so.</param>
    /// <param name="cancellationToken">Gives up waiting; it may have been committed none the less.</param>
    /// <exception cref="MutationException">An edit does not fit the entity; nothing was written.</exception>
    public ValueTask<CommitResult> ResubmitAsync(
        RefusedTransaction refused, Action<EntityEdit> change, string? user = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(refused);
        ArgumentNullException.ThrowIfNull(change);
        return ResubmitAsync(refused, user, transaction =>
        {
            Escrow.Repeat(refused, transaction);
            foreach (EntityEdit edit in transaction.Edits) change(edit);
        }, cancellationToken);
    }

    /// <summary>Gives refused work to somebody else to decide.</summary>
    public ValueTask<CommitResult> ReassignAsync(
        RefusedTransaction refused, string assignee, string? user = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(assignee);
        return HandleAsync(refused, RefusalHandling.Reassigned, user, assignee, cancellationToken);
    }

    /// <summary>Gives refused work up. That is recorded; the work stays in the log and in the list of all refusals.</summary>
    public ValueTask<CommitResult> DiscardAsync(
        RefusedTransaction refused, string? user = null, CancellationToken cancellationToken = default) =>
        HandleAsync(refused, RefusalHandling.Discarded, user, null, cancellationToken);

    private ValueTask<CommitResult> HandleAsync(
        RefusedTransaction refused, RefusalHandling handling, string? user, string? assignee,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(refused);
        Transaction transaction = Begin(user);
        transaction.Add(Escrow.Handle(refused, handling, user, assignee));
        return transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The replica in numbers.</summary>
    public async ValueTask<ReplicaStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        StateDigest digest = default;
        VersionVector vector = VersionVector.Empty;
        long entities = 0;
        var reading = new CallWork(w => (digest, vector, entities) = (w.ComputeDigest(), w.Authors.Vector, w.LivingEntities));
        await writer.EnqueueAsync(reading, cancellationToken).ConfigureAwait(false);
        long mutations = vector.Sum(d => d.Sequence);
        long pending = vector.Sum(d => PendingOf(d.Replica, d.Sequence));
        long conflict = OpenConflicts.DotsOf(Conflicts()).Count(d => writer.Acknowledgements.SyncedTo(d.Replica) >= d.Sequence);
        long failed = writer.Refusals.Mutations;
        return new ReplicaStatus(entities, mutations, pending, mutations - pending - conflict - failed, conflict, failed,
            PendingOf(Id, vector[Id]), vector, digest);
    }

    /// <summary>Replays the log beside the engine, from its last snapshot on, and compares: everything that was written must
    /// be held, or have been replaced by somebody who had seen it. Takes time and memory in proportion to the state and to
    /// the log behind the snapshot.</summary>
    public async ValueTask<AuditReport> AuditAsync(CancellationToken cancellationToken = default)
    {
        await pruning.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ReplicaView? view = null;
            LogPosition end = default;
            await writer.EnqueueAsync(new CallWork(_ => (view, end) = (View(), writer.PublishedEnd)), cancellationToken)
                .ConfigureAwait(false);
            using (view) return ReplicaAudit.Run(store, writer.Snapshots, writer.Fences, end, view!);
        }
        finally
        {
            pruning.Release();
        }
    }

    /// <summary>Drops for good every deleted entity that everybody has seen deleted, here and, as it spreads, everywhere: of
    /// it no byte is left but in the log. Nobody's reads change. In the server role only; costs a look at every entity.</summary>
    /// <returns>What was dropped, and what has to wait.</returns>
    /// <exception cref="InvalidOperationException">The replica is in the client role.</exception>
    /// <exception cref="MutationException">The replica cannot write in its space.</exception>
    public ValueTask<PurgeResult> PurgeAsync(CancellationToken cancellationToken = default) => Role != ReplicaRole.Client
        ? purger.RunAsync(cancellationToken)
        : throw new InvalidOperationException("Deleted entities are dropped in the server role.");

    /// <summary>Makes all commits durable, the relaxed ones too, and brings the store's projection up to date, so that the next
    /// opening has nothing to apply again.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        await store.SyncAsync(cancellationToken).ConfigureAwait(false);
        await ProjectAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ProjectAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            (Task? storing, Task ended) = (null, Task.CompletedTask);
            await writer.EnqueueAsync(
                new CallWork(w => (storing, ended) = (w.StartProjection(), w.ProjectionEnded)), cancellationToken)
                .ConfigureAwait(false);
            if (storing is null) return;
            await ended.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (writer.ProjectionError is not null) return;
        }
    }

    /// <summary>Waits for what is under way, brings the projection up to date, and closes the store.</summary>
    public async ValueTask DisposeAsync()
    {
        if (writer.IsClosed) return;
        purger.Dispose();
        retainer.Dispose();
        if (!writer.IsStopped) await ProjectAsync(CancellationToken.None).ConfigureAwait(false);
        await writer.CloseAsync().ConfigureAwait(false);
        await store.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The blobs that an entity's values name, siblings that nobody sees included.</summary>
    internal ReplicaBlobs.Named[] ReadNamed(EntityKey key)
    {
        ReplicaWriter reading = writer;
        if (reading.Cache.PeekCommitted(key) is not { NamesBlobs: true } state) return [];
        var named = new List<ReplicaBlobs.Named>();
        foreach (ref readonly SiblingSlot slot in state.Slots)
        {
            if (!slot.Value.NamesBlobs) continue;
            foreach (Blob blob in slot.Value.Blobs()) named.Add(new ReplicaBlobs.Named(blob, slot.Path, reading.Authors.Ids.Resolve(slot.Dot)));
        }
        return [.. named];
    }

    /// <summary>Other replicas in the server role, still trusted, that have written that they hold all of a blob.</summary>
    internal IReadOnlyList<ReplicaId> ReadBlobServers(BlobHash root)
    {
        ReplicaWriter reading = writer;
        FenceTable fences = reading.Fences.Table;
        return [.. BlobClaims.Read(reading.Cache.PeekCommitted(BlobClaims.KeyOf(root)), reading.Authors.Ids)
            .Where(server => server != Id && !reading.Fences.FormerIds.Contains(server) && fences.Of(server) is null && !reading.Trust.IsRevoked(server, fences))];
    }

    /// <summary>Whether this replica has written that it holds all of a blob.</summary>
    internal bool ClaimsBlob(BlobHash root) =>
        BlobClaims.Read(writer.Cache.PeekCommitted(BlobClaims.KeyOf(root)), writer.Authors.Ids).Contains(Id);

    internal ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken)
    {
        var work = new CommitWork(transaction);
        ValueTask done = writer.EnqueueAsync(work, cancellationToken);
        return done.IsCompletedSuccessfully ? ValueTask.FromResult(work.Result) : AwaitAsync(done, work);

        static async ValueTask<CommitResult> AwaitAsync(ValueTask done, CommitWork work)
        {
            await done.ConfigureAwait(false);
            return work.Result;
        }
    }

    /// <summary>Applies somebody's run, durably.</summary>
    /// <returns>Whether it was news.</returns>
    internal async ValueTask<bool> ApplyAsync(BatchRun run, CancellationToken cancellationToken)
    {
        // What is covered already is not worth a signature's price.
        if (writer.Trust.IsKeyedPublished && writer.Authors.PublishedSequence(run.Author) < run.LastSequence)
            run = writer.Trust.Verify(run);
        var work = new ApplyWork(run);
        await writer.EnqueueAsync(work, cancellationToken).ConfigureAwait(false);
        return work.WasApplied;
    }

    /// <summary>Closes the own open run, so that everything in the log ends at a head.</summary>
    internal ValueTask CloseRunAsync(CancellationToken cancellationToken) =>
        writer.HasOpenRun ? writer.EnqueueAsync(new CloseRunWork(), cancellationToken) : default;

    internal ValueTask AcknowledgeAsync(Acknowledgement statement, CancellationToken cancellationToken) =>
        writer.EnqueueAsync(new AcknowledgeWork(statement), cancellationToken);

    internal async ValueTask NoteAsync(WatchNote note, CancellationToken cancellationToken)
    {
        await writer.EnqueueAsync(new WatchWork(note), cancellationToken).ConfigureAwait(false);
        if (note is DivergenceNote { Divergence: var divergence }) Diverged?.Invoke(this, divergence);
    }

    internal async ValueTask<StateDigest> ComputeDigestAsync(CancellationToken cancellationToken)
    {
        StateDigest digest = default;
        await writer.EnqueueAsync(new CallWork(w => digest = w.ComputeDigest()), cancellationToken).ConfigureAwait(false);
        return digest;
    }
}
