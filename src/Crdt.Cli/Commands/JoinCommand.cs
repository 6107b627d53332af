using System.CommandLine;
using System.Net;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Cli.Pairing;
using Crdt.Store;
using Crdt.Transport;
using Crdt.Transport.Discovery;
using Crdt.Transport.Pairing;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt join</c>: makes a replica of a space that another device lets this one into.</summary>
internal static class JoinCommand
{
    private const string PendingName = "joining";

    // The person at the other device may still be on the way to its keyboard.
    private static readonly TimeSpan LookFor = TimeSpan.FromSeconds(30), LookForMore = TimeSpan.FromSeconds(1);

    private static readonly Argument<string?> Invitation = new("invitation")
    {
        HelpName = "INVITATION",
        Description = "What 'crdt pair' shows on the inviting device, or a file with it; with --code its HOST:PORT, or nothing: then the device that waits on the same network is found.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> Code = new("--code")
    {
        Description = "Without an invitation: both screens show six digits, and the people in front of them compare.",
    };

    private static readonly Option<string?> Name = new("--name")
    {
        HelpName = "NAME",
        Description = "What to call this device towards the person at the inviting one. Default: the machine's name.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create()
    {
        var join = new Command("join", "Has this device let into a space, and makes a replica of it. Interrupted, it is finished by running it again.")
        {
            Invitation, Code, Name,
        };
        BlobOptions.AddTo(join);
        return (join, RunAsync);
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        if (FileReplicaStore.Exists(context.Data))
            throw new StoreException(StoreError.AlreadyExists, "There is a replica already.");
        string? given = context.Parsed.GetValue(Invitation);
        bool byCode = context.Parsed.GetValue(Code);
        if (given is null && !byCode) throw CliException.Usage("The invitation is missing.", "'crdt pair' on the inviting device shows one.");
        PairingInvitation? invitation = byCode ? null : await ReadAsync(given!, context.Cancellation);
        EndPoint? address = !byCode ? null : given is null ? await FindAsync(context) : ServeCommand.ParsePeer(given);
        _ = BlobOptions.Read(context); // a mistake is told before anything is opened
        string name = context.Parsed.GetValue(Name) ?? Environment.MachineName;
        using StoreKey? protect = context.ReadKey();
        string keyPath = NodeKeyFile.PathIn(context.Data);
        using EcdsaNodeKey key = File.Exists(keyPath) ? NodeKeyFile.Open(keyPath, protect) : NodeKeyFile.Create(keyPath, protect);
        ReplicaId id = await PendingIdAsync(context);
        PairingGrant grant = invitation is not null
            ? await PairingApplicant.ApplyAsync(invitation, key, id, name, context.Cancellation)
            : await PairingApplicant.ApplyAsync(address!, key, id, name, new CodePrompt(context).ConfirmAsync, context.Cancellation);
        await using CliHost host = await CliHost.CreateAsync(
            context.Data, protect, grant.Genesis, grant.Enrolment.Replica, grant.Enrolment.Role, context.Time, context.Cancellation);
        await BlobOptions.SetAsync(context, host.Replica);
        File.Delete(PendingPath(context));
        Report(context, host.Replica, grant);
        await using PeerNode node = ServeCommand.CreateNode(context, host, isPlain: false);
        return await SyncCommand.ExchangeAsync(context, host, node, grant.Address, seconds: null);
    }

    /// <summary>The one device near that waits for another; the digits tell whether it is the one that is meant.</summary>
    private static async Task<EndPoint> FindAsync(CliContext context)
    {
        await using var discovery = new MdnsDiscovery(new MdnsOptions { ServiceType = PairingCall.ServiceType });
        var found = await PairingCall.FindAsync(discovery, LookFor, LookForMore, context.Time, context.Cancellation);
        return found switch
        {
            [(EndPoint only, _)] => only,
            [] => throw new CliException(ExitCode.Peer, $"Nobody near waits for a device, not within {Shown.Duration(LookFor)}.",
                "Does 'crdt pair --code' run there, on the same network? Else name the address that it shows."),
            _ => throw new CliException(ExitCode.Peer, $"{Shown.Count(found.Count, "device")} near wait for another one: "
                + string.Join(", ", found.Select(static f => string.Join(" or ", f.Addresses))), "Name the address that the right one shows."),
        };
    }

    private static async ValueTask<PairingInvitation> ReadAsync(string given, CancellationToken cancellation)
    {
        string text = given;
        if (!given.StartsWith(PairingInvitation.Scheme, StringComparison.Ordinal))
        {
            if (!File.Exists(given))
                throw CliException.Usage($"'{given}' is no invitation, and no file is named so.", "'crdt pair' on the inviting device shows one.");
            if (new FileInfo(given).Length > 10_000) throw CliException.Usage($"'{given}' is too large to be an invitation.");
            text = await File.ReadAllTextAsync(given, cancellation);
        }
        return PairingInvitation.TryParse(text, out PairingInvitation? invitation) ? invitation!
            : throw CliException.Usage("This is not an invitation, or not the whole of one.", "'crdt pair' on the inviting device shows one.");
    }

    // Kept until it has succeeded: an invitation that was used is granted again to the same key and id only.
    private static async ValueTask<ReplicaId> PendingIdAsync(CliContext context)
    {
        string path = PendingPath(context);
        if (File.Exists(path) && ReplicaId.TryParse((await File.ReadAllTextAsync(path, context.Cancellation)).Trim(), out ReplicaId pending))
            return pending;
        var fresh = new ReplicaId(Guid.NewGuid());
        await File.WriteAllTextAsync(path, fresh.ToString(), context.Cancellation);
        return fresh;
    }

    private static string PendingPath(CliContext context) =>
        Path.Combine(Path.GetDirectoryName(NodeKeyFile.PathIn(context.Data))!, PendingName);

    private static void Report(CliContext context, Replica replica, PairingGrant grant)
    {
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("space", replica.Space.ToString());
                w.WriteString("name", replica.SpaceName);
                w.WriteString("replica", replica.Id.ToString());
                w.WriteString("role", Shown.Camel(replica.Role));
                w.WriteOptional("owner", grant.Enrolment.Owner);
                w.WriteString("data", context.Data);
            });
            return;
        }
        context.Output.Line($"Replica {Shown.Short(replica.Id)} of the space '{replica.SpaceName}', in the "
            + $"{Shown.Camel(replica.Role)} role, in {context.Data}");
    }
}
