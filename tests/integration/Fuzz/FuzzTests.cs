using Crdt.Fuzz;
using Xunit.Abstractions;

namespace Crdt.Integration.Fuzz;

/// <summary>Everything that reads foreign bytes takes what is right, raises its one error for everything else, takes little memory,
/// and changes nothing: some seconds of what <c>dotnet run --project tests/fuzz</c> does for as long as one likes.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    public static TheoryData<string> Targets => [.. Fuzzer.Targets.Select(static make => make().Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void No_input_gets_more_than_an_answer_or_the_one_error_in_little_memory_and_nothing_changes(string target)
    {
        FuzzTarget fed = Fuzzer.Targets.Select(static make => make()).First(t => t.Name == target);
        // The same in each run, then others in each.
        FuzzResult same = Fuzzer.Run(fed, 40_000, seed: 1), fresh = Fuzzer.Run(fed, 20_000, Random.Shared.Next());
        output.WriteLine($"{same}\n{fresh}");
        // A target that takes nothing, or everything, tries nothing.
        Assert.InRange(same.Taken, 10, same.Inputs - 1_000);
    }

    [Fact]
    public void A_reader_that_raises_something_else_or_takes_too_much_memory_is_found()
    {
        Assert.Contains("IndexOutOfRange", Assert.Throws<FuzzException>(() => Fuzzer.Run(new Careless(), 10_000, seed: 1)).Message, StringComparison.Ordinal);
        Assert.Contains("bytes taken", Assert.Throws<FuzzException>(() => Fuzzer.Run(new Greedy(), 10_000, seed: 1)).Message, StringComparison.Ordinal);
    }

    private sealed class Careless : FuzzTarget
    {
        public override string Name => "careless";

        public override IReadOnlyList<byte[]> Seeds { get; } = [[4, 1, 2, 3, 4]];

        public override bool Run(byte[] input) => input.Length == 0 || input[input[0]] == 4;
    }

    private sealed class Greedy : FuzzTarget
    {
        public override string Name => "greedy";

        public override IReadOnlyList<byte[]> Seeds { get; } = [[0, 0, 0, 4, 1, 2, 3, 4]];

        public override bool Run(byte[] input) =>
            input.Length < 4 || new byte[System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(input) & 0xFFFFFF].Length == input.Length - 4;
    }
}
