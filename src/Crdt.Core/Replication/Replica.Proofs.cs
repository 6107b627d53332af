namespace Crdt;

/// <content>Proofs for who holds no replica.</content>
public sealed partial class Replica
{
    /// <summary>Makes a file that proves the history of one entity to anybody who trusts the space's authority
    /// (<see cref="EntityProof.Verify"/>). Of other entities it shows nothing but the batches that they share with this
    /// one.</summary>
    /// <param name="key">The entity, deleted or not.</param>
    /// <param name="isPartialAllowed">Whether a snapshot may stand in the place of the beginning: the proof then says up to
    /// where.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProofException">There is no proof: why, is told by its <see cref="ProofException.Error"/>.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ProveAsync(
        EntityKey key, bool isPartialAllowed = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (!IsKeyed) throw new ProofException(ProofError.NotSigned, "The space is open: nothing in it is signed, and nothing can be proved.");
        await CloseRunAsync(cancellationToken).ConfigureAwait(false);
        await pruning.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var dots = new HashSet<Dot>();
            VersionVector missing = PrunedTo;
            foreach (HistoryEntry entry in History(key))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (entry.Mutation is { } mutation) dots.Add(mutation.Dot);
                else missing = missing.Merge(entry.Snapshot!.Vector);
            }
            if (missing.Count > 0 && !isPartialAllowed)
            {
                throw new ProofException(ProofError.Partial,
                    $"A snapshot stands for the beginning of this log: what was written of {key} before cannot be shown. A replica with the whole log can prove all of it.");
            }
            if (dots.Count == 0) throw new ProofException(ProofError.NothingWritten, $"The log holds no mutation of {key}.");
            return new ProofMaker(store, writer, key, dots).Run(missing);
        }
        finally
        {
            pruning.Release();
        }
    }
}
