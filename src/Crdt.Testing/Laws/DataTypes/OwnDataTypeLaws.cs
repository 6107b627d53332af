using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Crdt.Testing;

/// <summary>The laws for a data type of one's own: beside those of every type, that it shares names with others, goes
/// through replicas that do not know it, and says what it refuses.</summary>
public abstract class OwnDataTypeLaws : DataTypeLaws
{
    /// <summary>An edit of what a person saw replaces only that: what arrived since is concurrent.</summary>
    [Fact]
    public void An_edit_of_what_was_seen_leaves_what_arrived_since() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        Entity seen = run.Team[0].Get(RegisterRun.Key)!;
        await run.TakeAsync(new RegisterStep(RegisterAction.Write, 1, Argument: Arguments[0]));
        Dot arrived = run.Siblings(1).MaxBy(s => s.Timestamp).Dot;
        await run.SendAsync(1, 0);
        await run.Team[0].CommitAsync(tx => tx.Update(seen).Write(Type, RegisterRun.Name, Arguments[^1]));
        Check.True(run.Siblings(0).Any(s => s.Dot == arrived));
    });

    /// <summary>A name that is something else at another replica is a conflict that a person settles.</summary>
    [Fact]
    public void A_name_in_use_as_another_kind_is_a_conflict_until_a_person_settles_it() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        await run.SendToAllAsync();
        await run.Team[0].CommitAsync(tx => tx.Update(RegisterRun.Key).Set(RegisterRun.Name, "text"));
        await run.Team[1].CommitAsync(tx => tx.Update(RegisterRun.Key).Write(Type, RegisterRun.Name, Arguments[0]));
        await run.SendToAllAsync();
        if (Type.Read(run.Siblings(0)) is null) return;
        foreach (Replica replica in run.Team.Replicas)
        {
            Conflict clash = replica.Conflicts().Single();
            Check.Equal(ConflictKind.Kinds, clash.Kind);
            Check.Equal(RegisterRun.Name, clash.Path);
        }
        await run.Team[2].CommitAsync(tx => tx.Resolve(run.Team[2].Conflicts().Single(), "settled"));
        await run.SendToAllAsync();
        foreach (Replica replica in run.Team.Replicas)
        {
            Check.Empty(replica.Conflicts(openOnly: false));
            Check.Equal("settled", replica.Get(RegisterRun.Key)?.GetString(RegisterRun.Name));
        }
    });

    /// <summary>A replica that does not know the type keeps it, passes it on, and shows nothing in its place.</summary>
    [Fact]
    public void A_replica_that_does_not_know_the_type_keeps_it_and_passes_it_on() => HoldsFor(isMeaning: false, async history =>
    {
        await using RegisterRun run = await RegisterRun.OfAsync(this, history);
        Replica ignorant = await run.Team.AddAsync(dataTypes: []);
        Replica last = await run.Team.AddAsync(dataTypes: Registered);
        await run.SendAsync(0, 3);
        await run.SendAsync(3, 4);
        Check.Equal(null, ignorant.Get(RegisterRun.Key)?[RegisterRun.Name]);
        Check.Equal(run.Read(0), run.Read(last));
        Check.Equal(await last.ComputeDigestAsync(default), await ignorant.ComputeDigestAsync(default));
        Check.Equal(run.Siblings(0), run.Siblings(ignorant));
    });

    /// <summary>An argument that the type refuses is refused when it is noted, and nothing is written.</summary>
    [Fact]
    public void What_can_be_written_is_said_before_it_is() => Law.Holds(Arb.From(Values.Any.Generator, Shrink.Of), async argument =>
    {
        await using Team team = await Team.CreateAsync(new TeamOptions { Devices = 1, DataTypes = Registered });
        Transaction transaction = team[0].Begin();
        string? problem = Type.Validate(argument);
        try
        {
            Write(transaction, RegisterRun.Key, RegisterRun.Name, argument);
            Check.Equal(null, problem);
            await transaction.CommitAsync();
        }
        catch (ArgumentException e)
        {
            Check.True(problem is not null && e.Message.Contains(problem, StringComparison.Ordinal));
        }
    }, Cases);
}
