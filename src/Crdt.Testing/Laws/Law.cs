using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Testing;

/// <summary>Runs a law over generated cases. <c>CRDT_PROPERTY_CASES</c> multiplies their number: 20 makes a long night
/// of it. A failure prints the shrunk case and what to set <c>CRDT_PROPERTY_SEED</c> to, so that it is the first one
/// again.</summary>
public static class Law
{
    internal const string SeedVariable = "CRDT_PROPERTY_SEED";

    private static readonly double Scale = double.TryParse(
        Environment.GetEnvironmentVariable("CRDT_PROPERTY_CASES"), CultureInfo.InvariantCulture, out double scale) ? scale : 1;

    /// <summary>Whether laws run with all their cases: with fewer, what is counted over them says nothing.</summary>
    public static bool HasAllCases => Scale >= 1;

    /// <summary>Checks a law.</summary>
    /// <param name="cases">Generator and shrinker.</param>
    /// <param name="law">Throws where it does not hold.</param>
    /// <param name="count">How many cases, before <c>CRDT_PROPERTY_CASES</c>.</param>
    /// <param name="size">Size of the last and largest ones.</param>
    /// <exception cref="LawException">It does not hold.</exception>
    public static void Holds<T>(Arbitrary<T> cases, Action<T> law, int count = 1_000, int size = 30) =>
        Prop.ForAll(cases, law).Check(Configure(count, size));

    /// <summary>For laws whose stores complete at once, so that nothing is ever awaited in truth.</summary>
    /// <exception cref="LawException">It does not hold.</exception>
    public static void Holds<T>(Arbitrary<T> cases, Func<T, Task> law, int count = 1_000, int size = 30) =>
        Holds(cases, c => law(c).GetAwaiter().GetResult(), count, size);

    private static Config Configure(int count, int size)
    {
        Config config = Config.QuickThrowOnFailure.WithRunner(new LawRunner()).WithQuietOnSuccess(true)
            .WithMaxTest(Math.Max(1, (int)(count * Scale))).WithStartSize(3).WithEndSize(size);
        string[] seed = Environment.GetEnvironmentVariable(SeedVariable)?.Split(',') ?? [];
        if (seed.Length == 0) return config;
        if (seed.Length != 3 || !ulong.TryParse(seed[0], CultureInfo.InvariantCulture, out ulong state)
            || !ulong.TryParse(seed[1], CultureInfo.InvariantCulture, out ulong gamma)
            || !int.TryParse(seed[2], CultureInfo.InvariantCulture, out int at))
            throw new InvalidOperationException($"{SeedVariable} is three numbers with commas between, as a failure prints them.");
        return config.WithReplay(state, gamma, at);
    }
}
