namespace Crdt.Bench.Workloads;

/// <summary>Replicas in memory for measurements.</summary>
internal static class Lab
{
    public static readonly SpaceGenesis Genesis =
        SpaceGenesis.Create(IdOf(200), "bench", [], TimeProvider.System);

    public static ReplicaId IdOf(int number)
    {
        Span<byte> bytes = stackalloc byte[ReplicaId.LengthBytes];
        bytes.Fill((byte)(number * 37));
        return ReplicaId.FromRandom(bytes);
    }

    /// <summary>One of more ids than <see cref="IdOf"/> tells apart.</summary>
    public static ReplicaId WideIdOf(int number)
    {
        Span<byte> bytes = stackalloc byte[ReplicaId.LengthBytes];
        new Random(number).NextBytes(bytes);
        return ReplicaId.FromRandom(bytes);
    }

    public static Replica Open(int number) => Open(IdOf(number), out _);

    public static Replica Open(ReplicaId id) => Open(id, out _);

    public static Replica Open(ReplicaId id, out MemoryReplicaStore store)
    {
        store = new MemoryReplicaStore(new ReplicaIdentity(Genesis.Space, id, ReplicaRole.Client));
        return Finish(Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = Genesis }));
    }

    /// <summary>Commits the writes in transactions of <paramref name="size"/>; one mutation for each write.</summary>
    public static void Write(Replica replica, ReadOnlySpan<FieldWrite> writes, int size)
    {
        for (int i = 0; i < writes.Length; i += size)
        {
            Transaction transaction = replica.Begin();
            foreach (ref readonly FieldWrite write in writes[i..Math.Min(i + size, writes.Length)])
                transaction.Upsert(write.Key).Set(write.Name, write.Value);
            Finish(transaction.CommitAsync());
        }
    }

    /// <summary>The same with one mutation for all writes to an entity that stand together.</summary>
    public static void WriteByEntity(Replica replica, ReadOnlySpan<FieldWrite> writes, int size)
    {
        for (int i = 0; i < writes.Length; i += size)
        {
            Transaction transaction = replica.Begin();
            EntityEdit? edit = null;
            foreach (ref readonly FieldWrite write in writes[i..Math.Min(i + size, writes.Length)])
            {
                if (edit is null || !ReferenceEquals(edit.Key, write.Key)) edit = transaction.Upsert(write.Key);
                edit.Set(write.Name, write.Value);
            }
            Finish(transaction.CommitAsync());
        }
    }

    /// <summary>What the replica wrote, as runs to be applied elsewhere.</summary>
    public static List<BatchRun> RunsOf(Replica replica)
    {
        Finish(replica.CloseRunAsync(CancellationToken.None));
        return [.. AllRunsOf(replica).Where(r => r.Author == replica.Id)];
    }

    /// <summary>What anybody wrote and the replica holds, without the space's founding, in the order of its log.</summary>
    public static IEnumerable<BatchRun> AllRunsOf(Replica replica)
    {
        var open = new Dictionary<ReplicaId, (long First, List<ReadOnlyMemory<byte>> Batches)>();
        foreach ((LogEntry entry, LogPosition _) in replica.Store.ReadLog(default))
        {
            if (entry.Kind == LogEntryKind.Batch)
            {
                if (!open.TryGetValue(entry.Author, out (long First, List<ReadOnlyMemory<byte>> Batches) run))
                    open[entry.Author] = run = (entry.FirstSequence, []);
                run.Batches.Add(entry.Payload);
            }
            else if (entry.Kind == LogEntryKind.Head && open.Remove(entry.Author, out (long First, List<ReadOnlyMemory<byte>> Batches) run))
                yield return new BatchRun(entry.Author, run.First, [.. run.Batches], entry.LastSequence, entry.Payload);
        }
    }

    public static void Apply(Replica replica, IEnumerable<BatchRun> runs)
    {
        foreach (BatchRun run in runs) Finish(replica.ApplyAsync(run, CancellationToken.None));
    }

    public static Func<EntityKey, string, Value?> Reader(Replica replica)
    {
        Entity? last = null;
        return (key, name) =>
        {
            if (last is null || !ReferenceEquals(last.Key, key)) last = replica.Get(key);
            return last?[name];
        };
    }

    public static T Finish<T>(ValueTask<T> task) => task.IsCompletedSuccessfully ? task.Result : task.AsTask().GetAwaiter().GetResult();

    public static void Finish(ValueTask task)
    {
        if (!task.IsCompletedSuccessfully) task.AsTask().GetAwaiter().GetResult();
    }
}
