namespace Crdt.Properties.Suites;

[Trait("Law", "6")]
public class FirstWriteWinsLaws : PolicyLaws
{
    public override ConflictPolicy Policy => ConflictPolicy.FirstWriteWins;

    /// <summary>A write takes over the claim of what it replaces, also of what is refused later.</summary>
    public override bool RefusalsLeaveNoTrace => false;

    public override RegisterOperation Pick(
        IReadOnlyList<RegisterOperation> concurrent, IReadOnlyList<RegisterOperation> all) =>
        concurrent.MinBy(o => (ClaimOf(o, all), o.Dot.Replica, o.Dot.Sequence))!;

    /// <summary>Who replaces something takes over the earliest claim of it.</summary>
    private static HybridTimestamp ClaimOf(RegisterOperation operation, IReadOnlyList<RegisterOperation> all) =>
        Unreplaced([.. all.Where(o => operation.Seen.Contains(o.Dot))])
            .Select(o => ClaimOf(o, all)).Append(operation.Timestamp).Min();
}
