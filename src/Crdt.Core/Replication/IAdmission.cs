namespace Crdt;

/// <summary>Decides in the server role whether a client's transaction stands: who may write where, what a value must
/// look like. Asked once for each transaction, in the order in which they are applied, before anything of it is.</summary>
/// <remarks>Runs on the replica's single writer: it must be quick and must not call the replica. What it refuses is
/// applied none the less, since others may have it already, and marked in the same commit (semantics 7).</remarks>
public interface IAdmission
{
    /// <summary>Judges a transaction.</summary>
    /// <returns><see langword="null"/> when it stands.</returns>
    Refusal? Judge(IncomingTransaction transaction);
}
