namespace Crdt.Properties.Suites;

/// <summary>Among devices, where no server has marked anything, it is last-write-wins.</summary>
[Trait("Law", "6")]
public class ClientWinsLaws : PolicyLaws
{
    public override ConflictPolicy Policy => ConflictPolicy.ClientWins;

    public override RegisterOperation Pick(
        IReadOnlyList<RegisterOperation> concurrent, IReadOnlyList<RegisterOperation> all) => Latest(concurrent);
}
