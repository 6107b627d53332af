using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.Log;

internal sealed record LogOptions
{
    /// <summary>Those of real replicas.</summary>
    public static readonly LogOptions Default = new() { SealAfter = TimeSpan.FromSeconds(1) };

    public IDisk Disk { get; init; } = RealDisk.Instance;

    /// <summary>Under which everything is written; null where nothing is encrypted.</summary>
    public AtRestCipher? Cipher { get; init; }

    /// <summary>A segment that has reached this length is closed, and the next one begun. 4 MiB: small enough that
    /// opening, which verifies the last segment, takes a few ms; large enough that the extra flushes do not
    /// count.</summary>
    public int SegmentLengthBytes { get; init; } = 4 << 20;

    /// <summary>Appends that wait together are written together up to this many bytes.</summary>
    public int BurstLengthBytesMax { get; init; } = 4 << 20;

    /// <summary>When nothing was appended for so long, a seal proves that what came before had been durable: from then on
    /// damage to it is never taken for an unfinished write, also where the process is killed. Null: only when the log is
    /// closed or goes on.</summary>
    public TimeSpan? SealAfter { get; init; }
}
