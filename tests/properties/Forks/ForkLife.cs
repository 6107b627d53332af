using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>What may happen to a team whose devices are backed up, restored, cloned and retired while everybody works.</summary>
public enum ForkEvent
{
    /// <summary>Somebody writes.</summary>
    Write,

    /// <summary>Two meet.</summary>
    Meet,

    /// <summary>Two meet and are interrupted.</summary>
    MeetShortly,

    /// <summary>A device's files are copied.</summary>
    BackUp,

    /// <summary>A copy takes the place of some device's files.</summary>
    Restore,

    /// <summary>A device's files are opened as one more device.</summary>
    Clone,

    /// <summary>A server ends a device's log.</summary>
    Fence,

    /// <summary>A process ends, and begins again.</summary>
    Reopen,

    /// <summary>A server makes a snapshot.</summary>
    TakeSnapshot,

    /// <summary>Somebody drops the log before a snapshot.</summary>
    Prune,
}

/// <summary>One event of a <see cref="ForkLife"/>.</summary>
/// <param name="Event">What.</param>
/// <param name="At">To whom, counted round.</param>
/// <param name="Other">Who or what else takes part, counted round.</param>
public readonly record struct ForkStep(ForkEvent Event, int At, int Other)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Event} {At} {Other}";
}

/// <summary>A generated life of such a team.</summary>
/// <param name="Servers">How many servers.</param>
/// <param name="IsKeyed">Whether everything is signed.</param>
/// <param name="IsProjecting">Whether the stores keep projections.</param>
/// <param name="Steps">What happens.</param>
public sealed record ForkLife(int Servers, bool IsKeyed, bool IsProjecting, ForkStep[] Steps)
{
    /// <summary>Lives with whole logs.</summary>
    public static Arbitrary<ForkLife> WithWholeLogs { get; } = Arb.From(Lives(hasSnapshots: false), Simpler);

    /// <summary>Lives with snapshots, in which logs are dropped on the way.</summary>
    public static Arbitrary<ForkLife> WithSnapshots { get; } = Arb.From(Lives(hasSnapshots: true), Simpler);

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Servers} servers{(IsKeyed ? ", keyed" : "")}{(IsProjecting ? ", projecting" : "")}: {string.Join("; ", Steps)}";

    private static Gen<ForkLife> Lives(bool hasSnapshots) =>
        from servers in Gen.Choose(1, hasSnapshots ? 3 : 2)
        from keyed in Gen.Frequency((3, Gen.Constant(false)), (1, Gen.Constant(true)))
        from projecting in Gen.Frequency((3, Gen.Constant(false)), (1, Gen.Constant(true)))
        from count in Gen.Choose(8, 40)
        from steps in Step(hasSnapshots).ArrayOf(count)
        select new ForkLife(servers, keyed, projecting, steps);

    private static Gen<ForkStep> Step(bool hasSnapshots) =>
        from happens in Gen.Frequency(
        [
            (8, Gen.Constant(ForkEvent.Write)), (6, Gen.Constant(ForkEvent.Meet)), (2, Gen.Constant(ForkEvent.MeetShortly)),
            (2, Gen.Constant(ForkEvent.BackUp)), (2, Gen.Constant(ForkEvent.Restore)), (2, Gen.Constant(ForkEvent.Clone)),
            (2, Gen.Constant(ForkEvent.Fence)), (2, Gen.Constant(ForkEvent.Reopen)),
            .. hasSnapshots ? new (int, Gen<ForkEvent>)[]
            {
                (4, Gen.Constant(ForkEvent.TakeSnapshot)), (4, Gen.Constant(ForkEvent.Prune)),
            } : [],
        ])
        from at in Gen.Choose(0, 5)
        from other in Gen.Choose(0, 5)
        select new ForkStep(happens, at, other);

    private static IEnumerable<ForkLife> Simpler(ForkLife life)
    {
        foreach (ForkStep[] steps in Testing.Shrink.Fewer(life.Steps)) yield return life with { Steps = steps };
        if (life.Servers > 1) yield return life with { Servers = 1 };
        if (life.IsKeyed) yield return life with { IsKeyed = false };
        if (life.IsProjecting) yield return life with { IsProjecting = false };
    }
}
