using System.CommandLine;
using Crdt.Cli.Output;
using Crdt.Store;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt space create|show</c>: the space as a whole.</summary>
internal static class SpaceCommand
{
    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create(out Command space)
    {
        (Command create, Func<CliContext, Task<ExitCode>> run) = InitCommand.CreateFounding();
        var show = new Command("show", "Shows the space's name, id, authority and members, and whether this device can let others in.");
        space = new Command("space", "Founds a space, and shows it.") { create, show };
        return [(create, run), (show, ShowAsync)];
    }

    private static async Task<ExitCode> ShowAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        Replica replica = host.Replica;
        int devices = replica.Enrolments.Count(e => e.Role != ReplicaRole.Authority);
        bool canEnrol = replica.IsKeyed && replica.Role != ReplicaRole.Client
            && File.Exists(NodeKeyFile.AuthorityPathIn(context.Data));
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("space", replica.Space.ToString());
                w.WriteString("name", replica.SpaceName);
                w.WriteBoolean("open", !replica.IsKeyed);
                w.WriteNumber("devices", devices);
                w.WriteBoolean("can_enrol", canEnrol);
                if (replica.IsKeyed) w.WriteString("authority_key", Convert.ToHexStringLower(replica.AuthorityKey.Span));
            });
            return ExitCode.Ok;
        }
        context.Output.Facts(
            ("name", replica.SpaceName),
            ("space", replica.Space.ToString()),
            ("kind", replica.IsKeyed ? "keyed: who is enrolled reads and writes, and everything is signed" : "open: for trials within one machine"),
            ("devices", replica.IsKeyed ? Shown.Number(devices) : "not enrolled"),
            ("lets others in", canEnrol ? "yes: the key of its authority lies here; keep a copy of it in a safe place" : "no: where it was founded"));
        return ExitCode.Ok;
    }
}
