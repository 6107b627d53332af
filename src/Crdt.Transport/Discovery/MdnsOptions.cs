namespace Crdt.Transport.Discovery;

/// <summary>Settings of <see cref="MdnsDiscovery"/>. Each default is meant for the field.</summary>
public sealed record MdnsOptions
{
    /// <summary>What is announced and looked for, as DNS-SD names it. Default: <c>_crdt-sync._tcp</c>.</summary>
    public string ServiceType { get; init; } = "_crdt-sync._tcp";

    /// <summary>Which of the machine's interfaces are used, by their names. Default: all that are up and can multicast, and the
    /// loopback, so that processes of one machine find each other without any network.</summary>
    public Func<string, bool> UsesInterface { get; init; } = static _ => true;

    /// <summary>Clock and timers. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
