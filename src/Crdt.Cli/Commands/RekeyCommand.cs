using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Store;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt rekey</c>: another key or passphrase for an encrypted replica.</summary>
internal static class RekeyCommand
{
    private const string NewPassphraseVariable = "CRDT_NEW_PASSPHRASE";

    private static readonly Option<string?> NewKeyFile = new("--new-key-file")
    {
        HelpName = "FILE",
        Description = $"The new key, as for --key-file; a new passphrase is taken from {NewPassphraseVariable} in the environment instead.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("rekey", "Changes the key or passphrase of an encrypted replica. Rewrites one small file; a copy of the old file still "
            + "opens the replica with the old key.")
        {
            NewKeyFile,
        },
        Run);

    private static Task<ExitCode> Run(CliContext context)
    {
        using StoreKey from = context.ReadKey()
            ?? throw CliException.Usage($"The present key is missing: --key-file, or {GlobalOptions.PassphraseVariable}.");
        using StoreKey to = KeyArgument.Read(context.Parsed.GetValue(NewKeyFile), NewPassphraseVariable)
            ?? throw CliException.Usage($"The new key is missing: --new-key-file, or {NewPassphraseVariable}.");
        FileReplicaStore.ChangeKey(context.Data, from, to);
        foreach (string path in (string[])[NodeKeyFile.PathIn(context.Data), NodeKeyFile.AuthorityPathIn(context.Data)])
        {
            if (File.Exists(path)) NodeKeyFile.ChangeKey(path, from, to);
        }
        if (context.Output.IsJson) context.Output.Json(w => w.WriteBoolean("changed", true));
        else context.Output.Line($"The replica in {context.Data} is opened by the new key from now on.");
        return Task.FromResult(ExitCode.Ok);
    }
}
