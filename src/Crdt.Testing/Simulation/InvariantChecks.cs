using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Crdt.Testing.Simulation;

/// <summary>What has to hold, looked at after whatever may have changed it.</summary>
/// <param name="run">The run.</param>
/// <param name="checkEvery">Every how many changes an entity is compared with the model.</param>
internal sealed partial class InvariantChecks(SimulationRun run, int checkEvery)
{
    // An audit replays a log. Up to so many mutations every replica's is at each quiescence; up to so many one of them;
    // beyond, one at the end.
    private const int AllAuditedMax = 4_000, OneAuditedMax = 40_000;

    // After joining a snapshot so many are compared; the digest tells of the others.
    private const int EntitiesPerJoin = 500;

    // What readers are shown is compared for all entities in runs up to so many mutations, at each quiescence; in longer
    // ones for a sample of about so many, at the end.
    private const int AllReadMax = 10_000, SampledReads = 400;

    private readonly Dictionary<UInt128, StateDigest> digests = [];
    private readonly HashSet<EntityHistory> touched = [];
    private int countdown = 1, turn;

    private SpaceHistory History => run.History;

    /// <summary>After a commit: what the writer was told, and what is there.</summary>
    public void CheckCommit(SimulatedDevice device, long before, CommitResult result)
    {
        if (History.Branches is not null) return;
        long now = device.Applied[IndexOf(device)];
        // In a keyed space the first commit begins with the word that the replica has joined.
        long joined = run.Setup.IsKeyed && before == 0 && now > 0 ? 1 : 0;
        bool isRight = result.Count == 0 ? now == before + joined
            : result.FirstSequence == before + joined + 1 && now >= before + joined + result.Count
                // A server marks beside its own write what that writes upon an older view.
                && History.HoldsMarksOnly(IndexOf(device), before + joined + result.Count + 1);
        if (!isRight)
        {
            throw new ViolationException("commit", "CV-12",
                $"{device.Name} had written {before}, was told of {result.Count} from {result.FirstSequence}, and its log ends at {now}.");
        }
    }

    /// <summary>After news: no gap, nothing backward, nothing torn, and the entities as the model has them.</summary>
    public void CheckNews(SimulatedDevice device)
    {
        List<LogRecord> news = device.Store.News;
        touched.Clear();
        if (History.Branches is not null)
        {
            foreach (LogRecord batch in news)
            {
                if (batch.Kind == LogEntryKind.Batch && batch.Author != IndexOf(device)) run.Figures.Applied += batch.Last - batch.First + 1;
            }
            news.Clear();
        }
        bool hasJoined = false;
        foreach (LogRecord batch in news)
        {
            if (batch.Kind == LogEntryKind.Snapshot)
            {
                hasJoined |= Join(device, batch);
                continue;
            }
            long applied = device.Applied[batch.Author];
            if (batch.First != applied + 1)
            {
                throw new ViolationException("gap", "CV-1",
                    $"{device.Name} held {Author(batch.Author)} up to {applied} and appended {batch.First}-{batch.Last}.");
            }
            device.Applied[batch.Author] = batch.Last;
            if (batch.Author != IndexOf(device)) run.Figures.Applied += batch.Last - batch.First + 1;
            touched.UnionWith(batch.Touched);
        }
        AuthorTable authors = device.Replica!.Writer.Authors;
        foreach (LogRecord batch in news)
        {
            long shown = authors.PublishedSequence(Author(batch.Author));
            if (shown == device.Applied[batch.Author]) continue;
            throw new ViolationException("vector", "CV-1",
                $"{device.Name} shows {Author(batch.Author)} up to {shown}; its log holds {device.Applied[batch.Author]}.");
        }
        news.Clear();
        if (hasJoined)
        {
            run.Figures.Joins++;
            CheckDigest(device);
            foreach (EntityHistory entity in History.Entities.Take(EntitiesPerJoin)) CheckEntity(device, entity);
        }
        foreach (EntityHistory entity in touched)
        {
            if (--countdown > 0) continue;
            countdown = checkEvery;
            CheckEntity(device, entity);
        }
    }

    /// <summary>After opening: all that was acknowledged is there, in whole transactions.</summary>
    public void CheckReopened(SimulatedDevice device)
    {
        if (History.Branches is not null) return;
        long[] found = new long[History.AuthorCount];
        foreach (Dot dot in device.Replica!.Vector) found[History.IndexOf(dot.Replica)] = dot.Sequence;
        for (int author = 0; author < found.Length; author++)
        {
            if (found[author] < device.Applied[author])
            {
                throw new ViolationException("lost", "CV-10",
                    $"{device.Name} had acknowledged {Author(author)} up to {device.Applied[author]}; after the restart it holds {found[author]}.");
            }
            if (!History.EndsTransaction(author, found[author]))
            {
                throw new ViolationException("torn-transaction", "CV-12",
                    $"After the restart {device.Name} holds {Author(author)} up to {found[author]}, within a transaction.");
            }
        }
        device.Applied = found;
        CheckDigest(device);
    }

    /// <summary>A session that ended by itself.</summary>
    public void CheckEnd(SimulatedConnection connection)
    {
        CheckDiverged(connection);
        if (History.Branches is not null) return;
        foreach (SimulatedDevice device in connection.Devices)
        {
            CheckDigest(device);
            CheckCustody(device);
        }
    }

    /// <summary>A session that has come to rest while nothing was wrong.</summary>
    public static void CheckInSync(SimulatedConnection connection, string how)
    {
        CheckDiverged(connection);
        if (connection is { IsOpen: true } && connection.Sessions[0].IsInSync && connection.Sessions[1].IsInSync) return;
        throw new ViolationException("not-in-sync", "CV-14",
            $"{connection.Devices[0].Name} and {connection.Devices[1].Name} have nothing more to say and are not in sync, {how}: "
            + $"{connection.Sessions[0].Progress}, {connection.Sessions[1].Progress}.");
    }

    /// <summary>Now and then: what nobody can hold any more is forgotten.</summary>
    public void Survey()
    {
        if (History.Branches is not null) return;
        long[] everywhere = (long[])run.Devices[0].Applied.Clone();
        foreach (SimulatedDevice device in run.Devices)
        {
            for (int i = 0; i < everywhere.Length; i++) everywhere[i] = Math.Min(everywhere[i], device.Applied[i]);
        }
        History.NoteEverywhere(everywhere);
    }

    /// <summary>Everything, once all had the time and the links to tell each other everything.</summary>
    public void CheckQuiescence(bool isLast)
    {
        foreach (SimulatedDevice device in run.Devices) CheckHoldsAll(device);
        SimulatedDevice looked = run.Devices[turn++ % run.Devices.Count];
        CheckAllEntities(looked);
        if (History.Mutations <= AllReadMax || isLast) CheckReads(looked);
        StateDigest digest = looked.Replica!.Writer.ComputeDigest();
        foreach (SimulatedDevice device in run.Devices)
        {
            if (device.Replica!.Writer.ComputeDigest() != digest)
                throw new ViolationException("digest", "CV-1", $"{looked.Name} and {device.Name} hold the same and differ in state.");
            CheckSynced(device);
            if (History.Mutations <= AllAuditedMax || (device == looked && (isLast || History.Mutations <= OneAuditedMax)))
                CheckAudit(device);
        }
        Survey();
        History.Prune();
        digests.Clear();
    }

    /// <summary>The same where ids were used twice: the fences have spread, so all hold the same, and what was written
    /// counts, is kept aside, or was written again.</summary>
    public void CheckForks()
    {
        Replica first = run.Devices[0].Replica!;
        StateDigest digest = first.Writer.ComputeDigest();
        foreach (SimulatedDevice device in run.Devices)
        {
            Replica replica = device.Replica!;
            if (!replica.Vector.Equals(first.Vector))
            {
                throw new ViolationException("not-converged", "CV-13",
                    $"Everything healed and all met; {run.Devices[0].Name} holds {first.Vector}, {device.Name} {replica.Vector}.");
            }
            if (replica.Writer.ComputeDigest() != digest)
                throw new ViolationException("digest", "CV-13", $"{run.Devices[0].Name} and {device.Name} hold the same and differ in state.");
            if (replica.PendingReissues > 0 || replica.ForkReports.Count > 0)
            {
                throw new ViolationException("unsettled", "CV-13",
                    $"{device.Name} has {replica.PendingReissues} mutations to write again, and {replica.ForkReports.Count} forks are not fenced.");
            }
            if (History.Mutations <= AllAuditedMax) CheckAudit(device);
        }
        History.Branches!.Check(run.Devices);
        if (History.Mutations > AllReadMax) return;
        SimulatedDevice looked = run.Devices[turn++ % run.Devices.Count];
        CheckReads(looked, History.Branches.Read(looked), static _ => true);
    }

    // ---- one thing each ----

    /// <summary>What a snapshot brings, beside what is there.</summary>
    /// <returns>Whether it brings anything.</returns>
    private bool Join(SimulatedDevice device, LogRecord snapshot)
    {
        bool isNews = false;
        foreach (Dot dot in snapshot.ToEntry().Reaches())
        {
            int author = History.IndexOf(dot.Replica);
            if (!History.EndsTransaction(author, dot.Sequence))
            {
                throw new ViolationException("torn-transaction", "CV-12",
                    $"{device.Name} took a snapshot that ends at {dot}, within a transaction.");
            }
            isNews |= dot.Sequence > device.Applied[author];
            device.Applied[author] = Math.Max(device.Applied[author], dot.Sequence);
        }
        return isNews;
    }

    /// <summary>Compares an entity's siblings with the model's, for what the replica has applied.</summary>
    /// <returns>How many they are.</returns>
    private int CheckEntity(SimulatedDevice device, EntityHistory entity)
    {
        run.Figures.Checks++;
        ReplicaWriter writer = device.Replica!.Writer;
        ReadOnlySpan<SiblingSlot> held = writer.Cache.Read(entity.Key, out _) is { } state ? state.Slots : [];
        int expected = 0;
        foreach (SiblingRecord sibling in entity.Siblings)
        {
            if (!sibling.IsHeldAt(device.Applied)) continue;
            expected++;
            if (!Holds(held, sibling, writer.Authors.Ids))
            {
                throw new ViolationException("model", "CV-4",
                    $"{device.Name} lacks in {entity.Key} at '{sibling.Path}' what {Author(sibling.Author)}:{sibling.Sequence} wrote ({sibling.Value}).");
            }
        }
        if (expected == held.Length) return expected;
        throw new ViolationException("model", "CV-1",
            $"{device.Name} holds {held.Length} siblings in {entity.Key}, the model {expected}.");
    }

    private bool Holds(ReadOnlySpan<SiblingSlot> held, SiblingRecord sibling, ReplicaTable ids)
    {
        foreach (ref readonly SiblingSlot slot in held)
        {
            if (slot.Dot.Sequence != sibling.Sequence || !slot.Path.Equals(sibling.Path)
                || ids.Resolve(slot.Dot).Replica != Author(sibling.Author)) continue;
            return slot.Timestamp == sibling.Timestamp && slot.Claim == sibling.Claim && slot.Dot.Role == sibling.Role
                && slot.Value == sibling.Value;
        }
        return false;
    }

    /// <summary>Whoever has applied the same has the same digest.</summary>
    private void CheckDigest(SimulatedDevice device)
    {
        StateDigest digest = device.Replica!.Writer.ComputeDigest();
        UInt128 vector = XxHash128.HashToUInt128(MemoryMarshal.AsBytes<long>(device.Applied));
        if (digests.TryAdd(vector, digest) || digests[vector] == digest) return;
        throw new ViolationException("digest", "CV-1",
            $"{device.Name} has applied what another had applied before it, and its digest is {digest}, not {digests[vector]}.");
    }

    private void CheckHoldsAll(SimulatedDevice device)
    {
        VersionVector vector = device.Replica!.Vector;
        for (int author = 0; author < History.AuthorCount; author++)
        {
            long written = History[author].Last, held = vector[Author(author)];
            if (held == written && device.Applied[author] == written) continue;
            throw new ViolationException("not-converged", "CV-14",
                $"Everything healed and all met; {device.Name} holds {Author(author)} up to {held} of {written}.");
        }
    }

    private void CheckSynced(SimulatedDevice device)
    {
        if (!run.Devices.Exists(d => d.Identity.Role != ReplicaRole.Client)) return;
        AcknowledgementTable acknowledgements = device.Replica!.Writer.Acknowledgements;
        for (int author = 0; author < History.AuthorCount; author++)
        {
            long synced = acknowledgements.SyncedTo(Author(author));
            if (synced == History[author].Last) continue;
            throw new ViolationException("pending", "CV-14",
                $"Everything healed and all met; {device.Name} knows {Author(author)} synced up to {synced} of {History[author].Last}.");
        }
        if (device.Identity.Role != ReplicaRole.Client || CheckCustody(device)) return;
        throw new ViolationException("custody", "CV-14", $"Everything healed and all met; {device.Name} is not safe to wipe.");
    }

    /// <summary>What a device has a receipt for, some other server holds.</summary>
    /// <returns>Whether it has receipts for everything.</returns>
    private bool CheckCustody(SimulatedDevice device)
    {
        if (device.Replica is not { } replica) return false;
        CustodyReport report = new CustodyCheck(replica.Writer, []).Run();
        Dictionary<ReplicaId, long> missing = report.Missing.ToDictionary(m => m.Author, m => m.FirstSequence);
        foreach ((ReplicaId author, long applied) in replica.Vector)
        {
            long kept = missing.TryGetValue(author, out long first) ? first - 1 : applied;
            int index = History.IndexOf(author);
            if (kept == 0 || run.Devices.Exists(d => d != device && d.Identity.Role != ReplicaRole.Client && d.Applied[index] >= kept)) continue;
            throw new ViolationException("custody", "CV-10",
                $"{device.Name} has a receipt for {author} up to {kept}, and no other server holds that.");
        }
        return report.IsSafeToWipe;
    }

    private void CheckAllEntities(SimulatedDevice device)
    {
        // What was dropped for good is no entity any more, whether its name is still known or not.
        int written = History.Entities.Count(entity => CheckEntity(device, entity) > 0);
        EntityCache cache = device.Replica!.Writer.Cache;
        int held = cache.Keys(null, null).Count(key => cache.Read(key, out _) is { Slots.IsEmpty: false });
        if (held != written)
            throw new ViolationException("model", "CV-1", $"{device.Name} holds {held} entities, {written} were written.");
    }

    private void CheckReads(SimulatedDevice device)
    {
        long every = History.Mutations <= AllReadMax ? 1 : Math.Max(1, History.Entities.Count() / SampledReads);
        HashSet<EntityKey> sample = [.. History.Entities.Where((_, i) => every == 1 || (i + turn) % every == 0).Select(e => e.Key)];
        // What was refused must be known of everything.
        CheckReads(device, History.Read(key => sample.Contains(key) || key is { IsSpaceData: true, Type: RefusalTable.EntityType }), sample.Contains);
        if (every > 1) return;
        Replica replica = device.Replica!;
        long living = History.Entities.Count(e => !e.Key.IsSpaceData && replica.Get(e.Key) is not null);
        long told = SimulationRun.Now(replica.GetStatusAsync()).Entities;
        if (living != told) throw new ViolationException("reads", "CV-6", $"{device.Name} tells of {told} entities and shows {living}.");
    }

    /// <summary>What a reader is shown there, beside what the reference makes of the history.</summary>
    private void CheckReads(SimulatedDevice device, List<Mutation> history, Func<EntityKey, bool> isSampled)
    {
        Replica replica = device.Replica!;
        try
        {
            var reference = new ReferenceModel(history, replica.PolicyOf, replica.ExistencePolicyOf);
            ILookup<EntityKey, Conflict> conflicts = replica.Conflicts(openOnly: false).ToLookup(c => c.Key);
            foreach (EntityKey key in reference.Keys.Where(isSampled))
            {
                run.Figures.Reads++;
                ReadChecks.CheckEntity(replica, reference, key, conflicts[key].Count());
            }
            ReadChecks.CheckRefusals(replica, reference);
            if (History.Branches is null && History.Mutations <= AllReadMax) CheckStatus(replica, reference);
        }
        catch (LawException e)
        {
            throw new ViolationException("reads", "CV-6", $"{device.Name} shows otherwise than the history has it: {e.Message}", e);
        }
    }

    private void CheckStatus(Replica replica, ReferenceModel reference)
    {
        bool hasServer = run.Devices.Exists(d => d.Identity.Role != ReplicaRole.Client);
        var open = new Dictionary<EntityKey, HashSet<Dot>>();
        foreach (QueuedMutation queued in replica.Mutations())
        {
            if (!open.TryGetValue(queued.Mutation.Key, out HashSet<Dot>? dots))
                open[queued.Mutation.Key] = dots = [.. reference.OpenDots(queued.Mutation.Key)];
            ReadChecks.CheckStatus(queued, reference, dots, hasServer);
        }
    }

    private static void CheckAudit(SimulatedDevice device)
    {
        AuditReport audit = SimulationRun.Now(device.Replica!.AuditAsync());
        if (audit.Unaccounted.Count == 0 && audit.Written == audit.Replaced + audit.Held) return;
        throw new ViolationException("unaccounted", "CV-4",
            $"{device.Name} cannot account for {audit.Unaccounted.Count} siblings, beginning with {(audit.Unaccounted is [var first, ..] ? $"{first}" : "none")}: {audit}.");
    }

    private static void CheckDiverged(SimulatedConnection connection)
    {
        if (!connection.Sessions.Any(s => s.Progress.IsDiverged)) return;
        throw new ViolationException("diverged", "CV-1",
            $"{connection.Devices[0].Name} and {connection.Devices[1].Name} hold the same and told different digests.");
    }

    private int IndexOf(SimulatedDevice device) => History.IndexOf(device.Identity.Replica);

    private ReplicaId Author(int author) => History[author].Id;
}
