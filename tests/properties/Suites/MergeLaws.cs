namespace Crdt.Properties.Suites;

/// <summary>Under merge what is no object is one value, as under last-write-wins; objects are told in EditLaws.</summary>
[Trait("Law", "6")]
public class MergeLaws : PolicyLaws
{
    public override ConflictPolicy Policy => ConflictPolicy.Merge;

    public override RegisterOperation Pick(
        IReadOnlyList<RegisterOperation> concurrent, IReadOnlyList<RegisterOperation> all) => Latest(concurrent);
}
