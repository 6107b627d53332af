namespace Crdt.Transport.Connections;

/// <summary>What a dialler wants of a stream.</summary>
internal enum StreamPurpose
{
    /// <summary>To replicate.</summary>
    Session,

    /// <summary>To be let into a space.</summary>
    Pairing,
}
