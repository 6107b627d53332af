namespace Crdt;

/// <summary>What replicas held as a whole at some moment, their own mutations included, each as the difference to what
/// the sender told of the same maker before in the session.</summary>
internal sealed record StandingMessage(IReadOnlyList<Acknowledgement> Statements) : SyncMessage;
