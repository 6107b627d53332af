namespace Investigation.Domain;

/// <summary>A case, as it is known on this device.</summary>
/// <param name="Number">The office's number: the same on every device.</param>
/// <param name="Title">What it is about.</param>
/// <param name="Finding">What the investigation came to, once somebody says so.</param>
/// <param name="Tags">Words by which it is found; a word that one adds and another does not know stays.</param>
/// <param name="Evidence">What was secured for it.</param>
/// <param name="Assignments">Who has to do what.</param>
internal sealed record CaseFile(
    string Number, string Title, string? Finding, IReadOnlyList<string> Tags, IReadOnlyList<Evidence> Evidence, IReadOnlyList<Assignment> Assignments);
