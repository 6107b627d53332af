namespace Crdt.Properties.Suites;

/// <summary>Among devices, where no server has marked anything, it is last-write-wins.</summary>
[Trait("Law", "6")]
public class ClientWinsLaws : PolicyLaws
{
    public override ConflictPolicy Policy => ConflictPolicy.ClientWins;

    /// <summary>The server that refuses also marks what loses: who wins is told in RefusalSchedules.</summary>
    public override bool RefusalsLeaveNoTrace => false;

    public override RegisterOperation Pick(
        IReadOnlyList<RegisterOperation> concurrent, IReadOnlyList<RegisterOperation> all) => Latest(concurrent);
}
