namespace Crdt.Properties.Suites;

[Trait("Law", "7")]
public class ManualLaws : PolicyLaws
{
    public override ConflictPolicy Policy => ConflictPolicy.Manual;

    public override bool WaitsForAPerson => true;

    public override RegisterOperation Pick(
        IReadOnlyList<RegisterOperation> concurrent, IReadOnlyList<RegisterOperation> all) => Latest(concurrent);
}
