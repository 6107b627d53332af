namespace Crdt.Properties.Suites;

[Trait("Law", "6")]
public class FirstWriteWinsLaws : PolicyLaws
{
    public override ConflictPolicy Policy => ConflictPolicy.FirstWriteWins;

    public override RegisterOperation Pick(
        IReadOnlyList<RegisterOperation> concurrent, IReadOnlyList<RegisterOperation> all) =>
        concurrent.MinBy(o => (ClaimOf(o, all), o.Dot.Replica, o.Dot.Sequence))!;

    /// <summary>Who replaces something takes over the earliest claim of it.</summary>
    private static HybridTimestamp ClaimOf(RegisterOperation operation, IReadOnlyList<RegisterOperation> all) =>
        Unreplaced([.. all.Where(o => operation.Seen.Contains(o.Dot))])
            .Select(o => ClaimOf(o, all)).Append(operation.Timestamp).Min();
}
