namespace Crdt;

/// <summary>The entities in memory. One writer prepares states unit by unit and publishes them group by group;
/// readers see whole groups, from a moment that can be held on to.</summary>
/// <param name="store">Where entities are loaded from.</param>
/// <param name="entitiesMax">How many are kept in memory, beside those that must be.</param>
/// <param name="policies">Those in force before the first commit.</param>
internal sealed class EntityCache(IReplicaStore store, int entitiesMax, PolicyTable policies)
{
    private readonly SlotTable slots = new();
    private readonly List<EntitySlot> touched = [];
    private readonly List<(EntitySlot Slot, EntityState? Working, int Unit)> undo = [];
    private readonly SortedDictionary<long, int> views = [];
    private readonly List<EntitySlot> chained = [];

    // What was purged: it goes when the projection has let go of it, and no view could see what was there.
    private readonly List<EntitySlot> emptied = [];

    // What was published and may not be projected yet: what an index may not know.
    private readonly List<EntitySlot> unprojected = [];
    private readonly Lock gate = new();
    private Moment moment = new(0, policies);
    private int sweptTo;

    // It only tells the unit in hand from those before: that it may begin anew some day does no harm.
    private int unit;
    private long evictions;
    private volatile bool isDetached;

    /// <summary>The last commit that was published, and what is read by it.</summary>
    public Moment Moment => Volatile.Read(ref moment);

    /// <summary>The slots of the group being committed.</summary>
    public List<EntitySlot> Touched => touched;

    /// <summary>How many entities are in memory.</summary>
    public int Count => slots.Count;

    /// <summary>What is in memory now; for the writer's turn.</summary>
    public IEnumerable<EntitySlot> Slots => slots.ToList();

    /// <summary>Whether the entity is in memory.</summary>
    public bool Contains(EntityKey key) => slots.Contains(key);

    /// <summary>States that are held only until the next publishing.</summary>
    public int UnpublishedStates => undo.Count;

    // ---- the writer's side ----

    /// <summary>Begins a unit: what it works on is its own until the next one begins.</summary>
    public int BeginUnit()
    {
        unit++;
        return undo.Count;
    }

    /// <summary>Gives up what was worked on since the mark.</summary>
    public void Revert(int mark)
    {
        for (int i = undo.Count - 1; i >= mark; i--)
        {
            EntitySlot slot = undo[i].Slot;
            (slot.Working, slot.Unit) = (undo[i].Working, undo[i].Unit);
            // What was given up before it ever was leaves nothing; the slot itself is passed over when publishing.
            if (slot is { Published: null, Working: null }) slots.Remove(slot.Key);
        }
        undo.RemoveRange(mark, undo.Count - mark);
    }

    /// <summary>Gives up the whole group.</summary>
    public void RevertGroup()
    {
        Revert(0);
        foreach (EntitySlot slot in touched) slot.IsTouched = false;
        touched.Clear();
    }

    /// <summary>The slot of an entity; one that never was has a slot of its own, kept once something is written to it.</summary>
    public EntitySlot GetOrLoad(EntityKey key)
    {
        if (slots.TryGet(key, out EntitySlot? slot)) return slot;
        slot = Load(key);
        if (slot is null) return new EntitySlot(key);
        lock (gate) return slots.GetOrAdd(slot);
    }

    /// <summary>The newest state of an entity, published or not, without keeping it in memory; on the writer's turn.</summary>
    public EntityState? Peek(EntityKey key) =>
        slots.TryGet(key, out EntitySlot? slot) ? slot.Working ?? slot.Published : Load(key)?.Published;

    /// <summary>Keys of all entities, those too that are not published yet, in order; on the writer's turn.</summary>
    public IEnumerable<EntityKey> CurrentKeys()
    {
        List<EntityKey> cached = [.. slots.ToList().Select(static s => s.Key)];
        cached.Sort();
        return store.IsProjecting ? Union(cached, store.Keys(null, null)) : cached;
    }

    /// <summary>A state of the slot that the current unit may change.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="more">By how many siblings it is likely to grow.</param>
    public EntityState ToWorking(EntitySlot slot, int more)
    {
        if (slot.Working is { } own && slot.Unit == unit) return own;
        EntityState working = slot.Current.ToWorking(more);
        undo.Add((slot, slot.Working, slot.Unit));
        (slot.Working, slot.Unit, slot.IsRecentlyUsed) = (working, unit, true);
        if (!slot.IsTouched)
        {
            if (slot.Published is null) slots.Put(slot);
            slot.IsTouched = true;
            touched.Add(slot);
        }
        return working;
    }

    /// <summary>A state of the slot that the current unit may change by a mutation.</summary>
    public EntityState ToWorking(EntitySlot slot, BatchColumns columns, int mutation) =>
        slot.Working is { } own && slot.Unit == unit ? own : ToWorking(slot, ChangeApplier.Growth(slot.Current, columns, mutation));

    /// <summary>Makes the group's states the ones that readers see, all at once.</summary>
    /// <param name="policies">The policies in force from then on.</param>
    /// <param name="onPublish">Told of each slot that changed, with the state before; may be null.</param>
    public void Publish(PolicyTable policies, Action<EntitySlot, EntityState>? onPublish)
    {
        lock (gate)
        {
            long epoch = moment.Epoch + 1;
            bool hasViews = views.Count > 0;
            foreach (EntitySlot slot in touched)
            {
                slot.IsTouched = false;
                if (slot.Working is not { } working) continue;
                EntityState? before = slot.Published;
                working.Trim();
                working.Epoch = epoch;
                if (hasViews && before is not null)
                {
                    working.Previous = before;
                    if (before.Previous is null) chained.Add(slot);
                }
                slot.Published = working;
                slot.Working = null;
                if (working.Slots.IsEmpty) emptied.Add(slot);
                onPublish?.Invoke(slot, working);
                List(slot);
            }
            Volatile.Write(ref moment, new Moment(epoch, policies));
        }
        touched.Clear();
        undo.Clear();
    }

    /// <summary>Forgets entities of which nothing is left.</summary>
    public void DropEmptied()
    {
        if (emptied.Count == 0) return;
        lock (gate)
        {
            long oldest = views.Count == 0 ? long.MaxValue : views.Keys.First();
            int removed = emptied.RemoveAll(slot =>
            {
                if (slot.Published is not { Slots.IsEmpty: true } state) return true;
                if (slot.IsDirty || slot.IsInFlight || slot.IsTouched || state.Previous is not null || state.Epoch > oldest)
                    return false;
                slots.Remove(slot.Key);
                return true;
            });
            if (removed > 0) evictions++;
        }
    }

    /// <summary>Forgets entities beyond the budget that the projection holds and nobody used lately.</summary>
    public void Evict()
    {
        // What a sweep had to leave will mostly have to be left again, until the projection has caught up.
        if (!store.IsProjecting || Count <= Math.Max(entitiesMax, Volatile.Read(ref sweptTo))) return;
        lock (gate)
        {
            long oldest = views.Count == 0 ? long.MaxValue : views.Keys.First();
            // Down to nine tenths, so that a sweep pays for many evictions.
            int excess = Count - (entitiesMax - (entitiesMax / 10));
            foreach (EntitySlot slot in slots.Walk())
            {
                if (excess <= 0) break;
                if (slot.IsDirty || slot.IsInFlight || slot.IsTouched || slot.IsDigestStale || IsKept(slot.Key)
                    || slot.Published is not { Previous: null } state || state.Epoch > oldest) continue;
                if (slot.IsRecentlyUsed)
                {
                    slot.IsRecentlyUsed = false;
                    continue;
                }
                slots.Remove(slot.Key);
                excess--;
            }
            Volatile.Write(ref sweptTo, Count + (entitiesMax / 10));
            evictions++;
        }
    }

    /// <summary>The space's own data is read with every change of it and is small; but not the work that was refused, nor what servers
    /// say they hold of blobs.</summary>
    private static bool IsKept(EntityKey key) => key.IsSpaceData && key.Type is not (RefusalTable.EntityType or BlobClaims.EntityType);

    /// <summary>After an update of the projection: more can be forgotten than the last sweep could.</summary>
    public void NoteProjected()
    {
        Volatile.Write(ref sweptTo, 0);
        lock (gate)
        {
            unprojected.RemoveAll(static slot =>
            {
                if (slot.IsDirty || slot.IsInFlight) return false;
                slot.IsListed = false;
                return true;
            });
        }
    }

    /// <summary>A state is to be projected though it has not changed: what is read of it has.</summary>
    public void NoteUnprojected(EntitySlot slot)
    {
        lock (gate) List(slot);
    }

    private void List(EntitySlot slot)
    {
        if (!store.IsProjecting || slot.IsListed) return;
        slot.IsListed = true;
        unprojected.Add(slot);
    }

    // ---- the readers' side ----

    /// <summary>Holds on to the present moment; to be given back with <see cref="CloseView"/>.</summary>
    public Moment OpenView()
    {
        lock (gate)
        {
            views[moment.Epoch] = views.GetValueOrDefault(moment.Epoch) + 1;
            return moment;
        }
    }

    public void CloseView(long epoch)
    {
        lock (gate)
        {
            if (--views[epoch] > 0) return;
            bool wasOldest = views.Keys.First() == epoch;
            views.Remove(epoch);
            if (wasOldest) LetGo(views.Count == 0 ? long.MaxValue : views.Keys.First());
        }
    }

    /// <summary>Lets go of the states that only views from before <paramref name="oldest"/> could see.</summary>
    private void LetGo(long oldest)
    {
        chained.RemoveAll(slot =>
        {
            EntityState? state = slot.Published;
            while (state is not null && state.Epoch > oldest) state = state.Previous;
            if (state is not null) state.Previous = null;
            return slot.Published?.Previous is null;
        });
    }

    /// <summary>The entity's state as last committed, or <see langword="null"/> if there is none.</summary>
    /// <param name="key">Which entity.</param>
    /// <param name="at">The moment that it is the state of.</param>
    public EntityState? Read(EntityKey key, out Moment at)
    {
        while (true)
        {
            at = Moment;
            EntityState? state = Find(key)?.Published;
            // What was loaded does not tell since when it stands.
            if (state is null or { Epoch: 0 } ? ReferenceEquals(at, Moment) : state.Epoch <= at.Epoch)
                return state is { Slots.IsEmpty: false } ? state : null;
            lock (gate)
            {
                // A commit is being published, or was meanwhile: it is a matter of microseconds.
            }
        }
    }

    /// <summary>The entity's state in a view.</summary>
    public EntityState? Read(EntityKey key, long epoch)
    {
        EntityState? state = Find(key)?.Published;
        while (state is not null && state.Epoch > epoch) state = state.Previous;
        return state is { Slots.IsEmpty: false } ? state : null;
    }

    /// <summary>The entity's state as last committed, without taking it into memory: for whoever looks at all of them.</summary>
    public EntityState? PeekCommitted(EntityKey key)
    {
        EntityState? state = (slots.Find(key) ?? Load(key))?.Published;
        return state is { Slots.IsEmpty: false } ? state : null;
    }

    /// <summary>The entity's state in a view, without keeping it in memory.</summary>
    public EntityState? Peek(EntityKey key, long epoch)
    {
        if (!slots.TryGet(key, out EntitySlot? slot))
        {
            EntityState? stored = Load(key)?.Published;
            // What changed since the view was opened stays in memory as long as it is open: what is there counts.
            if (!slots.TryGet(key, out slot)) return stored;
        }
        EntityState? state = slot.Published;
        while (state is not null && state.Epoch > epoch) state = state.Previous;
        return state;
    }

    /// <summary>Keys of the entities of a type that the projection may not hold as they were last published.</summary>
    public HashSet<EntityKey> UnprojectedKeys(string domain, string type)
    {
        CheckAttached();
        lock (gate)
        {
            return [.. unprojected.Where(s => s.Key.Type == type && s.Key.Domain == domain).Select(static s => s.Key)];
        }
    }

    /// <summary>Keys of the entities of a type that were there at a moment for which a view is open, and have changed
    /// since.</summary>
    public List<EntityKey> KeysChangedSince(long epoch, string domain, string type)
    {
        CheckAttached();
        lock (gate)
        {
            return [.. chained.Where(s => s.Key.Type == type && s.Key.Domain == domain && s.Published is { } state && state.Epoch > epoch)
                .Select(static s => s.Key)];
        }
    }

    /// <summary>Keys of a domain and type, or of all, in order, each once.</summary>
    public IEnumerable<EntityKey> Keys(string? domain, string? type)
    {
        var cached = new List<EntityKey>();
        HashSet<EntityKey>? gone = null;
        foreach (EntitySlot slot in slots.ToList())
        {
            if ((domain is null || slot.Key.Domain == domain) && (type is null || slot.Key.Type == type)
                && slot.Published is { } state)
            {
                if (!state.Slots.IsEmpty) cached.Add(slot.Key);
                // Purged, and perhaps still in the projection.
                else (gone ??= []).Add(slot.Key);
            }
        }
        cached.Sort();
        if (!store.IsProjecting) return cached;
        IEnumerable<EntityKey> projected = store.Keys(domain, type);
        return Union(cached, gone is null ? projected : projected.Where(k => !gone.Contains(k)));
    }

    private static IEnumerable<EntityKey> Union(List<EntityKey> cached, IEnumerable<EntityKey> projected)
    {
        int at = 0;
        foreach (EntityKey key in projected)
        {
            while (at < cached.Count && cached[at].CompareTo(key) < 0) yield return cached[at++];
            if (at < cached.Count && cached[at].Equals(key)) at++;
            yield return key;
        }
        while (at < cached.Count) yield return cached[at++];
    }

    private EntitySlot? Find(EntityKey key)
    {
        if (slots.TryGet(key, out EntitySlot? slot))
        {
            slot.IsRecentlyUsed = true;
            return slot;
        }
        if (!store.IsProjecting) return null;
        long before = Volatile.Read(ref evictions);
        slot = Load(key);
        if (slot is null) return slots.Find(key);
        lock (gate)
        {
            // After an eviction what was loaded may be older than what was forgotten meanwhile: read it, keep it not.
            return evictions == before ? slots.GetOrAdd(slot) : slots.Find(key) ?? Load(key);
        }
    }

    /// <summary>The projection is begun anew, and no longer this cache's: what is not in memory is not to be had.</summary>
    public void Detach() => isDetached = true;

    private void CheckAttached()
    {
        if (isDetached && store.IsProjecting)
        {
            throw new InvalidOperationException(
                "The replica has begun its state anew since this was opened, because of a fence. Open another view.");
        }
    }

    private EntitySlot? Load(EntityKey key)
    {
        CheckAttached();
        if (!store.IsProjecting || store.ReadState(key) is not { } bytes) return null;
        EntityState state = EntityStateCodec.Decode(key, bytes, out UInt128 digest);
        return new EntitySlot(key) { Published = state, Counted = digest, IsRecentlyUsed = true };
    }
}
