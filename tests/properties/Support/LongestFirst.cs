using Crdt.Properties;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer($"Crdt.Properties.{nameof(LongestFirst)}", "Crdt.Properties")]

namespace Crdt.Properties;

/// <summary>Begins with the classes that take longest, so that none of them runs alone at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Long =
    [
        typeof(SnapshotLaws).FullName!, typeof(ExistenceTests).FullName!, typeof(ConvergenceLaws).FullName!, typeof(QueueLaws).FullName!,
        typeof(PurgeTests).FullName!, typeof(KeyedSpaceLaws).FullName!, typeof(SimulationTests).FullName!, typeof(SurvivalLaws).FullName!,
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderByDescending(c => Array.Exists(Long, name => c.DisplayName.EndsWith(name, StringComparison.Ordinal)));
}
