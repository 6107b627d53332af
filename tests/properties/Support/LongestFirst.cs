using Crdt.Properties;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer($"Crdt.Properties.{nameof(LongestFirst)}", "Crdt.Properties")]

namespace Crdt.Properties;

/// <summary>Begins with the classes that take longest, so that none of them runs alone at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly Type[] Long =
    [
        typeof(SnapshotLaws), typeof(ExistenceTests), typeof(ConvergenceLaws), typeof(QueueLaws), typeof(PurgeTests), typeof(KeyedSpaceLaws),
        typeof(SimulationTests), typeof(SurvivalLaws),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderByDescending(c => Array.Exists(Long, type => c.DisplayName.EndsWith(type.FullName!, StringComparison.Ordinal)));
}
