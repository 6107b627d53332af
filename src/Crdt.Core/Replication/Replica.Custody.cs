namespace Crdt;

/// <content>What would be lost with this device.</content>
public sealed partial class Replica
{
    /// <summary>Tells what of this replica is known to be held by a server-role replica, and what would be lost with the
    /// device: before it is wiped, handed on or thrown away.</summary>
    /// <remarks>Costs a look at every author; where a fence has cut something off, one at the log.</remarks>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async ValueTask<CustodyReport> GetCustodyAsync(CancellationToken cancellationToken = default)
    {
        ReplicaId[] forked = [.. InDoubt.Concat(ForkReports.Select(static r => r.Author))];
        CustodyCheck? check = null;
        CustodyReport? report = null;
        await pruning.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await writer.EnqueueAsync(new CallWork(w => report = (check = new CustodyCheck(w, forked)).Run()), cancellationToken)
                .ConfigureAwait(false);
            return check!.WithLog(report!) with { Blobs = Blobs.WithoutReceipt() };
        }
        finally
        {
            pruning.Release();
        }
    }
}
