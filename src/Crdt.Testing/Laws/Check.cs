using System.Collections;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Crdt.Testing;

/// <summary>What the models and laws expect, without any test framework; a failure names the expressions compared.</summary>
public static class Check
{
    /// <summary>Fails unless the condition holds.</summary>
    /// <exception cref="LawException">It does not.</exception>
    public static void True(bool condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        if (!condition) throw new LawException($"Expected to hold: {what}");
    }

    /// <summary>Fails unless both are equal; sequences are compared item by item.</summary>
    /// <exception cref="LawException">They differ.</exception>
    public static void Equal<T>(T expected, T actual, [CallerArgumentExpression(nameof(actual))] string what = "")
    {
        if (AreEqual(expected, actual)) return;
        throw new LawException($"{what} differs.\n  expected: {Show(expected)}\n  actual:   {Show(actual)}");
    }

    /// <summary>Fails unless the sequence is empty.</summary>
    /// <exception cref="LawException">It is not.</exception>
    public static void Empty<T>(IEnumerable<T> items, [CallerArgumentExpression(nameof(items))] string what = "")
    {
        if (items.Any()) throw new LawException($"{what} should be empty, and holds {Show(items)}");
    }

    private static bool AreEqual(object? expected, object? actual)
    {
        if (expected is string || actual is string || expected is not IEnumerable a || actual is not IEnumerable b)
            return Equals(expected, actual);
        return Equals(expected, actual) || Items(a).SequenceEqual(Items(b));
    }

    private static IEnumerable<object?> Items(IEnumerable items) => items.Cast<object?>();

    private static string Show(object? value) => value switch
    {
        null => "nothing",
        string text => text,
        Value json => json.ToJson(),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        IEnumerable items => $"[{string.Join(", ", Items(items).Select(Show))}]",
        _ => value.ToString() ?? "",
    };
}
