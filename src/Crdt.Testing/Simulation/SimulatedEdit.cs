namespace Crdt.Testing.Simulation;

/// <summary>One edit of a transaction, as data.</summary>
/// <param name="Kind">What it is meant as.</param>
/// <param name="Entity">Which entity, <c>domain/type/id</c>.</param>
/// <param name="AsSeen">Whether it is based on what the replica last looked at there.</param>
/// <param name="Ops">What it does; a resolution without any takes the oldest sibling, a policy's is its name.</param>
internal sealed record SimulatedEdit(EditKind Kind, string Entity, bool AsSeen, params SimulatedOp[] Ops)
{
    public override string ToString() =>
        $"{Kind} {Entity}{(AsSeen ? " as seen" : "")}{(Ops.Length == 0 ? "" : ": ")}{string.Join("; ", Ops.Select(o => o.ToString()))}";
}
