using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Crdt.Store;
using Crdt.Transport.Pairing;

namespace Crdt.Cli.Pairing;

/// <summary>What a replica's directory holds for letting others in.</summary>
internal static class PairingFiles
{
    /// <summary>The key of the space's authority; null where this device does not have it.</summary>
    public static EcdsaNodeKey? OpenAuthority(CliContext context)
    {
        string path = NodeKeyFile.AuthorityPathIn(context.Data);
        if (!File.Exists(path)) return null;
        using StoreKey? key = context.ReadKey();
        return NodeKeyFile.Open(path, key);
    }

    /// <summary>The same where there is no doing without it.</summary>
    public static EcdsaNodeKey NeedAuthority(CliContext context) => OpenAuthority(context)
        ?? throw new CliException(ExitCode.Precondition, "This device does not have the key of the space's authority, and so can let nobody in.",
            "Do it where the space was founded; or, if that device is gone, bring keys/authority.key back from a backup.");

    public static FilePairingBook OpenBook(CliContext context) => new(FilePairingBook.PathIn(context.Data), context.Time);

    public static async ValueTask<PairingDesk> OpenDeskAsync(CliContext context, CliHost host, EcdsaNodeKey authority)
    {
        SpaceGenesis genesis = await CliHost.ReadInvitationAsync(CliHost.InvitationPath(context.Data), context.Cancellation);
        return new PairingDesk(host.Replica, genesis, authority, OpenBook(context), context.Time);
    }

    /// <summary>Where a device that listens may be reached: of "everywhere", the addresses of its networks.</summary>
    public static EndPoint[] AddressesOf(IPEndPoint bound)
    {
        if (!bound.Address.Equals(IPAddress.Any) && !bound.Address.Equals(IPAddress.IPv6Any)) return [bound];
        bool both = bound.Address.Equals(IPAddress.IPv6Any);
        return [.. NetworkInterface.GetAllNetworkInterfaces()
            .Where(n => n.OperationalStatus == OperationalStatus.Up)
            .SelectMany(n => n.GetIPProperties().UnicastAddresses.Select(a => a.Address))
            .Where(a => a.AddressFamily == AddressFamily.InterNetwork || (both && !a.IsIPv6LinkLocal))
            .OrderBy(IPAddress.IsLoopback).ThenBy(a => a.AddressFamily)
            .Select(a => (EndPoint)new IPEndPoint(a, bound.Port))
            .Take(PairingInvitation.AddressesMax)];
    }
}
