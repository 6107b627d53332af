namespace Crdt.Store.Doctor;

/// <summary>Says of a log that was cut that its id is in use elsewhere: what was cut off may have left the device.</summary>
internal sealed class LostRecord(IReleaseRecord? kept) : IReleaseRecord
{
    private static readonly byte[] NoHash = new byte[32];

    public ValueTask<ChainHead?> ReadAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<ChainHead?>(new ChainHead(default, 1, NoHash));

    public ValueTask WriteAsync(ChainHead head, CancellationToken cancellationToken) =>
        kept?.WriteAsync(head, cancellationToken) ?? ValueTask.CompletedTask;
}
