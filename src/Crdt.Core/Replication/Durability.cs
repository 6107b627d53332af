namespace Crdt;

/// <summary>What a commit waits for.</summary>
public enum Durability
{
    /// <summary>The transaction survives power loss when the commit completes. The default.</summary>
    Durable = 0,

    /// <summary>The transaction is visible when the commit completes, and durable with the next durable commit, with
    /// <see cref="Replica.FlushAsync"/>, or before it leaves the device, whichever comes first. A power cut before that takes
    /// the last of them away, whole transactions and from the end on; so does a crash of the process as far as the operating
    /// system had not been given them. For imports that can be repeated.</summary>
    Relaxed,
}
