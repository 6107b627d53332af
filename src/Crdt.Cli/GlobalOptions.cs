using System.CommandLine;

namespace Crdt.Cli;

/// <summary>The options that every command has.</summary>
internal sealed class GlobalOptions
{
    public const string DataVariable = "CRDT_DATA";
    public const string UserVariable = "CRDT_USER";
    public const string PassphraseVariable = "CRDT_PASSPHRASE";
    public const string TokenVariable = "CRDT_TOKEN_FILE";
    private const string DefaultData = ".crdt";

    public Option<string> Data { get; } = new("--data", "-d")
    {
        HelpName = "DIR",
        Description = $"The replica's directory; {DataVariable} in the environment names it too.",
        Recursive = true,
        DefaultValueFactory = _ => Named(DataVariable) ?? DefaultData,
    };

    public Option<bool> Json { get; } = new("--json")
    {
        Description = "Results as JSON: one document, or one a line for lists. Errors too, on standard error.",
        Recursive = true,
    };

    public Option<string?> User { get; } = new("--user", "-u")
    {
        HelpName = "NAME",
        Description = $"Who makes the change; stays with it for good. {UserVariable} in the environment names it too.",
        Recursive = true,
        DefaultValueFactory = _ => Named(UserVariable),
    };

    public Option<string?> KeyFile { get; } = new("--key-file")
    {
        HelpName = "FILE",
        Description = "The key of an encrypted replica: 32 bytes, or 64 hexadecimal digits. A passphrase is taken from "
            + $"{PassphraseVariable} in the environment instead.",
        Recursive = true,
    };

    public Option<string?> TokenFile { get; } = new("--token-file")
    {
        HelpName = "FILE",
        Description = $"An access token, for servers that ask for one; read anew for each connection. {TokenVariable} in the environment names it too.",
        Recursive = true,
        DefaultValueFactory = _ => Named(TokenVariable),
    };

    public static string? Named(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } given ? given : null;
}
