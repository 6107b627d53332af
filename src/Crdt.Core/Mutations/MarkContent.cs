namespace Crdt;

/// <summary>What a change of a <see cref="MutationKind.Mark"/> says, as it stands in a batch.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="Code">Why, of a refusal; 0 elsewhere.</param>
/// <param name="Siblings">Of a refusal and of what is carried what was replaced; of a restoring mark the one sibling that
/// is added; else none. In order of their dots.</param>
internal sealed record MarkContent(MarkKind Kind, RefusalCode Code, IReadOnlyList<MarkedSibling> Siblings)
{
    public static readonly MarkContent Lost = new(MarkKind.Lost, default, []);
}
