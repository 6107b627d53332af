namespace Investigation.Domain;

/// <summary>A step in a chain of custody. Steps are only ever added, each under a name of its own, so that none replaces another.</summary>
internal sealed record Handover(DateTimeOffset At, string From, string To, string Place);
