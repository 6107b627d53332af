using Crdt.Store.AtRest;
using Crdt.Store.Disk;
using Crdt.Store.LiteDb;
using Crdt.Store.Log;
using LiteDB;

namespace Crdt.Store.Doctor;

/// <summary>One look at a replica's files, which stay as they are: everything is opened over a disk that keeps changes in
/// memory.</summary>
internal sealed class StoreExamination : IDisposable
{
    // Of each kind so many are told one by one.
    private const int ToldMax = 20;

    private const string Rebuild = "'crdt doctor --repair' builds the projection anew from the log; the old files are kept aside.";

    private const string Refetch = "Keep the files. What peers hold can be fetched again: 'crdt doctor --repair --cut-log' ends the log before "
        + "the damage, keeps the rest aside, applies of it what it can, and goes on under a new id; then 'crdt sync'.";

    private const string BringKeyBack = "Bring it back from a backup of this directory before anything else: a log that ends earlier has to be "
        + "signed with it, too. Without any copy of it, have the device revoked, and pair it anew in another directory; what peers hold comes back then.";

    private readonly string directory;
    private readonly StoreDoctorOptions options;
    private readonly OverlayDisk disk = new(RealDisk.Instance);
    private readonly AtRestCipher? cipher;
    private readonly List<StoreFinding> findings = [];
    private readonly LogSurvey survey;
    private readonly BlobSurvey blobs;
    private StateDigest? digest;
    private long compared;

    public StoreExamination(string directory, StoreDoctorOptions options)
    {
        this.directory = directory;
        this.options = options;
        cipher = FileReplicaStore.OpenKey(directory, RealDisk.Instance, options.Key);
        survey = new LogSurvey(disk, FileReplicaStore.LogDirectory(directory), cipher);
        blobs = new BlobSurvey(RealDisk.Instance, directory, cipher);
    }

    /// <summary>The damage of the log that comes first, unless it is an unfinished end; null if there is none.</summary>
    public LogDamage? FirstDamage => survey.Damages.Find(d => !d.IsTail);

    public async Task<StoreReport> RunAsync(bool isInUse, CancellationToken cancellationToken)
    {
        if (isInUse)
        {
            Add(StoreFindingKind.InUse, "log/lock", "Another process has the replica open.",
                "Stop that process to have the projection checked, too.");
        }
        if (cipher is not null && KeyFile.HasDamagedCopy(disk, directory))
        {
            Add(StoreFindingKind.KeyCopyDamaged, KeyFile.Name, "One of the two copies of the wrapped data key is damaged.",
                "'crdt doctor --repair' writes both anew. Back the file up.");
        }
        if (options.LacksNodeKey) Add(StoreFindingKind.NodeKeyMissing, "keys/node.key", "The private key of this device is missing.", BringKeyBack);
        survey.Run(cancellationToken);
        foreach (LogDamage damage in survey.Damages) Report(damage);
        ReportLeftOvers();
        foreach (IGrouping<StoreFindingKind, StoreFinding> kind in
            (await blobs.RunAsync(isInUse, cancellationToken).ConfigureAwait(false)).GroupBy(f => f.Kind))
            AddSome(kind);
        if (FirstDamage is null && !isInUse) await ReplayAsync(cancellationToken).ConfigureAwait(false);
        return new StoreReport
        {
            Directory = directory,
            IsEncrypted = cipher is not null,
            Segments = survey.Segments,
            LogLengthBytes = survey.LengthBytes,
            Entries = survey.Entries,
            Mutations = survey.Mutations,
            Digest = digest,
            EntitiesCompared = compared,
            Blobs = blobs.Blobs,
            BlobLengthBytes = blobs.LengthBytes,
            Findings = findings,
        };
    }

    public void Dispose()
    {
        disk.Dispose();
        cipher?.Dispose();
    }

    private void Add(StoreFindingKind kind, string where, string problem, string wayOut) =>
        findings.Add(new StoreFinding(kind, where, problem, wayOut));

    private void Report(LogDamage damage)
    {
        string where = $"log/{damage.Segment.FileName} at {damage.Offset}";
        if (damage.IsTail)
        {
            Add(StoreFindingKind.TornTail, where, $"An unfinished write at the end: {damage.Problem}.",
                "Nothing of it was acknowledged: the next opening keeps a copy and drops it.");
            return;
        }
        Add(StoreFindingKind.LogDamaged, where, $"{char.ToUpperInvariant(damage.Problem[0])}{damage.Problem[1..].TrimEnd('.')}.", Refetch);
    }

    private void ReportLeftOvers()
    {
        foreach (string name in disk.ListFiles(FileReplicaStore.LogDirectory(directory)))
        {
            if (name.EndsWith(".tmp", StringComparison.Ordinal))
                Add(StoreFindingKind.LeftOver, $"log/{name}", "A segment that a crash left unfinished.", "The next opening removes it.");
            else if (name.EndsWith(".torn", StringComparison.Ordinal))
                Add(StoreFindingKind.LeftOver, $"log/{name}", "A copy of an unfinished write that was dropped.", "Remove it at will.");
            else if (LogCut.IsAside(name))
            {
                Add(StoreFindingKind.LeftOver, $"log/{name}", "A part of the log that lay behind a damage.",
                    "Keep it until peers have sent what was missing, and repeat 'crdt doctor --repair', which applies what fits by then.");
            }
        }
        foreach (string name in disk.ListFiles(FileReplicaStore.ProjectionDirectory(directory)))
        {
            if (ProjectionFiles.IsAside(name))
                Add(StoreFindingKind.LeftOver, $"projection/{name}", "A projection that was moved aside.", "Remove it at will.");
        }
    }

    private async Task ReplayAsync(CancellationToken cancellationToken)
    {
        ReplicaLog log;
        try
        {
            // Its own key: the log wipes it when it is closed.
            AtRestCipher? key = FileReplicaStore.OpenKey(directory, RealDisk.Instance, options.Key);
            log = ReplicaLog.Open(
                FileReplicaStore.LogDirectory(directory), LogOptions.Default with { Disk = disk, Cipher = key });
        }
        catch (StoreException e) when (e.Error == StoreError.LogDamaged)
        {
            Add(StoreFindingKind.LogDamaged, "log", e.Message, Refetch);
            return;
        }
        using (log)
        {
            ReplicaIdentity identity = FileReplicaStore.IdentityOf(log);
            Replica? whole = await OpenAsync(new LogView(log, identity, log.WrittenEnd, null), cancellationToken).ConfigureAwait(false);
            if (whole is null) return;
            await using (whole.ConfigureAwait(false))
            {
                await CheckLogAsync(whole, cancellationToken).ConfigureAwait(false);
                await CompareAsync(log, identity, whole, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Applies a log; null, with a finding, when that is impossible.</summary>
    private async Task<Replica?> OpenAsync(LogView view, CancellationToken cancellationToken)
    {
        try
        {
            return await Replica.OpenAsync(view, new ReplicaOptions
            {
                Time = options.Replica.Time,
                DataTypes = options.Replica.DataTypes,
                Signatures = options.Replica.Signatures,
                Key = options.Replica.Key,
            }, cancellationToken).ConfigureAwait(false);
        }
        catch (NodeKeyException e)
        {
            if (!options.LacksNodeKey) Add(StoreFindingKind.NodeKeyMissing, "keys/node.key", e.Message, BringKeyBack);
            return null;
        }
#pragma warning disable CA1031 // Whatever content that should not be there makes of the engine: it is what was to be found out.
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            if (view.IsProjecting)
                Add(StoreFindingKind.ProjectionDamaged, "projection", $"Its bookkeeping cannot be read: {e.Message}", Rebuild);
            else Add(StoreFindingKind.LogInconsistent, "log", $"It cannot be applied: {e.Message}", Refetch);
            return null;
        }
    }

    private async Task CheckLogAsync(Replica whole, CancellationToken cancellationToken)
    {
        ReplicaStatus status = await whole.GetStatusAsync(cancellationToken).ConfigureAwait(false);
        digest = status.Digest;
        AddSome(StoreFindingKind.LogInconsistent, whole.CheckLog(cancellationToken)
            .Select(f => ($"log before position {f.Before.Value}", $"{char.ToUpperInvariant(f.Problem[0])}{f.Problem[1..]}.")), Refetch);
        AuditReport audit = await whole.AuditAsync(cancellationToken).ConfigureAwait(false);
        AddSome(StoreFindingKind.Unaccounted, audit.Unaccounted.Select(u => ($"{u.Key} {u.Path}", u.IsHeld
            ? $"It holds what nobody wrote: {u.Dot}."
            : $"What {u.Dot} wrote is neither held nor replaced.")),
            "This is a defect: keep the files and report it.");
    }

    private async Task CompareAsync(
        ReplicaLog log, ReplicaIdentity identity, Replica whole, CancellationToken cancellationToken)
    {
        var files = new ProjectionFiles(disk, FileReplicaStore.ProjectionDirectory(directory));
        using ProjectionDatabase? projection = files.TryOpenAsItIs(log, out string? lost, out bool isOutdated);
        if (isOutdated)
        {
            Add(StoreFindingKind.ProjectionBehind, "projection", lost!, "The next opening builds it anew.");
            return;
        }
        if (projection is null)
        {
            Add(StoreFindingKind.ProjectionDamaged, "projection", $"It does not count: {lost}.", Rebuild);
            return;
        }
        if (projection.Mark.Position.Value == 0)
        {
            if (whole.Vector.Count > 0)
                Add(StoreFindingKind.ProjectionBehind, "projection", "It has not been begun.", "The next opening builds it.");
            return;
        }
        long end = projection.Mark.Position.Value;
        bool isBehind = log.Read(end).Any();
        if (isBehind)
        {
            Add(StoreFindingKind.ProjectionBehind, "projection", $"The log from position {end} on is not in it yet.",
                "The next opening applies it.");
        }
        Replica? then = isBehind ? await OpenAsync(new LogView(log, identity, end, null), cancellationToken).ConfigureAwait(false) : whole;
        Replica? projected = await OpenAsync(new LogView(log, identity, end, projection), cancellationToken).ConfigureAwait(false);
        try
        {
            if (then is null || projected is null) return;
            await CompareAsync(then, projected, projection, cancellationToken).ConfigureAwait(false);
        }
        catch (StoreException e) when (e.Error == StoreError.ProjectionDamaged)
        {
            Add(StoreFindingKind.ProjectionDamaged, "projection", e.Message, Rebuild);
        }
        finally
        {
            if (projected is not null) await projected.DisposeAsync().ConfigureAwait(false);
            if (then is not null && then != whole) await then.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task CompareAsync(
        Replica then, Replica projected, ProjectionDatabase projection, CancellationToken cancellationToken)
    {
        StateDigest fromLog = (await then.GetStatusAsync(cancellationToken).ConfigureAwait(false)).Digest;
        StateDigest stored = (await projected.GetStatusAsync(cancellationToken).ConfigureAwait(false)).Digest;
        if (!then.Vector.Equals(projected.Vector))
            Add(StoreFindingKind.RegistersDiffer, "projection", $"It says {projected.Vector}, the log says {then.Vector}.", Rebuild);
        if (fromLog != stored)
            Add(StoreFindingKind.RegistersDiffer, "projection", $"Its digest is {stored}, that of the log is {fromLog}.", Rebuild);
        AddSome(StoreFindingKind.RegistersDiffer, then.FindDifferences(projected)
            .Select(key => (key.ToString(), "The projection holds other registers than the log leads to.")), Rebuild);
        AddSome(StoreFindingKind.DocumentDiffers, DocumentsThatDiffer(then, projection, cancellationToken), Rebuild);
        CountPages(projection);
    }

    private IEnumerable<(string, string)> DocumentsThatDiffer(
        Replica then, ProjectionDatabase projection, CancellationToken cancellationToken)
    {
        var living = new Dictionary<string, long>();
        foreach (EntityKey key in then.Keys())
        {
            cancellationToken.ThrowIfCancellationRequested();
            compared++;
            if (then.GetWithDeleted(key) is not { } entity) continue;
            BsonDocument? stored = projection.FindDocument(key);
            if (stored is not null && projection.CollectionOf(key.Domain, key.Type) is { } collection)
                living[collection] = living.GetValueOrDefault(collection) + 1;
            if (then.HoldsUnknownTypes(key)) continue;
            if (IsDocumentOf(entity, stored, projection.ReadState(key)?.Length ?? 0, projection.CompleteIndexes)) continue;
            yield return (key.ToString(), stored is null ? "Its document is missing." : entity.Exists
                ? "Its document is not what its registers say." : "It is deleted, and there is a document of it.");
        }
        foreach ((string collection, long count) in living)
        {
            long stored = projection.Query(db => db.GetCollection(collection).LongCount());
            if (stored != count) yield return (collection, $"The collection holds {stored} documents, of {count} entities.");
        }
    }

    private static bool IsDocumentOf(Entity entity, BsonDocument? stored, int stateLength, FieldIndexes indexes)
    {
        if (!entity.Exists || stored is null) return !entity.Exists && stored is null;
        BsonDocument expected = MaterializedDocument.Of(entity, stateLength);
        indexes.AddKeys(expected, entity.Key);
        // Keys of indexes that were dropped stay until the entity is written again.
        foreach (string name in stored.Keys.Where(MaterializedDocument.IsIndexName).Except(expected.Keys).ToList()) stored.Remove(name);
        expected["_id"] = stored["_id"];
        return BsonSerializer.Serialize(expected).AsSpan().SequenceEqual(BsonSerializer.Serialize(stored));
    }

    // What no query came upon: LiteDB's log goes into its data first, which may lack only what the log replaces.
    private void CountPages(ProjectionDatabase projection)
    {
        projection.Query<object?>(db =>
        {
            db.Checkpoint();
            return null;
        });
        string path = Path.Combine(FileReplicaStore.ProjectionDirectory(directory), ProjectionFiles.DataName);
        using var pages = new PageFile(disk, path, 0, cipher);
        long intact = pages.CountIntact();
        if (intact < pages.PageCount)
        {
            Add(StoreFindingKind.ProjectionDamaged, $"projection/{ProjectionFiles.DataName}",
                $"Page {intact} of {pages.PageCount} is damaged.", Rebuild);
        }
    }

    private void AddSome(IGrouping<StoreFindingKind, StoreFinding> found)
    {
        findings.AddRange(found.Take(ToldMax));
        if (found.Count() > ToldMax) Add(found.Key, "blobs", $"And {found.Count() - ToldMax} more like these.", found.First().WayOut);
    }

    private void AddSome(StoreFindingKind kind, IEnumerable<(string Where, string Problem)> found, string wayOut)
    {
        int count = 0;
        foreach ((string where, string problem) in found)
        {
            if (++count <= ToldMax) Add(kind, where, problem, wayOut);
        }
        if (count > ToldMax) Add(kind, "", $"And {count - ToldMax} more like these.", wayOut);
    }
}
