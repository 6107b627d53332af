namespace Crdt;

/// <summary>The mutations that were refused, as known after one commit.</summary>
internal readonly struct RefusedDots(RefusalTable table, long epoch)
{
    public bool IsRefused(LocalDot dot) => table.IsRefused(dot, epoch);
}
