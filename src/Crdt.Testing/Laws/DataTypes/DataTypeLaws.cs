using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Crdt.Testing;

/// <summary>The laws that every data type has to keep, as tests: derive a class, name the type, what is written to it, and
/// what it means, and run it with xunit. A failure prints the shrunk history and the seed that repeats it.</summary>
/// <remarks>Laws: 1–6, 9, 10, 12.</remarks>
public abstract class DataTypeLaws
{
    /// <summary>The data type.</summary>
    public abstract DataType Type { get; }

    /// <summary>The instance that one replica uses, as if it were on a device of its own. By itself the same for all: that
    /// is right for a type without state, as it has to be.</summary>
    protected virtual DataType CreateType() => Type;

    /// <summary>What is written: few, simple ones first, so that equal values meet often.</summary>
    public abstract IReadOnlyList<Value> Arguments { get; }

    /// <summary>Whether <see cref="Expected"/> takes removals into account; without, its cases hold none.</summary>
    public virtual bool MeansWithRemovals => false;

    /// <summary>What is read where everything that was written has been removed; <see langword="null"/> for nothing.</summary>
    public virtual Value? AfterRemoval => null;

    /// <summary>Whether a refused write leaves no trace in what was written upon it. Where it does, only that all read
    /// alike is checked.</summary>
    public virtual bool RefusalsLeaveNoTrace => true;

    /// <summary>How many cases each law is checked with, before <c>CRDT_PROPERTY_CASES</c>.</summary>
    protected virtual int Cases => 1_000;

    /// <summary>What a replica is opened with; the format's own types need no mention.</summary>
    internal IReadOnlyList<DataType> Registered => IsOwn ? [CreateType()] : [];

    /// <summary>Policies that the space is founded with.</summary>
    internal virtual IReadOnlyList<(string Scope, ConflictPolicy Policy)> SpacePolicies => [];

    private bool IsOwn => Type.Kind >= (PathKind)DataType.KindMin;

    /// <summary>The meaning of the type, said a second time and as plainly as possible: what is read by somebody who has
    /// seen these operations, whatever way they took.</summary>
    /// <param name="operations">At least one; in an order in which they may have been made.</param>
    public abstract Value? Expected(IReadOnlyList<RegisterOperation> operations);

    /// <summary>The register that a name has under this type.</summary>
    public virtual FieldPath RegisterOf(FieldPath name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.As(Type);
    }

    /// <summary>Notes a write in a transaction.</summary>
    public virtual void Write(Transaction transaction, EntityKey key, FieldPath name, Value argument)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        transaction.Upsert(key).Write(Type, name, argument);
    }

    /// <summary>Notes a removal in a transaction.</summary>
    public virtual void Remove(Transaction transaction, EntityKey key, FieldPath name)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        transaction.Upsert(key).Remove(name);
    }

    /// <summary>What a replica reads; <see langword="null"/> for nothing.</summary>
    public virtual Value? Read(Replica replica, EntityKey key, FieldPath name)
    {
        ArgumentNullException.ThrowIfNull(replica);
        return replica.Get(key)?[name];
    }

    /// <summary>Law 1.</summary>
    [Fact]
    public void Every_order_of_arrival_is_read_alike() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        await run.SendToAllAsync();
        StateDigest digest = await run.Team[0].ComputeDigestAsync(default);
        IReadOnlyList<BatchRun> runs = await World.RunsOfAsync(run.Team[0]);
        // A hash of the history that is the same in every process: the seed must repeat.
        var random = new Random(history.ToString().Aggregate(7, (hash, c) => unchecked((hash * 31) + c)));
        Replica newcomer = await run.Team.AddAsync(dataTypes: Registered);
        var left = new List<BatchRun>(runs.Where(r => newcomer.Vector[r.Author] < r.LastSequence));
        while (left.Count > 0)
        {
            BatchRun next = left[random.Next(left.Count)];
            try
            {
                await newcomer.ApplyAsync(next, default);
                left.Remove(next);
                run.Read(newcomer); // A read must leave no trace.
            }
            catch (ApplyException e) when (e.Error is ApplyError.Gap or ApplyError.UnknownObservedDot)
            {
                // Not yet.
            }
        }
        foreach (Replica replica in run.Team.Replicas)
        {
            Check.Equal(run.Team[0].Vector, replica.Vector);
            Check.Equal(run.Siblings(0), run.Siblings(replica));
            Check.Equal(run.Read(0), run.Read(replica));
            Check.Equal(digest, await replica.ComputeDigestAsync(default));
        }
    });

    /// <summary>Law 2.</summary>
    [Fact]
    public void What_arrives_again_changes_nothing() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        await run.SendToAllAsync();
        (Value? read, StateDigest digest) = (run.Read(1), await run.Team[1].ComputeDigestAsync(default));
        foreach (BatchRun again in await World.RunsOfAsync(run.Team[0]))
            Check.Equal(false, await run.Team[1].ApplyAsync(again, default));
        Check.Equal(read, run.Read(1));
        Check.Equal(digest, await run.Team[1].ComputeDigestAsync(default));
    });

    /// <summary>Law 3: what two replicas hold together is what either holds after the other's log.</summary>
    [Fact]
    public void A_session_reads_like_the_log_whoever_began() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun byLog = await RegisterRun.OfAsync(this, history);
        await using RegisterRun bySession = await RegisterRun.OfAsync(this, history);
        await byLog.SendAsync(0, 1);
        await byLog.SendAsync(1, 0);
        await Team.MeetAsync(bySession.Team[1], bySession.Team[0]);
        for (int i = 0; i < 2; i++)
        {
            Check.Equal(byLog.Team[i].Vector, bySession.Team[i].Vector);
            Check.Equal(byLog.Siblings(i), bySession.Siblings(i));
            Check.Equal(byLog.Read(i), bySession.Read(i));
        }
        Check.Equal(bySession.Read(0), bySession.Read(1));
    });

    /// <summary>Law 4: what was written is a sibling, or was replaced by somebody who had seen it.</summary>
    [Fact]
    public void Nothing_is_replaced_but_by_somebody_who_had_seen_it() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        for (int at = 0; at < RegisterHistory.Replicas; at++)
        {
            IReadOnlyList<RegisterOperation> seen = run.SeenBy(run.Team[at]);
            HashSet<Dot> held = [.. run.Siblings(at).Select(s => s.Dot)];
            foreach (RegisterOperation written in seen.Where(o => o.Argument is not null))
            {
                bool isSeenLater = seen.Any(o => o.Seen.Contains(written.Dot));
                if (!held.Contains(written.Dot) && !isSeenLater)
                    throw new LawException($"{written.Dot} ({written.Argument?.ToJson()}) is lost: nobody who wrote had seen it.");
            }
            Check.Empty((await run.Team[at].AuditAsync()).Unaccounted);
        }
    });

    /// <summary>Law 5: a write survives every removal that had not seen it, and no other.</summary>
    [Fact]
    public void A_write_survives_a_removal_that_had_not_seen_it() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        await run.SendToAllAsync();
        Value argument = Arguments[history.Steps.Length % Arguments.Count];
        await run.TakeAsync(new RegisterStep(RegisterAction.Remove, 0));
        if (!run.Team[0].Vector.Equals(run.Team[1].Vector)) Check.Equal(AfterRemoval, run.Read(0));
        int before = run.Operations.Count;
        await run.TakeAsync(new RegisterStep(RegisterAction.Write, 1, Argument: argument));
        if (run.Operations.Count == before) return;
        (Value? written, Dot dot) = (run.Read(1), run.Operations[^1].Dot);
        await run.SendToAllAsync();
        for (int at = 0; at < RegisterHistory.Replicas; at++)
        {
            Check.True(run.Siblings(at).Any(s => s.Dot == dot));
            Check.Equal(run.Read(0), run.Read(at));
            if (Type.Rule == ReplaceRule.Observed) Check.Equal(written, run.Read(at));
        }
        await run.TakeAsync(new RegisterStep(RegisterAction.Remove, 2));
        await run.SendToAllAsync();
        for (int at = 0; at < RegisterHistory.Replicas; at++) Check.Equal(AfterRemoval, run.Read(at));
    });

    /// <summary>Law 6: what is read is what the type makes of the siblings held, and of nothing else.</summary>
    [Fact]
    public void A_read_is_a_function_of_the_siblings_that_are_held() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.BeginAsync(this);
        var shown = new Dictionary<string, Value?>();
        foreach (RegisterStep step in history.Steps)
        {
            await run.TakeAsync(step);
            for (int at = 0; at < RegisterHistory.Replicas; at++)
            {
                IReadOnlyList<Sibling> siblings = run.Siblings(at);
                if (siblings.Count == 0) continue;
                Check.Equal(Type.Read(siblings), run.Read(at));
                string held = string.Join('|', siblings);
                if (!shown.TryAdd(held, run.Read(at))) Check.Equal(shown[held], run.Read(at));
            }
        }
    });

    /// <summary>What the type is for.</summary>
    [Fact]
    public void It_reads_as_its_meaning_says() => HoldsFor(isMeaning: true, async history =>
    {
        await using RegisterRun run = await RegisterRun.BeginAsync(this);
        foreach (RegisterStep step in history.Steps)
        {
            await run.TakeAsync(step);
            int at = step.Does == RegisterAction.Send ? step.To : step.At;
            IReadOnlyList<RegisterOperation> seen = run.SeenBy(run.Team[at]);
            if (seen.Count > 0) Check.Equal(Expected(seen), run.Read(at));
        }
    });

    /// <summary>Law 7: a refused transaction reads as if never written; who saw it and wrote upon it stands. Removals
    /// leave nothing behind that a restored value could yield to: histories with them are compared among replicas.</summary>
    [Fact]
    public void What_is_refused_reads_as_if_it_had_never_been_written() => HoldsFor(isMeaning: false, async history =>
    {
        bool hasRemovals = history.Steps.Any(s => s.Does == RegisterAction.Remove);
        await using RegisterRun run = await RegisterRun.BeginAsync(this);
        await run.AddServerAsync("mallory");
        var refused = new HashSet<Dot>();
        for (int i = 0; i < history.Steps.Length; i++)
        {
            bool isRefused = (history.Steps[i].At + i) % 3 == 0;
            int before = run.Operations.Count;
            await run.TakeAsync(history.Steps[i], isRefused ? "mallory" : null);
            if (isRefused && run.Operations.Count > before) refused.Add(run.Operations[^1].Dot);
        }
        await run.SendToAllAsync();
        await run.SendToAllAsync();
        RegisterOperation[] stand = [.. run.Operations.Where(o => !refused.Contains(o.Dot))];
        foreach (Replica replica in run.Team.Replicas)
        {
            Check.Equal(run.Team[0].Vector, replica.Vector);
            Check.Equal(run.Read(0), run.Read(replica));
            Check.Empty((await replica.AuditAsync()).Unaccounted);
            if (stand.Length > 0 && RefusalsLeaveNoTrace && !hasRemovals) Check.Equal(Expected(stand), run.Read(replica));
        }
        Check.Equal(refused.Count, run.Team[1].Refusals(openOnly: false).Sum(r => r.Last - r.First.Sequence + 1));
    });

    /// <summary>Law 9: whatever stands in a register, also what no honest writer would put there, a reader gets over it.</summary>
    [Fact]
    public void A_reader_gets_over_whatever_a_hostile_author_wrote() => Law.Holds(
        Arb.From(Values.Any.Generator.ArrayOf().Where(v => v.Length > 0), Shrink.Fewer), values =>
        {
            Sibling[] siblings = [.. values.Select((value, i) => new Sibling(
                new Dot(Team.IdOf(i + 1), 1), new((ulong)(1_000 - i)), new((ulong)(1_000 - i)), ReplicaRole.Client, value))];
            Check.Equal(Type.Read(siblings), Type.Read(siblings));
        }, Cases);

    /// <summary>Law 9: what is stored arrives as it was, through batches and through a store's projection.</summary>
    [Fact]
    public void What_is_stored_arrives_as_it_was() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history, isProjecting: true);
        await run.SendToAllAsync();
        IReadOnlyList<Sibling> held = run.Siblings(0);
        Value? read = run.Read(0);
        await run.Team[0].FlushAsync();
        await run.Team.ReopenAsync(0);
        Check.Equal(held, run.Siblings(0));
        Check.Equal(held, run.Siblings(1));
        Check.Equal(read, run.Read(0));
    });

    /// <summary>Law 10: a process that dies and opens its store again reads what it read.</summary>
    [Fact]
    public void A_replica_that_is_opened_again_reads_what_it_read() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        for (int at = 0; at < RegisterHistory.Replicas; at++)
        {
            (Value? read, StateDigest digest) = (run.Read(at), await run.Team[at].ComputeDigestAsync(default));
            await run.Team.ReopenAsync(at);
            Check.Equal(read, run.Read(at));
            Check.Equal(digest, await run.Team[at].ComputeDigestAsync(default));
        }
    });

    /// <summary>Law 12: a transaction with writes to two registers is seen as a whole or not at all.</summary>
    [Fact]
    public void Writes_of_one_transaction_are_seen_together_or_not_at_all() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        Value argument = Arguments[history.Steps.Length % Arguments.Count];
        (Value? first, Value? second) = Both(run, 0);
        try
        {
            await run.Team[0].CommitAsync(tx =>
            {
                Write(tx, RegisterRun.Other, RegisterRun.Name, argument);
                Write(tx, RegisterRun.Key, RegisterRun.Name, argument);
                tx.Create(RegisterRun.Key);
                tx.Create(RegisterRun.Key);
            });
            throw new LawException("An entity was created twice in one transaction.");
        }
        catch (MutationException)
        {
            Check.Equal((first, second), Both(run, 0));
        }
        using ReplicaView before = run.Team[1].View();
        string shown = Show(before);
        await run.Team[0].CommitAsync(tx =>
        {
            tx.Upsert(RegisterRun.Other).Set("else", 1);
            tx.Upsert(RegisterRun.Key).Set("else", 1);
            Write(tx, RegisterRun.Other, RegisterRun.Name, argument);
            Write(tx, RegisterRun.Key, RegisterRun.Name, argument);
        });
        await run.SendAsync(0, 1);
        Check.Equal(shown, Show(before));
        Check.Equal(run.Team[0].Get(RegisterRun.Other)?.ToJson(), run.Team[1].Get(RegisterRun.Other)?.ToJson());
    });

    private static string Show(ReplicaView view) =>
        string.Create(CultureInfo.InvariantCulture, $"{view.Get(RegisterRun.Key)?.ToJson()} {view.Get(RegisterRun.Other)?.ToJson()}");

    private (Value? First, Value? Second) Both(RegisterRun run, int at) =>
        (run.Read(at), Read(run.Team[at], RegisterRun.Other, RegisterRun.Name));

    private protected void HoldsFor(bool isMeaning, Func<RegisterHistory, Task> law) =>
        Law.Holds(RegisterHistory.Any(Arguments, !isMeaning || MeansWithRemovals), law, Cases);
}
