namespace Crdt;

/// <summary>A field's value: of concurrent ones the policy picks what is read.</summary>
internal sealed class RegisterType(ConflictPolicy policy) : DataType(PathKind.Key, ReplaceRule.Observed, $"register, {policy}")
{
    public ConflictPolicy Policy => policy;

    public override Value? Read(IReadOnlyList<Sibling> siblings)
    {
        bool sparesLost = policy is ConflictPolicy.ServerWins or ConflictPolicy.ClientWins && !siblings.All(s => s.IsLost);
        IEnumerable<Sibling> read = siblings.Where(s => !(sparesLost && s.IsLost));
        return policy == ConflictPolicy.FirstWriteWins
            ? read.MinBy(s => (s.Claim, s.Dot.Replica, s.Dot.Sequence)).Value
            : read.First().Value;
    }
}
