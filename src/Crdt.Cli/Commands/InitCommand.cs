using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Store;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt init</c>: founds a space, or joins one.</summary>
internal static class InitCommand
{
    private static readonly Option<string?> Space = new("--space", "-s")
    {
        HelpName = "NAME",
        Description = "Name of the new space. Default: the directory's name.",
    };

    private static readonly Option<string[]> Policy = new("--policy", "-p")
    {
        HelpName = "SCOPE=POLICY",
        Description = "A conflict policy of the new space, for domain, domain/type or domain/type/field, as in "
            + $"incident/strike/species=Manual. Policies: {Policies.Names}. May be repeated.",
    };

    private static readonly Option<ReplicaRole?> Role = CommonOptions.Named<ReplicaRole>("--role",
        "client: a device (the default). server: an always-on peer, whose copy makes a change 'synced' and which "
            + "may set policies.", ReplicaRole.Client, ReplicaRole.Server);

    private static readonly Option<string?> Invite = new("--invite")
    {
        HelpName = "FILE",
        Description = "Where else to write the invitation that others join by. Default: only invite.crdt in the "
            + "replica's directory.",
    };

    private static readonly Option<string?> Join = new("--join", "-j")
    {
        HelpName = "FILE",
        Description = "Joins the space of an invitation instead of founding one.",
    };

    private static readonly Option<string[]> Existence = new("--existence")
    {
        HelpName = "SCOPE=POLICY",
        Description = "What decides between a delete and a concurrent write, for domain or domain/type, as in "
            + $"incident/strike=DeleteWins. Policies: {Policies.ExistenceNames}. May be repeated.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("init", "Makes a replica: of a new space, or with --join of one that exists.")
        {
            Space, Policy, Existence, Role, Invite, Join,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        ReplicaRole role = context.Parsed.GetValue(Role) ?? ReplicaRole.Client;
        if (FileReplicaStore.Exists(context.Data))
            throw new StoreException(StoreError.AlreadyExists, "There is a replica already.");
        string? invite = context.Parsed.GetValue(Invite);
        if (invite is not null && File.Exists(invite))
        {
            throw new CliException(ExitCode.Precondition, $"'{invite}' exists already.",
                "It may be the only invitation to another space: name another file, or remove it yourself.");
        }
        SpaceGenesis genesis = await FindGenesisAsync(context);
        using StoreKey? key = context.ReadKey();
        await using CliHost host = await CliHost.CreateAsync(
            context.Data, key, genesis, role, context.Time, context.Cancellation);
        if (invite is not null) await File.WriteAllBytesAsync(invite, genesis.ToBytes(), context.Cancellation);
        Report(context, host.Replica, invite ?? CliHost.InvitationPath(context.Data));
        return ExitCode.Ok;
    }

    private static async ValueTask<SpaceGenesis> FindGenesisAsync(CliContext context)
    {
        string? name = context.Parsed.GetValue(Space);
        string[] policies = context.Parsed.GetValue(Policy) ?? [], existence = context.Parsed.GetValue(Existence) ?? [];
        if (context.Parsed.GetValue(Join) is { } invitation)
        {
            return name is null && policies.Length == 0 && existence.Length == 0
                ? await CliHost.ReadInvitationAsync(invitation, context.Cancellation)
                : throw CliException.Usage("A space that exists has its name and policies: --join goes without "
                    + "--space, --policy and --existence.");
        }
        KeyValuePair<PolicyScope, ConflictPolicy>[] first = Policies.Assignments(policies, Policies.Policy);
        KeyValuePair<PolicyScope, ExistencePolicy>[] rules = Policies.Assignments(existence, Policies.Existence);
        if (rules.FirstOrDefault(r => r.Key.Field is not null) is { Key: { } tooFine })
            throw CliException.Usage($"'{tooFine}' is a field: existence is a matter of whole entities.");
        try
        {
            return SpaceGenesis.Create(
                new ReplicaId(Guid.NewGuid()), name ?? NameOf(context.Data), first, context.Time, existence: rules);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e);
        }
    }

    /// <summary>The directory's name; of a hidden one, the name of where it lies.</summary>
    private static string NameOf(string data)
    {
        var directory = new DirectoryInfo(data);
        string? name = directory.Name.StartsWith('.') ? directory.Parent?.Name : directory.Name;
        return name is null or "" or "/" ? "space" : name;
    }

    private static void Report(CliContext context, Replica replica, string invitation)
    {
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("space", replica.Space.ToString());
                w.WriteString("name", replica.SpaceName);
                w.WriteString("replica", replica.Id.ToString());
                w.WriteString("role", Shown.Camel(replica.Role));
                w.WriteString("data", context.Data);
                w.WriteString("invite", invitation);
            });
            return;
        }
        context.Output.Line(
            $"Replica {Shown.Short(replica.Id)} of the space '{replica.SpaceName}', in the "
                + $"{Shown.Camel(replica.Role)} role, in {context.Data}");
        context.Output.Line($"Others join with: crdt init --join {invitation}");
    }
}
