using System.CommandLine;
using Crdt.Cli.Output;
using Crdt.Store;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt backup</c>: copies a replica, also one that is served meanwhile.</summary>
internal static class BackupCommand
{
    private static readonly Argument<string> Target = new("directory")
    {
        HelpName = "DIR",
        Description = "Where the copy shall be; there must be nothing.",
    };

    private static readonly Option<bool> WithoutKeys = new("--without-keys")
    {
        Description = "Leaves out keys/, for a copy that goes where others can read it. Keep them elsewhere: without them a restored replica reads and receives, and no more.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("backup", "Copies the replica into another directory, also while another process serves it, and checks the copy. It holds "
            + "everything that was durable when the copy began. Restored, it goes on under a new id, and gets what is missing from its peers.")
        {
            Target, WithoutKeys,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        using StoreKey? key = context.ReadKey();
        using EcdsaNodeKey? node = CliHost.OpenKey(context.Data, key);
        string keys = Path.GetFileName(Path.GetDirectoryName(NodeKeyFile.PathIn(context.Data))!);
        string[] others = [Path.GetFileName(CliHost.InvitationPath(context.Data)), .. context.Parsed.GetValue(WithoutKeys) ? (string[])[] : [keys]];
        StoreBackupReport made;
        try
        {
            made = await context.Output.ProgressAsync("Copying", _ =>
                StoreBackup.CopyAsync(context.Data, context.Parsed.GetRequiredValue(Target), others, context.Cancellation));
        }
        catch (StoreException e) when (e.Error == StoreError.AlreadyExists)
        {
            throw new CliException(ExitCode.Precondition, e.Message);
        }
        // Read as the doctor reads any replica: what cannot be read back is no backup.
        StoreReport checkedCopy = await context.Output.ProgressAsync("Checking", _ => StoreDoctor.CheckAsync(
            made.Directory, new StoreDoctorOptions { Replica = CliHost.OptionsFor(CliHost.RecordPath(made.Directory), context.Time, node), Key = key }, context.Cancellation));
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("backup", made.Directory);
                w.WriteNumber("segments", made.Segments);
                w.WriteNumber("log_bytes", made.LogLengthBytes);
                w.WriteNumber("blobs", made.Blobs);
                w.WriteNumber("blob_bytes", made.BlobLengthBytes);
                w.WriteNumber("mutations", checkedCopy.Mutations);
                w.WriteOptional("digest", checkedCopy.Digest?.ToString());
                w.WriteBoolean("sound", checkedCopy.IsSound);
            });
        }
        else
        {
            context.Output.Line($"{made.Directory}: {Shown.Count(checkedCopy.Mutations, "mutation")} in {Shown.Count(made.Segments, "segment")}, "
                + $"{Shown.Bytes(made.LogLengthBytes)}, {Shown.Count(made.Blobs, "attachment")} ({Shown.Bytes(made.BlobLengthBytes)}), "
                + $"digest {checkedCopy.Digest?.ToString() ?? "not computed"}.");
            foreach (StoreFinding finding in checkedCopy.Findings.Where(f => !f.IsHarmless)) context.Output.Line($"WRONG: {finding.Where}: {finding.Problem}");
        }
        return checkedCopy.IsSound ? ExitCode.Ok : ExitCode.Store;
    }
}
