namespace Crdt;

/// <content>What a server-role replica adds to what it applies: marks and refusals, in the same commit.</content>
internal sealed partial class ReplicaWriter
{
    /// <summary>Siblings of one mark take at most about this: more of them go into further marks of the same sibling,
    /// which are united.</summary>
    private const long MarkLengthBytesMax = 384 << 10;

    private bool isSettlingAsked;

    /// <summary>What was decided while this replica must not write.</summary>
    public PostponedDuties Postponed { get; } = new();

    /// <summary>Writes what was decided while that was not allowed.</summary>
    public void PreparePostponed()
    {
        isSettlingAsked = false;
        if (Postponed.IsEmpty || !MayWrite) return;
        UnitMark mark = Mark();
        try
        {
            ServerDuties.Decisions all = Postponed.All;
            // What nothing is left of was dropped for good meanwhile: nothing comes back there.
            AddAnnotations(all with { Annotations = [.. all.Annotations.Where(a => !Cache.GetOrLoad(a.Key).Current.Slots.IsEmpty)] });
            FlushOwnBatch();
            AddNote(Postponed.Settle());
        }
        catch
        {
            Revert(mark);
            throw;
        }
    }

    /// <summary>After a group: what waited for being allowed to write may be allowed now.</summary>
    private void ResumePostponed()
    {
        if (Postponed.IsEmpty || isSettlingAsked || !MayWrite) return;
        isSettlingAsked = true;
        Ask(new PostponedWork());
    }

    private void AddAnnotations()
    {
        if (duties?.Taken is not { } taken) return;
        // While something waits to be written, what comes behind it waits, too.
        if (MayWrite && Postponed.IsEmpty) AddAnnotations(taken);
        else AddNote(Postponed.Add(taken));
    }

    /// <summary>What an own transaction lost or won against, having been based on an older state: in that transaction.</summary>
    private void AddOwnMarks()
    {
        if (duties?.Taken is not { } taken) return;
        own.Mutations[own.MutationCount - 1].EndsTransaction = false;
        AddAnnotations(taken);
    }

    private void AddAnnotations(ServerDuties.Decisions decisions)
    {
        BeginToWrite(EntityKey.CreateTrusted(EntityKey.SpaceDomain, RefusalTable.EntityType, "-"));
        // In order, so that what concerns one entity stands in one mutation, and the bytes are always the same.
        (EntityKey? key, FieldPath? before) = (null, null);
        int mutation = -1;
        foreach (ServerDuties.Annotation annotation in decisions.Annotations
            .OrderBy(static a => a.Key).ThenBy(static a => a.Path).SelectMany(Split))
        {
            if (mutation < 0 || !annotation.Key.Equals(key) || annotation.Path <= before! || IsLarge(mutation))
            {
                if (mutation >= 0) EndAnnotation(mutation);
                mutation = BeginAnnotation(annotation.Key);
            }
            AddMark(annotation);
            (key, before) = (annotation.Key, annotation.Path);
        }
        if (mutation >= 0) EndAnnotation(mutation);
        foreach (ServerDuties.RefusedWork refused in decisions.Refused)
        {
            if (Refusals.IsRefused(refused.First)) continue;
            if (ownBound > SharedBatchLengthBytesMax) EndOwnBatch();
            PrepareEdits([Escrow.Write(refused, Identity.Replica, options.Time.GetUtcNow())], null);
            own.Mutations[own.MutationCount - 1].EndsTransaction = false;
        }
        if (own.MutationCount > 0) own.Mutations[own.MutationCount - 1].EndsTransaction = true;
    }

    private bool IsLarge(int mutation) => Bound(own, mutation) > SharedBatchLengthBytesMax;

    private int BeginAnnotation(EntityKey key)
    {
        if (ownBound > SharedBatchLengthBytesMax) EndOwnBatch();
        ref BatchColumns.MutationRow row = ref own.AddMutation();
        row.Kind = MutationKind.Mark;
        row.Timestamp = Clock.Tick();
        row.Entity = own.Entities.GetOrAdd(key);
        return own.MutationCount - 1;
    }

    private void AddMark(in ServerDuties.Annotation annotation)
    {
        ref BatchColumns.ChangeRow change = ref own.AddChange(
            annotation.Path.IsRoot ? BatchColumns.RootPath : own.Paths.GetOrAdd(annotation.Path));
        (change.HasValue, change.Mark) = (true, annotation.Content);
        if (annotation.Named is { } named)
            own.AddDot(named.Replica == Identity.Replica ? BatchColumns.Self : own.IndexOfOther(named.Replica), named.Sequence);
    }

    private void EndAnnotation(int mutation)
    {
        EntitySlot slot = Cache.GetOrLoad(own.Entities[own.Mutations[mutation].Entity]);
        EntityState working = Cache.ToWorking(slot, own, mutation);
        ChangeApplier.Apply(working, own, mutation, 0, Own.Applied + mutation + 1, OwnOthers(), Authors.Ids);
        ownBound += Bound(own, mutation);
    }

    private void EndOwnBatch()
    {
        own.Mutations[own.MutationCount - 1].EndsTransaction = true;
        FlushOwnBatch();
    }

    private static IEnumerable<ServerDuties.Annotation> Split(ServerDuties.Annotation annotation)
    {
        MarkContent content = annotation.Content;
        if (content.Siblings.Count < 2 || Bound(content) <= MarkLengthBytesMax)
        {
            yield return annotation;
            yield break;
        }
        var part = new List<MarkedSibling>();
        long lengthBytes = 0;
        foreach (MarkedSibling sibling in content.Siblings)
        {
            long more = Bound(sibling);
            if (part.Count > 0 && lengthBytes + more > MarkLengthBytesMax)
            {
                yield return annotation with { Content = content with { Siblings = part } };
                (part, lengthBytes) = ([], 0);
            }
            part.Add(sibling);
            lengthBytes += more;
        }
        yield return annotation with { Content = content with { Siblings = part } };
    }

    private static long Bound(MarkContent mark) => 16 + mark.Siblings.Sum(Bound);

    private static long Bound(MarkedSibling sibling) =>
        64 + (26L * sibling.Replaced.Count) + ValueCodec.LengthBytes(sibling.Value, FormatLimits.ValueLengthBytesMax);
}
