using System.CommandLine;
using Crdt.Cli.Output;
using Crdt.Transport.Security;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt device list|revoke|retire</c>: who is in the space, and who is not any more.</summary>
internal static class DeviceCommand
{
    private static readonly Argument<string> Device = new("device")
    {
        HelpName = "REPLICA",
        Description = "The id of its replica, or the beginning of it, as 'crdt device list' shows it.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create(out Command device)
    {
        var list = new Command("list", "Lists the devices of the space: role, owner, key, and what has become of them.");
        var revoke = new Command("revoke", "Takes trust away from a device's key, for good: a device that is lost or stolen. What it wrote up to what "
            + "this replica holds counts, nothing beyond; its live sessions end, and whoever hears of it refuses it. Needs the server role.") { Device };
        var retire = new Command("retire", "Ends a device's log where this replica holds it, for good: a device that is given away. If it wrote more "
            + "and comes back, it writes that again under a new id. Needs the server role.") { Device };
        device = new Command("device", "Shows the devices of the space, and ends their membership.") { list, revoke, retire };
        return
        [
            (list, ListAsync),
            (revoke, context => FenceAsync(context, FenceReason.Revoked)),
            (retire, context => FenceAsync(context, FenceReason.Retired)),
        ];
    }

    private static async Task<ExitCode> ListAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        Replica replica = host.Replica;
        Enrolment[] devices = [.. replica.Enrolments.Where(e => e.Role != ReplicaRole.Authority)];
        if (context.Output.IsJson)
        {
            foreach (Enrolment device in devices) WriteJson(context.Output, replica, device);
        }
        else if (!replica.IsKeyed) context.Output.Note("The space is open: nobody is enrolled in it.");
        else
        {
            context.Output.Table(["device", "role", "owner", "key", "state", "wrote", "heard of"], devices.Select(d => (IReadOnlyList<string>)
            [
                Shown.Author(d.Replica, replica.Id), Shown.Camel(d.Role), d.Owner ?? "", NodeFingerprint.Of(d.PublicKey.Span).Short,
                StateOf(replica, d), Shown.Number(replica.Vector[d.Replica]), HeardOf(replica, d) is { } at ? Shown.Time(at) : "",
            ]), "wrote");
        }
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> FenceAsync(CliContext context, FenceReason reason)
    {
        string text = context.Parsed.GetRequiredValue(Device);
        await using CliHost host = await context.OpenAsync();
        Replica replica = host.Replica;
        Enrolment device = Find(replica, text);
        if (device.Replica == replica.Id)
            throw new CliException(ExitCode.Precondition, "This is the device itself: another one says that it ends.");
        CommitResult result;
        try
        {
            result = await replica.FenceAsync(device.Replica, reason, context.Cancellation);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e);
        }
        if (context.Output.IsJson) WriteJson(context.Output, replica, device);
        else
        {
            string what = result.Count == 0 ? "was ended before" : reason == FenceReason.Revoked ? "is revoked" : "is retired";
            Fence? fence = replica.Fences.FirstOrDefault(f => f.Replica == device.Replica);
            context.Output.Line($"{Shown.Short(device.Replica)} {what}: {Shown.Count(fence?.Sequence ?? 0, "mutation")} of it "
                + (fence?.Sequence == 1 ? "counts" : "count") + ". It spreads with the data.");
        }
        return ExitCode.Ok;
    }

    private static Enrolment Find(Replica replica, string text)
    {
        Enrolment[] found = [.. replica.Enrolments.Where(e => e.Role != ReplicaRole.Authority
            && e.Replica.ToString().StartsWith(text, StringComparison.OrdinalIgnoreCase))];
        return found.Length switch
        {
            1 => found[0],
            0 => throw CliException.NotFound($"No device '{text}' is enrolled.", "'crdt device list' shows those that are."),
            _ => throw CliException.Usage($"'{text}' is the beginning of {found.Length} devices' ids: give more of it."),
        };
    }

    private static string StateOf(Replica replica, Enrolment device) =>
        replica.IsRevoked(device.PublicKey.Span, device) ? "revoked"
        : replica.Fences.FirstOrDefault(f => f.Replica == device.Replica) is { } fence ? Shown.Camel(fence.Reason)
        : device.Replica == replica.Id ? "here"
        : replica.Vector[device.Replica] == 0 ? "invited" : "active";

    private static DateTimeOffset? HeardOf(Replica replica, Enrolment device) =>
        replica.Acknowledgements.FirstOrDefault(a => a.By == device.Replica)?.Time;

    private static void WriteJson(CliOutput output, Replica replica, Enrolment device) => output.Json(w =>
    {
        w.WriteString("device", device.Replica.ToString());
        w.WriteString("role", Shown.Camel(device.Role));
        w.WriteOptional("owner", device.Owner);
        w.WriteString("fingerprint", NodeFingerprint.Of(device.PublicKey.Span).ToString());
        w.WriteString("state", StateOf(replica, device));
        w.WriteNumber("wrote", replica.Vector[device.Replica]);
        if (replica.Fences.FirstOrDefault(f => f.Replica == device.Replica) is { } fence) w.WriteNumber("counts_up_to", fence.Sequence);
        w.WriteTime("heard_of", HeardOf(replica, device));
    });
}
