using System.Globalization;
using FsCheck;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace Crdt.Testing;

/// <summary>Tells a failure as its shrunk case, what was found, and the seed that repeats it.</summary>
internal sealed class LawRunner : IRunner
{
    public void OnStartFixture(Type t)
    {
    }

    public void OnArguments(
        int ntest, FSharpList<object> args, FSharpFunc<int, FSharpFunc<FSharpList<object>, string>> every)
    {
    }

    public void OnShrink(FSharpList<object> args, FSharpFunc<FSharpList<object>, string> everyShrink)
    {
    }

    public void OnFinished(string name, TestResult result)
    {
        switch (result)
        {
            case TestResult.Failed failed:
                Exception? cause = failed.Item4 is Outcome.Failed outcome ? Unwrap(outcome.Item) : null;
                string original = Show(failed.Item2), shrunk = Show(failed.Item3);
                string seed = string.Create(
                    CultureInfo.InvariantCulture, $"{failed.Item6.Seed},{failed.Item6.Gamma},{failed.Item7}");
                throw new LawException($"""
                    The law does not hold. Case {failed.Item1.NumberOfTests} broke it; the least case that does:
                    {shrunk}
                    What was found: {cause?.Message}
                    To repeat it: {Law.SeedVariable}={seed}{(original == shrunk ? "" : $"\nAs it was generated:\n{original}")}
                    """, cause ?? new LawException());
            case TestResult.Exhausted exhausted:
                throw new LawException($"Only {exhausted.Item.NumberOfTests} cases could be generated.");
        }
    }

    private static Exception Unwrap(Exception error) =>
        error is AggregateException { InnerExceptions: [var only] } ? Unwrap(only) : error;

    private static string Show(FSharpList<object> arguments) => string.Join(", ", arguments.Select(a => a switch
    {
        System.Collections.IEnumerable items and not string => $"[{string.Join(", ", items.Cast<object>())}]",
        _ => a.ToString(),
    }));
}
