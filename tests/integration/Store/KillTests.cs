using System.Diagnostics;
using System.Globalization;
using Crdt.KillWriter;
using Crdt.Store;
using Xunit.Abstractions;

namespace Crdt.Integration.Store;

/// <summary>Real processes, killed with SIGKILL at any moment: 220 rounds on two replicas.</summary>
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Rounds = 110;
    private const string Key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string root = Directory.CreateTempSubdirectory("crdt-kill-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData(null)]
    [InlineData(Key)]
    public async Task After_every_kill_the_replica_holds_a_prefix_of_whole_transactions_with_every_acknowledged_one(string? key)
    {
        string directory = Path.Combine(root, "replica");
        var random = new Random(key is null ? 20260101 : 20260102);
        long acknowledged = 0, opened = 0;
        Process next = Launch(directory, key);
        for (int round = 0; round < Rounds; round++)
        {
            using Process writer = next;
            next = Launch(directory, key);
            using var patience = new CancellationTokenSource(Patience);
            Assert.Equal("ready", await writer.StandardOutput.ReadLineAsync(patience.Token));
            await writer.StandardInput.WriteLineAsync("go");
            await writer.StandardInput.FlushAsync(patience.Token);
            // Some die while they start and open, most in the middle of their work.
            long more = random.Next(5) == 0 ? -1 : random.Next(60);
            if (more < 0) await Task.Delay(random.Next(400), patience.Token);
            for (long heard = -1; heard < more && await writer.StandardOutput.ReadLineAsync(patience.Token) is { } line; heard++)
                Take(line);
            writer.Kill();
            // What it had said before it died has happened.
            while (await writer.StandardOutput.ReadLineAsync(patience.Token) is { } line) Take(line);
            await writer.WaitForExitAsync(patience.Token);
        }
        using (next)
        {
            next.Kill();
            await next.WaitForExitAsync();
        }

        using StoreKey? opener = key is null ? null : StoreKey.FromBytes(Convert.FromHexString(key));
        StoreReport report = await StoreDoctor.CheckAsync(
            directory, new StoreDoctorOptions { Replica = Ledger.Options(24), Key = opener });
        Assert.True(report.IsSound, string.Join('\n', report.Findings));
        output.WriteLine($"{Rounds} kills, {opened} openings, {acknowledged} transactions acknowledged, none lost; "
            + $"{report.LogLengthBytes >> 20} MiB of log in {report.Segments} segments");
        Assert.InRange(opened, Rounds * 2 / 3, Rounds);
        Assert.InRange(acknowledged, Rounds, long.MaxValue);

        void Take(string line)
        {
            Assert.False(line.StartsWith("wrong", StringComparison.Ordinal), line);
            bool isOpening = line.StartsWith("opened ", StringComparison.Ordinal);
            long last = long.Parse(isOpening ? line.AsSpan(7) : line, NumberStyles.None, CultureInfo.InvariantCulture);
            if (!isOpening) Assert.Equal(acknowledged + 1, last);
            // One at a time: at most one more than what was told can have come as far as the disk.
            else Assert.InRange(last, acknowledged, acknowledged + 1);
            if (isOpening) opened++;
            acknowledged = last;
        }
    }

    [Fact]
    public async Task A_second_process_on_a_replica_gets_a_clear_error_and_the_first_goes_on()
    {
        string directory = Path.Combine(root, "replica");
        using Process first = Launch(directory, null), second = Launch(directory, null);
        try
        {
            await first.StandardInput.WriteLineAsync("go");
            await HearAsync(first, "opened 0");
            StoreException error = Assert.Throws<StoreException>(() => FileReplicaStore.Open(directory));
            Assert.Equal(StoreError.InUse, error.Error);
            Assert.Contains("open already", error.Message, StringComparison.Ordinal);
            await second.StandardInput.WriteLineAsync("go");
            await second.WaitForExitAsync().WaitAsync(Patience);
            Assert.NotEqual(0, second.ExitCode);
            Assert.Contains("open already", await second.StandardError.ReadToEndAsync(), StringComparison.Ordinal);
            await HearAsync(first, "20");
        }
        finally
        {
            first.Kill();
            if (!second.HasExited) second.Kill();
            await first.WaitForExitAsync();
        }
        // The lock ends with its process, however that ends.
        await FileReplicaStore.Open(directory).DisposeAsync();
    }

    private static async Task HearAsync(Process writer, string wanted)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (await writer.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (line == wanted) return;
        }
        Assert.Fail($"It ended before it said '{wanted}'.");
    }

    private static Process Launch(string directory, string? key)
    {
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var start = new ProcessStartInfo(dotnet)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in new[] { Path.Combine(AppContext.BaseDirectory, "kill-writer.dll"), directory, key ?? "-" })
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }
}
