using Crdt.Server.GraphQL.Types;

namespace Crdt.Server.GraphQL;

/// <summary>What stands when a conflict is settled by a strategy.</summary>
internal static class ConflictDecisions
{
    /// <exception cref="ApiError">The strategy decides nothing there.</exception>
    public static Value Decide(Conflict conflict, ConflictStrategy strategy)
    {
        IReadOnlyList<Sibling> sides = conflict.Siblings;
        if (conflict.Kind == ConflictKind.Kinds)
            throw new ApiError(ApiErrorCode.InvalidArgument, "A name that is used as different kinds takes a value.", ("argument", "strategy"));
        switch (strategy)
        {
            case ConflictStrategy.LastWriteWins:
                return sides[0].Value;
            case ConflictStrategy.FirstWriteWins:
                return sides.MinBy(s => (s.Claim, s.Dot.Replica, s.Dot.Sequence)).Value;
            case ConflictStrategy.ServerWins:
                return Of(s => s.Role != ReplicaRole.Client, strategy);
            case ConflictStrategy.ClientWins:
                return Of(s => s.Role == ReplicaRole.Client, strategy);
            case ConflictStrategy.Merge when sides.All(s => s.Value.Kind == ValueKind.Object):
                return sides.Reverse().Select(s => s.Value).Aggregate(Merge);
            case ConflictStrategy.Merge:
                throw new ApiError(ApiErrorCode.InvalidArgument, "Only objects can be merged: pick a side, or give a value.", ("argument", "strategy"));
            default:
                throw new ApiError(ApiErrorCode.InvalidArgument, "MANUAL decides nothing: pick a side, or give a value.", ("argument", "strategy"));
        }

        Value Of(Func<Sibling, bool> wins, ConflictStrategy by) => sides.Where(wins).Select(s => (Value?)s.Value).FirstOrDefault()
            ?? throw new ApiError(ApiErrorCode.InvalidArgument, $"No side was written in the role that {by} prefers.", ("argument", "strategy"));
    }

    // Where both have a member that is no object, the later one's stands.
    private static Value Merge(Value earlier, Value later)
    {
        var members = earlier.AsObject().ToDictionary(m => m.Key, m => m.Value);
        foreach ((string name, Value value) in later.AsObject())
        {
            members[name] = members.TryGetValue(name, out Value held) && held.Kind == ValueKind.Object && value.Kind == ValueKind.Object
                ? Merge(held, value) : value;
        }
        return Value.ObjectOf(members);
    }
}
