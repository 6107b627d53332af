using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Testing;

/// <summary>Runs a law over generated cases. <c>CRDT_PROPERTY_CASES</c> multiplies their number: 20 makes a long night
/// of it. A failure prints the shrunk case and the seed that <c>WithReplay</c> repeats.</summary>
public static class Law
{
    private static readonly double Scale = double.TryParse(
        Environment.GetEnvironmentVariable("CRDT_PROPERTY_CASES"), System.Globalization.CultureInfo.InvariantCulture,
        out double scale) ? scale : 1;

    /// <summary>Checks a law.</summary>
    /// <param name="cases">Generator and shrinker.</param>
    /// <param name="law">Throws where it does not hold.</param>
    /// <param name="count">How many cases, before <c>CRDT_PROPERTY_CASES</c>.</param>
    /// <param name="size">Size of the last and largest ones.</param>
    public static void Holds<T>(Arbitrary<T> cases, Action<T> law, int count = 100, int size = 30) =>
        Prop.ForAll(cases, law).Check(Configure(count, size));

    /// <summary>For laws whose stores complete at once, so that nothing is ever awaited in truth.</summary>
    public static void Holds<T>(Arbitrary<T> cases, Func<T, Task> law, int count = 100, int size = 30) =>
        Holds(cases, c => law(c).GetAwaiter().GetResult(), count, size);

    private static Config Configure(int count, int size) => Config.QuickThrowOnFailure
        .WithMaxTest(Math.Max(1, (int)(count * Scale))).WithStartSize(3).WithEndSize(size);
}
