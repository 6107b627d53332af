using System.Diagnostics;

namespace Crdt.Fuzz;

/// <summary>What a run of a target found.</summary>
/// <param name="Target">Which.</param>
/// <param name="Inputs">How many inputs.</param>
/// <param name="Taken">How many were taken: the others were refused with the one error for them.</param>
/// <param name="AllocatedBytesMax">The most that one input took of the heap.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record FuzzResult(string Target, long Inputs, long Taken, long AllocatedBytesMax, TimeSpan Elapsed);

/// <summary>Feeds a target, and watches it.</summary>
public static class Fuzzer
{
    /// <summary>Everything that reads foreign bytes.</summary>
    public static IReadOnlyList<Func<FuzzTarget>> Targets { get; } =
    [
        static () => new FrameTarget(), static () => new PackedTarget(), static () => new BatchTarget(), static () => new MessageTarget(), static () => new ManifestTarget(),
        static () => new PaperTarget(), static () => new SessionTarget(), static () => new BundleTarget(),
        static () => new DnsTarget(), static () => new ChunkTarget(),
    ];

    /// <summary>Runs so many inputs of a seed.</summary>
    /// <exception cref="FuzzException">One did what none may do; the message tells the input.</exception>
    public static FuzzResult Run(FuzzTarget target, long inputs, int seed)
    {
        // Once through, so that what is made once is made.
        foreach (byte[] right in target.Seeds) target.Run([.. right]);
        return Run(target, new Mutator(new Random(seed), target.Seeds), inputs, seed, static _ => { });
    }

    /// <summary>The same, and keeps as further seeds those inputs that take a branch which none before took so often: for code that was
    /// instrumented by SharpFuzz, behind <see cref="BranchMap.Begin"/>.</summary>
    /// <param name="target">What is fed.</param>
    /// <param name="inputs">How many.</param>
    /// <param name="seed">Of the mutations.</param>
    /// <param name="found">Takes what was kept.</param>
    /// <exception cref="FuzzException">As above.</exception>
    /// <exception cref="InvalidOperationException">Nothing is instrumented.</exception>
    public static FuzzResult RunGuided(FuzzTarget target, long inputs, int seed, ICollection<byte[]> found)
    {
        var map = new BranchMap();
        List<byte[]> corpus = [.. target.Seeds];
        foreach (byte[] right in target.Seeds)
        {
            target.Run([.. right]);
            map.TakeNews();
        }
        if (map.IsEmpty) throw new InvalidOperationException("Nothing is instrumented: tests/fuzz/guided.sh does that.");
        return Run(target, new Mutator(new Random(seed), corpus), inputs, seed, input =>
        {
            if (!map.TakeNews()) return;
            corpus.Add(input);
            found.Add(input);
        });
    }

    private static FuzzResult Run(FuzzTarget target, Mutator mutator, long inputs, int seed, Action<byte[]> done)
    {
        long taken = 0, most = 0;
        long begun = Stopwatch.GetTimestamp();
        for (long i = 0; i < inputs; i++)
        {
            byte[] input = mutator.Next();
            byte[] fed = [.. input];
            long before = GC.GetAllocatedBytesForCurrentThread();
            bool isTaken;
            try
            {
                isTaken = target.Run(fed);
            }
#pragma warning disable CA1031 // Whatever it raises is the finding.
            catch (Exception e)
#pragma warning restore CA1031
            {
                throw new FuzzException($"{target.Name}, seed {seed}, input {i}: {e}\n{Convert.ToHexStringLower(input)}");
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            most = Math.Max(most, allocated);
            if (allocated > target.AllocatedBytesMax(input.Length))
                throw new FuzzException($"{target.Name}, seed {seed}, input {i}: {allocated} bytes taken for {input.Length}\n{Convert.ToHexStringLower(input)}");
            if (isTaken) taken++;
            done(input);
        }
        return new FuzzResult(target.Name, inputs, taken, most, Stopwatch.GetElapsedTime(begun));
    }
}
