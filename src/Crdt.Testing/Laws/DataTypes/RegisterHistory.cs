using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Testing;

/// <summary>What happens to one register at three replicas that all know its entity.</summary>
/// <param name="Steps">In order.</param>
public sealed record RegisterHistory(params RegisterStep[] Steps)
{
    /// <summary>How many replicas take part.</summary>
    public const int Replicas = 3;

    /// <summary>The steps in words.</summary>
    public override string ToString() => string.Join("; ", Steps.Select(s => s.ToString()));

    /// <summary>Histories, with a shrinker: fewer steps, simpler arguments of those that are offered.</summary>
    /// <param name="arguments">What is written.</param>
    /// <param name="withRemovals">Whether somebody removes at times.</param>
    public static Arbitrary<RegisterHistory> Any(IReadOnlyList<Value> arguments, bool withRemovals)
    {
        Gen<int> replica = Gen.Choose(0, Replicas - 1);
        Gen<RegisterStep> step = Gen.Frequency(
            (6, from at in replica
                from argument in Gen.Elements<Value>(arguments)
                select new RegisterStep(RegisterAction.Write, at, Argument: argument)),
            (withRemovals ? 1 : 0, replica.Select(at => new RegisterStep(RegisterAction.Remove, at))),
            (5, from at in replica from to in replica select new RegisterStep(RegisterAction.Send, at, to)),
            (1, replica.Select(at => new RegisterStep(RegisterAction.Reopen, at))));
        return Arb.From(
            from count in Gen.Choose(1, 12) from steps in step.ArrayOf(count) select new RegisterHistory(steps),
            history => Simpler(history, arguments));
    }

    private static IEnumerable<RegisterHistory> Simpler(RegisterHistory history, IReadOnlyList<Value> arguments) =>
        Shrink.Fewer(history.Steps).Concat(Shrink.Each(history.Steps, s => Simpler(s, arguments)))
            .Select(steps => new RegisterHistory(steps));

    private static IEnumerable<RegisterStep> Simpler(RegisterStep step, IReadOnlyList<Value> arguments)
    {
        if (step.Does == RegisterAction.Reopen) yield break;
        // Arguments stand in order of simplicity.
        for (int i = 0; step.Does == RegisterAction.Write && arguments[i] != step.Argument; i++)
            yield return step with { Argument = arguments[i] };
    }
}
