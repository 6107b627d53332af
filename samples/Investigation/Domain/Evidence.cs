namespace Investigation.Domain;

/// <summary>Something that was secured.</summary>
/// <param name="Label">What is written on its bag.</param>
/// <param name="Description">What it is.</param>
/// <param name="Classification">What it counts as; where two say different things a supervisor decides.</param>
/// <param name="SealedBy">Who sealed it first: whoever did so later, not knowing, does not take that away.</param>
/// <param name="Photographs">How many were taken of it, by everybody together.</param>
/// <param name="Custody">Through whose hands it went, in order.</param>
internal sealed record Evidence(
    string Label, string Description, string? Classification, string? SealedBy, long Photographs, IReadOnlyList<Handover> Custody);
