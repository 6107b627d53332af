using System.Text.Json;
using Crdt.Cli;
using Crdt.Store;

namespace Crdt.Integration.Cli;

/// <summary><c>crdt backup</c> of a replica that is in use.</summary>
public sealed class BackupTests : CliTest
{
    [Fact]
    public async Task A_copy_made_while_it_is_written_holds_what_was_durable_before_and_goes_on_as_another()
    {
        await OkAsync("a", "init", "--space", "field");
        JsonElement report;
        CommitResult acknowledged = default!;
        await using (CliHost host = await OpenAsync("a"))
        {
            using var stop = new CancellationTokenSource();
            var begun = new TaskCompletionSource();
            Task writing = Task.Run(async () =>
            {
                for (int i = 0; !stop.IsCancellationRequested; i++)
                {
                    acknowledged = await WriteAsync(host.Replica, i);
                    if (i == 50) begun.SetResult();
                }
            });
            await begun.Task;
            CommitResult before = acknowledged;
            report = (await OkAsync("a", "--json", "backup", PathOf("copy"))).Json;
            await stop.CancelAsync();
            await writing;
            Assert.True(report.GetProperty("sound").GetBoolean());
            Assert.InRange(report.GetProperty("mutations").GetInt64(), before.FirstSequence, host.Replica.Vector[host.Replica.Id] + 100);
            await using CliHost copy = await OpenAsync("copy");
            Assert.NotNull(copy.Replica.FindMutation(new Dot(before.Replica, before.FirstSequence)));
            Assert.Empty((await copy.Replica.AuditAsync()).Unaccounted);
            CommitResult made = await WriteAsync(copy.Replica, -1);
            Assert.NotEqual(before.Replica, made.Replica);
        }
        // The original does not know of it, and goes on as before.
        await using CliHost again = await OpenAsync("a");
        Assert.Equal(acknowledged.Replica, (await WriteAsync(again.Replica, -2)).Replica);
    }

    [Fact]
    public async Task An_encrypted_replica_stays_encrypted_and_its_keys_stay_its_owners()
    {
        string key = Write("key", new string('7', 64));
        (await RunAsync(["--data", PathOf("a"), "--key-file", key, "init", "--space", "field"], Stream.Null)).Succeeded();
        (await RunAsync(["--data", PathOf("a"), "--key-file", key, "put", "incident/strike/1", "name=a-secret-name"], Stream.Null)).Succeeded();
        (await RunAsync(["--data", PathOf("a"), "--key-file", key, "backup", PathOf("copy")], Stream.Null)).Succeeded();
        Assert.Equal(5, (await RunAsync("copy", "get", "incident/strike/1")).ExitCode);
        CliResult read = await RunAsync(["--data", PathOf("copy"), "--key-file", key, "get", "incident/strike/1"], Stream.Null);
        Assert.Contains("a-secret-name", read.Succeeded().Output, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(File.GetUnixFileMode(NodeKeyFile.PathIn(PathOf("a"))), File.GetUnixFileMode(NodeKeyFile.PathIn(PathOf("copy"))));
            Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(NodeKeyFile.PathIn(PathOf("copy"))) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead));
        }
        (await RunAsync(["--data", PathOf("a"), "--key-file", key, "backup", "--without-keys", PathOf("second")], Stream.Null)).Succeeded();
        Assert.False(Directory.Exists(Path.Combine(PathOf("second"), "keys")));
    }

    [Fact]
    public async Task Nothing_is_written_over_and_nothing_is_left_of_what_could_not_be_made()
    {
        await OkAsync("a", "init", "--space", "field");
        Directory.CreateDirectory(PathOf("taken"));
        Write("taken/file", "mine");
        CliResult refused = await RunAsync("a", "backup", PathOf("taken"));
        Assert.Equal(6, refused.ExitCode);
        Assert.Contains("there already", refused.Error, StringComparison.Ordinal);
        Assert.Equal(5, (await RunAsync("nowhere", "backup", PathOf("copy"))).ExitCode);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => StoreBackup.CopyAsync(PathOf("a"), PathOf("copy"), [], cancelled.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Root, "copy*"));
    }

    [Fact]
    public async Task Segments_that_are_dropped_meanwhile_make_it_begin_again()
    {
        await InitAsync("a", "server");
        await OkAsync("server", "put", "incident/strike/1", "n=1");
        await using CliHost host = await OpenAsync("server");
        for (int round = 0; round < 20; round++)
        {
            await host.Replica.TakeSnapshotAsync();
            Task<StoreBackupReport> copying = StoreBackup.CopyAsync(PathOf("server"), PathOf($"copy-{round}"));
            await host.Replica.PruneAsync();
            await WriteAsync(host.Replica, round);
            await copying;
            await using CliHost copy = await OpenAsync($"copy-{round}");
            Assert.Equal(1, copy.Replica.Get(EntityKey.Parse("incident/strike/1"))!.GetInteger("n"));
        }
    }

    private ValueTask<CliHost> OpenAsync(string data) => CliHost.OpenAsync(PathOf(data), null, TimeProvider.System, CancellationToken.None);

    private static ValueTask<CommitResult> WriteAsync(Replica replica, int i) =>
        replica.CommitAsync(tx => tx.Upsert(new EntityKey("incident", "note", $"{i}")).Set("text", new string('x', 100 + Math.Abs(i))));
}
