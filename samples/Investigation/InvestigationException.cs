namespace Investigation;

/// <summary>The story did not go as it has to.</summary>
internal sealed class InvestigationException(string message) : Exception(message);
