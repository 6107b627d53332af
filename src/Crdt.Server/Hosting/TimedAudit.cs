namespace Crdt.Server.Hosting;

/// <summary>What the last look through the whole log found, and when.</summary>
internal sealed record TimedAudit(DateTimeOffset At, AuditReport Report);
