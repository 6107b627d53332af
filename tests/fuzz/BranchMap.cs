using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace Crdt.Fuzz;

/// <summary>Which branches instrumented code takes, and how often at most so far. One at a time in a process.</summary>
internal sealed unsafe class BranchMap
{
    private const int Length = 1 << 16;

    private readonly byte[] seen = new byte[Length];

    /// <summary>Before anything that is instrumented is called: it writes there, whoever calls it, to the end of the process.</summary>
    public static void Begin() => Trace.SharedMem = (byte*)NativeMemory.AllocZeroed(Length);

    /// <summary>Whether no branch was ever taken.</summary>
    public bool IsEmpty => !seen.AsSpan().ContainsAnyExcept((byte)0);

    /// <summary>Whether something was taken since the last call that was never taken so often; and begins anew.</summary>
    public bool TakeNews()
    {
        bool isNews = false;
        var taken = new Span<byte>(Trace.SharedMem, Length);
        for (int at = taken.IndexOfAnyExcept((byte)0); at >= 0;)
        {
            // As powers of two: how often exactly is no news.
            byte often = (byte)(1 << System.Numerics.BitOperations.Log2(taken[at]));
            if ((seen[at] & often) == 0)
            {
                seen[at] |= often;
                isNews = true;
            }
            int next = taken[(at + 1)..].IndexOfAnyExcept((byte)0);
            at = next < 0 ? -1 : at + 1 + next;
        }
        taken.Clear();
        Trace.PrevLocation = 0;
        return isNews;
    }
}
