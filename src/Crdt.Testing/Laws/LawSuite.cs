using System.Reflection;
using Xunit;

namespace Crdt.Testing;

/// <summary>Runs the laws of a suite without a test runner, to print what they say or to look for more than they do.</summary>
public static class LawSuite
{
    /// <summary>Checks every law of a suite, in order of their names.</summary>
    /// <param name="suite">A suite, as one derives it for xunit.</param>
    public static IEnumerable<LawResult> Run(DataTypeLaws suite)
    {
        ArgumentNullException.ThrowIfNull(suite);
        IEnumerable<MethodInfo> laws = suite.GetType().GetMethods()
            .Where(m => m.GetCustomAttribute<FactAttribute>() is not null).OrderBy(m => m.Name, StringComparer.Ordinal);
        foreach (MethodInfo law in laws) yield return new LawResult(law.Name.Replace('_', ' '), Check(suite, law));
    }

    private static LawException? Check(DataTypeLaws suite, MethodInfo law)
    {
        try
        {
            law.Invoke(suite, BindingFlags.DoNotWrapExceptions, null, null, null);
            return null;
        }
        catch (LawException violation)
        {
            return violation;
        }
    }
}
