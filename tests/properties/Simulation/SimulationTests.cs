using Crdt.Testing.Simulation;

namespace Crdt.Properties;

/// <summary>Whole teams in virtual time, under everything that can go wrong. A seed that fails here is run again with
/// <c>crdt simulate --seed</c>, which shrinks it and writes a file for <c>Replays/</c>.</summary>
public class SimulationTests
{
    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(3, 5)]
    [InlineData(9, 6)]
    [InlineData(5, 8)]
    [InlineData(6, 12)]
    [Trait("Law", "1")]
    [Trait("Law", "4")]
    [Trait("Law", "10")]
    [Trait("Law", "12")]
    [Trait("Law", "14")]
    public void Nothing_that_goes_wrong_costs_data_or_convergence(ulong seed, int replicas)
    {
        SimulationResult result = Simulation.Run(new SimulationOptions { Seed = seed, Replicas = replicas, Operations = 2_000 });
        Assert.Null(result.Violation);
        Assert.True(result.Figures.Mutations >= 2_000);
        Assert.True(result.Figures.Quiescences > 0);
    }

    /// <summary>Everything that goes wrong at once, and ids that are used twice beside it.</summary>
    [Theory]
    [InlineData(Fault.RestoredBackup)]
    [InlineData(Fault.ClonedDevice)]
    [InlineData(Fault.Retirement)]
    [InlineData(Fault.All & ~Fault.Pruning)]
    [Trait("Law", "13")]
    [Trait("Law", "14")]
    public void Restored_copied_and_retired_devices_cost_neither_data_nor_convergence(Fault faults)
    {
        for (ulong seed = 1; seed <= 4; seed++)
        {
            var options = new SimulationOptions { Seed = seed, Replicas = 6, Servers = 2, Operations = 400, Faults = faults };
            Assert.Null(Simulation.Run(options).Violation);
        }
    }

    [Fact]
    public void A_seed_gives_the_same_run_to_the_byte_and_another_seed_another()
    {
        var options = new SimulationOptions { Seed = 7, Replicas = 4, Operations = 600 };
        SimulationResult first = Simulation.Run(options), second = Simulation.Run(options);
        Assert.Null(first.Violation);
        Assert.Equal(first.Hash, second.Hash);
        Assert.Equal(first.Figures, second.Figures);
        Assert.NotEqual(first.Hash, Simulation.Run(options with { Seed = 8 }).Hash);
    }

    /// <summary>Attachments beside everything that goes wrong: nothing that is written waits for them, whoever takes them has them
    /// whole, what was taken in is nowhere lost, and no server says that it holds what it does not.</summary>
    [Theory]
    [InlineData(1, 3)]
    [InlineData(10, 4)]
    [InlineData(9, 5)]
    [InlineData(17, 5)]
    public void Attachments_travel_behind_the_mutations_and_all_of_them_arrives(ulong seed, int replicas)
    {
        var options = new SimulationOptions { Seed = seed, Replicas = replicas, Operations = 400, Attachments = true };
        SimulationResult result = Simulation.Run(options);
        Assert.Null(result.Violation);
        SimulationFigures figures = result.Figures;
        Assert.True(figures is { Attached: > 10, BlobBytes: > 100_000, ContentChecks: > 10 }, $"{figures}");
        if (seed == 10) Assert.True(figures.Overtaken > 10, $"{figures}");
        Assert.Equal(result.Hash, Simulation.Run(options).Hash);
    }

    [Theory]
    [InlineData(PlantedBug.BlobsFirst, 24)]
    [InlineData(PlantedBug.BlobsForgotten, 1)]
    public void A_planted_bug_about_attachments_is_found(PlantedBug bug, int first)
    {
        var options = new SimulationOptions { Replicas = 4, Operations = 400, Bug = bug, Attachments = true };
        Assert.Contains(Enumerable.Range(first, 10), seed => Simulation.Run(options with { Seed = (ulong)seed }).Violation is not null);
    }

    /// <summary>What runs of a million are drawn like; their beginnings, since all of one takes minutes.</summary>
    [Fact]
    public void Huge_runs_have_every_fault_in_numbers()
    {
        const int Enough = 45_000;
        var seen = new List<SimulationFigures>();
        foreach (ulong seed in (ulong[])[2, 3, 4])
        {
            var options = new SimulationOptions { Seed = seed, Replicas = 4, Operations = SimulationSetup.HugeRun + 1 };
            using var enough = new CancellationTokenSource();
            SimulationFigures last = new();
            void Look(SimulationFigures figures)
            {
                last = figures;
                if (figures.Mutations > Enough) enough.Cancel();
            }

            Assert.Throws<OperationCanceledException>(() => Simulation.Run(options, Look, enough.Token));
            seen.Add(last);
        }
        Func<SimulationFigures, long>[] all =
        [
            f => f.Partitions, f => f.Cuts, f => f.SlowSessions, f => f.StaleRuns, f => f.Crashes,
            f => f.TornWrites, f => f.FullDisks, f => f.FailedWrites, f => f.ClockJumps, f => f.ClockDrifts, f => f.Refusals,
            f => f.Handled, f => f.Snapshots, f => f.Prunings, f => f.Restored, f => f.Cloned, f => f.Retired,
        ];
        Assert.All(all, (figure, i) => Assert.True(seen.Sum(figure) > 0, $"figure {i} of {seen[0]}"));
    }

    [Theory]
    [InlineData(PlantedBug.StoreForgets)]
    [InlineData(PlantedBug.StoreSkips)]
    [InlineData(PlantedBug.NetworkReorders)]
    [InlineData(PlantedBug.NetworkCorrupts)]
    [InlineData(PlantedBug.NetworkLoses)]
    public void A_planted_bug_is_found(PlantedBug bug)
    {
        var options = new SimulationOptions { Replicas = 4, Operations = 500, Bug = bug };
        Assert.Contains(Enumerable.Range(1, 5), seed => Simulation.Run(options with { Seed = (ulong)seed }).Violation is not null);
    }

    [Theory]
    [InlineData(Topology.Mesh)]
    [InlineData(Topology.Star)]
    [InlineData(Topology.Chain)]
    [InlineData(Topology.Random)]
    [InlineData(Topology.Changing)]
    [Trait("Law", "14")]
    public void However_they_are_linked_all_converge_in_a_bounded_number_of_sessions(Topology topology)
    {
        var options = new SimulationOptions { Seed = 11, Replicas = 6, Operations = 400, Topology = topology };
        SimulationResult result = Simulation.Run(options);
        Assert.Null(result.Violation);
        // A session for each link at once, or two meetings for each link of a tree: six in a full mesh have 15 links.
        Assert.InRange(result.Figures.SessionsToHeal, 5, 15);
    }
}
