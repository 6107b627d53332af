namespace Crdt.Properties.Suites;

[Trait("Law", "6")]
public class LastWriteWinsLaws : PolicyLaws
{
    public override ConflictPolicy Policy => ConflictPolicy.LastWriteWins;

    public override RegisterOperation Pick(
        IReadOnlyList<RegisterOperation> concurrent, IReadOnlyList<RegisterOperation> all) => Latest(concurrent);
}
