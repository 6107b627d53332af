using Crdt.Store.Log;

namespace Crdt.Store.Doctor;

/// <summary>A place in the log that is not as it was written.</summary>
/// <param name="Segment">Where.</param>
/// <param name="Offset">In the segment's file: all before it is intact.</param>
/// <param name="Problem">What is wrong.</param>
/// <param name="IsTail">Whether it is an unfinished write at the very end, which the next opening drops.</param>
internal sealed record LogDamage(SegmentName Segment, long Offset, string Problem, bool IsTail);
