using System.CommandLine;
using System.Net;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;
using Crdt.Cli.Pairing;
using Crdt.Store;
using Crdt.Transport;
using Crdt.Transport.Discovery;
using Crdt.Transport.Pairing;
using Crdt.Transport.Security;
using QRCoder;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt pair</c>: lets a device into the space.</summary>
internal static class PairCommand
{
    private const int MinutesDefault = 10;

    private static readonly TimeSpan CopyPatience = TimeSpan.FromMinutes(10);

    private static readonly Option<IPEndPoint?> Listen = ServeCommand.ListenOption(
        "Where to listen for the new device. Default: 0.0.0.0:0, every network of this machine, any port.");

    private static readonly Option<ReplicaRole?> Role = CommonOptions.Named<ReplicaRole>("--role",
        "What the new device is: client, the default; or server, an always-on peer.", ReplicaRole.Client, ReplicaRole.Server);

    private static readonly Option<string?> Owner = new("--owner")
    {
        HelpName = "NAME",
        Description = "Whose the new device is; certified, and shown by 'crdt device list'.",
    };

    private static readonly Option<string?> Out = new("--out", "-o")
    {
        HelpName = "FILE",
        Description = "Writes the invitation into a file, too, which its owner alone may read.",
    };

    private static readonly Option<int?> Valid = new("--valid")
    {
        HelpName = "MINUTES",
        Description = $"How long the invitation is good. Default: {MinutesDefault}.",
        CustomParser = result => (int)CommonOptions.WholeNumber(result, 1, 7 * 24 * 60),
    };

    private static readonly Option<bool> Code = new("--code")
    {
        Description = "Without an invitation: both screens show six digits, and the people in front of them compare.",
    };

    private static readonly Option<bool> NoDiscovery = new("--no-discovery")
    {
        Description = "With --code: does not announce on this device's networks that it waits, so that the new one has to name the address.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("pair", "Invites a device: shows an invitation for 'crdt join' there, as text and on a terminal as a QR code, and waits until "
            + "the device has its copy. While 'crdt serve' runs on this replica, that one lets it in.")
        {
            Listen, Role, Owner, Out, Valid, Code, NoDiscovery,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        ReplicaRole role = context.Parsed.GetValue(Role) ?? ReplicaRole.Client;
        string? owner = context.Parsed.GetValue(Owner), file = context.Parsed.GetValue(Out);
        bool byCode = context.Parsed.GetValue(Code);
        if (byCode && file is not null) throw CliException.Usage("With --code there is no invitation to write.");
        if (file is not null && File.Exists(file)) throw new CliException(ExitCode.Precondition, $"'{file}' exists already.");
        TimeSpan valid = TimeSpan.FromMinutes(context.Parsed.GetValue(Valid) ?? MinutesDefault);
        if (!FileReplicaStore.Exists(context.Data))
            throw new StoreException(StoreError.NotFound, "There is no replica.");
        using EcdsaNodeKey authority = PairingFiles.NeedAuthority(context);
        CliHost host;
        try
        {
            host = await context.OpenAsync();
        }
        catch (StoreException e) when (e.Error == StoreError.InUse && !byCode && ListeningFile.Read(context.Data) is { } serving)
        {
            // That process lets it in.
            using StoreKey? protect = context.ReadKey();
            using EcdsaNodeKey key = NodeKeyFile.Open(NodeKeyFile.PathIn(context.Data), protect);
            Show(context, Invite(context, key, role, owner, valid, serving), file, serving, isServed: true);
            return ExitCode.Ok;
        }
        await using (host)
        {
            PairingDesk desk = await PairingFiles.OpenDeskAsync(context, host, authority);
            await using PeerNode node = ServeCommand.CreateNode(context, host, isPlain: false, desk);
            return await RunAsync(context, host, node, desk, new Wish(role, owner, valid, byCode), file);
        }
    }

    private static async Task<ExitCode> RunAsync(
        CliContext context, CliHost host, PeerNode node, PairingDesk desk, Wish wish, string? file)
    {
        var paired = new TaskCompletionSource<Enrolment>(TaskCreationOptions.RunContinuationsAsynchronously);
        var copied = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        desk.Paired += (_, enrolment) => paired.TrySetResult(enrolment);
        node.EventOccurred += (_, happened) =>
        {
            if (happened.Kind == PeerNodeEventKind.Refused)
                context.Output.Warn($"{Shown.Camel(happened.Error)}: {happened.Message}");
            if (happened is { Kind: PeerNodeEventKind.Disconnected, Error: WireError.Closed, Connection: { } ended }
                && paired.Task.IsCompleted && ended.PeerKey.Span.SequenceEqual(paired.Task.Result.PublicKey.Span)) copied.TrySetResult();
        };
        IPEndPoint bound = await node.ListenAsync(
            context.Parsed.GetValue(Listen) ?? new IPEndPoint(IPAddress.Any, 0), context.Cancellation);
        await using var discovery = new MdnsDiscovery(new MdnsOptions { ServiceType = PairingCall.ServiceType });
        if (wish.ByCode)
        {
            var prompt = new CodePrompt(context);
            desk.OfferCode(wish.Role, wish.Owner, prompt.ConfirmAsync);
            bool isAnnounced = !context.Parsed.GetValue(NoDiscovery) && await TryAnnounceAsync(context, discovery, bound);
            ShowListening(context, bound, isAnnounced);
        }
        else Show(context, Invite(context, host.Key!, wish.Role, wish.Owner, wish.Valid, bound), file, bound, isServed: false);
        Enrolment enrolment;
        try
        {
            enrolment = await paired.Task.WaitAsync(wish.Valid, context.Time, context.Cancellation);
        }
        catch (TimeoutException)
        {
            throw new CliException(ExitCode.Peer, $"No device came within {Shown.Duration(wish.Valid)}.", "Run it again for a new invitation.");
        }
        await discovery.WithdrawAsync(context.Cancellation);
        ShowPaired(context, enrolment);
        // The new device gets its copy from here before this process goes.
        try
        {
            await copied.Task.WaitAsync(CopyPatience, context.Time, context.Cancellation);
        }
        catch (TimeoutException)
        {
            throw new CliException(ExitCode.Peer, "The device was let in, and has not fetched its copy of the space yet.",
                "'crdt serve' here, and 'crdt sync' there.");
        }
        return ExitCode.Ok;
    }

    private static PairingInvitation Invite(
        CliContext context, EcdsaNodeKey key, ReplicaRole role, string? owner, TimeSpan valid, IPEndPoint bound)
    {
        byte[] token = PairingInvitation.NewToken();
        DateTimeOffset expires = context.Time.GetUtcNow() + valid;
        PairingFiles.OpenBook(context).Add(new PairingOffer(token, role, owner, expires));
        return new PairingInvitation(
            NodeFingerprint.Of(key.PublicKey.Span), token, PairingFiles.AddressesOf(bound), expires);
    }

    private static void Show(CliContext context, PairingInvitation invitation, string? file, IPEndPoint bound, bool isServed)
    {
        string text = invitation.ToString();
        if (file is not null) NodeKeyFile.WriteSecret(file, System.Text.Encoding.UTF8.GetBytes(text + "\n"));
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("invitation", text);
                w.WriteOptional("file", file);
                w.WriteString("listening", bound.ToString());
                w.WriteString("fingerprint", invitation.Node.ToString());
                w.WriteTime("expires", invitation.Expires);
                w.WriteBoolean("served", isServed);
            });
        }
        else
        {
            if (context.Output.IsInteractive) context.Output.Line(Qr(text));
            context.Output.Line("On the new device, in a directory of its own:");
            context.Output.Line();
            context.Output.Line($"crdt join '{(file is null ? text : Path.GetFileName(file))}'");
            context.Output.Line();
            context.Output.Note($"Whoever has this invitation first is let in, until {Shown.Time(invitation.Expires)}."
                + (isServed ? " 'crdt serve' lets it in." : " Waiting; Ctrl-C ends it."));
        }
        context.Output.Flush();
    }

    private static string Qr(string text)
    {
        using var generator = new QRCodeGenerator();
        using QRCodeData data = generator.CreateQrCode(text, QRCodeGenerator.ECCLevel.L);
        using var code = new AsciiQRCode(data);
        return code.GetGraphicSmall();
    }

    private static async ValueTask<bool> TryAnnounceAsync(CliContext context, MdnsDiscovery discovery, IPEndPoint bound)
    {
        try
        {
            await discovery.AdvertiseAsync(PairingCall.Of(bound), context.Cancellation);
            return true;
        }
        catch (WireException e)
        {
            context.Output.Warn(e.Message);
            return false;
        }
    }

    private static void ShowListening(CliContext context, IPEndPoint bound, bool isAnnounced)
    {
        if (context.Output.IsJson) context.Output.Json(w => w.WriteString("listening", bound.ToString()));
        else
        {
            string at = PairingFiles.AddressesOf(bound)[0].ToString()!;
            context.Output.Line("On the new device, in a directory of its own: crdt join --code" + (isAnnounced ? "" : $" {at}"));
            if (isAnnounced) context.Output.Note($"Where that does not find it: crdt join --code {at}");
        }
        context.Output.Flush();
    }

    private static void ShowPaired(CliContext context, Enrolment enrolment)
    {
        string fingerprint = NodeFingerprint.Of(enrolment.PublicKey.Span).ToString();
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("paired", enrolment.Replica.ToString());
                w.WriteString("role", Shown.Camel(enrolment.Role));
                w.WriteOptional("owner", enrolment.Owner);
                w.WriteString("fingerprint", fingerprint);
            });
        }
        else context.Output.Line($"Replica {Shown.Short(enrolment.Replica)} was let in, in the {Shown.Camel(enrolment.Role)} role; it fetches its copy.");
        context.Output.Flush();
    }

    private sealed record Wish(ReplicaRole Role, string? Owner, TimeSpan Valid, bool ByCode);
}
