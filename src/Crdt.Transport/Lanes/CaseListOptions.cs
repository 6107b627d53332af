namespace Crdt.Transport.Lanes;

/// <summary>How a space says which cases are whose: entities of one type, one for each assignment.</summary>
public sealed record CaseListOptions
{
    /// <summary>Whose assignments count, as <see cref="AssigneeField"/> names them.</summary>
    public required string Assignee { get; init; }

    /// <summary>The domain of the assignments. Default: <c>cases</c>.</summary>
    public string Domain { get; init; } = "cases";

    /// <summary>Their type. Default: <c>assignment</c>.</summary>
    public string Type { get; init; } = "assignment";

    /// <summary>Text: to whom the case is assigned. Default: <c>assignee</c>.</summary>
    public string AssigneeField { get; init; } = "assignee";

    /// <summary>Text: the case. The id of its space (64 hex digits), where it has one of its own; else the id of an entity of the list's
    /// own space, to which others there belong that have the same text in a field of this name. Default: <c>case</c>.</summary>
    public string CaseField { get; init; } = "case";

    /// <summary>An integer from 0 to 99: what is higher comes first; 0 where there is none. Default: <c>priority</c>.</summary>
    public string PriorityField { get; init; } = "priority";
}

/// <summary>A case that is assigned to somebody.</summary>
/// <param name="Assignment">The entity that says so.</param>
/// <param name="Case">The case, as its field says it.</param>
/// <param name="Priority">From 0 to 99: what is higher comes first.</param>
public sealed record AssignedCase(EntityKey Assignment, string Case, int Priority)
{
    /// <summary>The space of the case; <see langword="null"/> where it is an entity of the list's own space.</summary>
    public SpaceId? Space => SpaceId.TryParse(Case, out SpaceId space) ? space : null;
}
