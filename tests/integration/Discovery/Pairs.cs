namespace Crdt.Integration.Discovery;

internal static class Pairs
{
    /// <summary>The difference of each to the one before.</summary>
    public static IEnumerable<double> Pairwise(this IEnumerable<double> values)
    {
        double? before = null;
        foreach (double value in values)
        {
            if (before is { } last) yield return value - last;
            before = value;
        }
    }
}
