using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Store;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt init</c>: founds a space, or joins an open one.</summary>
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
        "client: a device. server: whose copy makes a change 'synced', and which may set policies, enrol and revoke. Default: "
            + "server for who founds a space, as it enrols the others; client in an open space.", ReplicaRole.Client, ReplicaRole.Server);

    private static readonly Option<bool> Open = new("--open")
    {
        Description = "Founds an open space: without keys, for trials within one machine. Whoever reaches it reads and writes.",
    };

    private static readonly Option<string?> Invite = new("--invite")
    {
        HelpName = "FILE",
        Description = "Where else to write the founding that others join an open space by. Default: only invite.crdt in the "
            + "replica's directory.",
    };

    private static readonly Option<string?> Join = new("--join", "-j")
    {
        HelpName = "FILE",
        Description = "Joins the open space of an invitation instead of founding one. Into other spaces devices are let by 'crdt pair'.",
    };

    private static readonly Option<string[]> Existence = new("--existence")
    {
        HelpName = "SCOPE=POLICY",
        Description = "What decides between a delete and a concurrent write, for domain or domain/type, as in "
            + $"incident/strike=DeleteWins. Policies: {Policies.ExistenceNames}. May be repeated.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("init", "Makes a replica of a new space, with the keys of this device and of the space. 'crdt pair' lets others in.")
        {
            Space, Policy, Existence, Role, Open, Invite, Join,
        },
        RunAsync);

    /// <summary>The same as <c>crdt space create</c>, without joining.</summary>
    public static (Command, Func<CliContext, Task<ExitCode>>) CreateFounding() => (
        new Command("create", "Founds a space: makes its keys, this device's key, and its first replica; as 'crdt init' does.")
        {
            Space, Policy, Existence, Role, Open, Invite,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        if (FileReplicaStore.Exists(context.Data))
            throw new StoreException(StoreError.AlreadyExists, "There is a replica already.");
        string? invite = context.Parsed.GetValue(Invite);
        if (invite is not null && File.Exists(invite))
        {
            throw new CliException(ExitCode.Precondition, $"'{invite}' exists already.",
                "It may be the only invitation to another space: name another file, or remove it yourself.");
        }
        using StoreKey? key = context.ReadKey();
        var id = new ReplicaId(Guid.NewGuid());
        (SpaceGenesis genesis, ReplicaRole role) = await FindGenesisAsync(context, id, key);
        await using CliHost host = await CliHost.CreateAsync(
            context.Data, key, genesis, id, role, context.Time, context.Cancellation);
        if (invite is not null) await File.WriteAllBytesAsync(invite, genesis.ToBytes(), context.Cancellation);
        Report(context, host.Replica, invite ?? CliHost.InvitationPath(context.Data));
        return ExitCode.Ok;
    }

    private static async ValueTask<(SpaceGenesis Genesis, ReplicaRole Role)> FindGenesisAsync(
        CliContext context, ReplicaId id, StoreKey? key)
    {
        ReplicaRole? wanted = context.Parsed.GetValue(Role);
        bool isOpen = context.Parsed.GetValue(Open);
        string? name = context.Parsed.GetValue(Space);
        string[] policies = context.Parsed.GetValue(Policy) ?? [], existence = context.Parsed.GetValue(Existence) ?? [];
        if (context.Parsed.GetValue(Join) is { } invitation)
        {
            if (name is not null || policies.Length > 0 || existence.Length > 0 || isOpen)
            {
                throw CliException.Usage("A space that exists has its name and policies: --join goes without "
                    + "--space, --policy, --existence and --open.");
            }
            SpaceGenesis joined = await CliHost.ReadInvitationAsync(invitation, context.Cancellation);
            return joined.IsKeyed
                ? throw new CliException(ExitCode.Precondition, "Into this space its authority lets devices: knowing its founding is not enough.",
                    "'crdt pair' on a device that may enrol others, then 'crdt join' here.")
                : (joined, wanted ?? ReplicaRole.Client);
        }
        KeyValuePair<PolicyScope, ConflictPolicy>[] first = Policies.Assignments(policies, Policies.Policy);
        KeyValuePair<PolicyScope, ExistencePolicy>[] rules = Policies.Assignments(existence, Policies.Existence);
        if (rules.FirstOrDefault(r => r.Key.Field is not null) is { Key: { } tooFine })
            throw CliException.Usage($"'{tooFine}' is a field: existence is a matter of whole entities.");
        if (!isOpen && wanted == ReplicaRole.Client)
        {
            throw CliException.Usage("Who founds a space enrols the others, and that takes the server role.",
                "Leave --role out; or found the space on the device that is to be the server, and let this one in from there.");
        }
        try
        {
            return isOpen
                ? (SpaceGenesis.Create(
                    new ReplicaId(Guid.NewGuid()), name ?? NameOf(context.Data), first, context.Time, existence: rules),
                    wanted ?? ReplicaRole.Client)
                : (Found(context, id, key, name ?? NameOf(context.Data), first, rules), ReplicaRole.Server);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e);
        }
    }

    /// <summary>Founds a space under keys that are made here; those of an attempt that was interrupted serve as well.</summary>
    private static SpaceGenesis Found(
        CliContext context, ReplicaId id, StoreKey? key, string name,
        IEnumerable<KeyValuePair<PolicyScope, ConflictPolicy>> policies, IEnumerable<KeyValuePair<PolicyScope, ExistencePolicy>> existence)
    {
        // What makes no sense leaves nothing behind.
        _ = SpaceGenesis.Create(id, name, policies, context.Time, existence: existence);
        using EcdsaNodeKey node = Make(NodeKeyFile.PathIn(context.Data)), authority = Make(NodeKeyFile.AuthorityPathIn(context.Data));
        return SpaceGenesis.Create(new ReplicaId(Guid.NewGuid()), name, policies, context.Time, authority,
            [new Enrolment(id, node.PublicKey, ReplicaRole.Server, context.User)], existence);

        EcdsaNodeKey Make(string path) => File.Exists(path) ? NodeKeyFile.Open(path, key) : NodeKeyFile.Create(path, key);
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
                w.WriteBoolean("open", !replica.IsKeyed);
                w.WriteString("invite", invitation);
            });
            return;
        }
        context.Output.Line(
            $"Replica {Shown.Short(replica.Id)} of the space '{replica.SpaceName}', in the "
                + $"{Shown.Camel(replica.Role)} role, in {context.Data}");
        context.Output.Line(replica.IsKeyed
            ? "Others are let in with: crdt pair"
            : $"Others join with: crdt init --join {invitation}");
    }
}
