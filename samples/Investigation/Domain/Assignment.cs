namespace Investigation.Domain;

/// <summary>What somebody has to do in a case.</summary>
internal sealed record Assignment(string Person, string Task, bool IsDone);
