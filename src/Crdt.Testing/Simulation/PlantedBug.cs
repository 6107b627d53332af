namespace Crdt.Testing.Simulation;

/// <summary>A defect put into a <see cref="Simulation"/> on purpose, to see that it is found.</summary>
public enum PlantedBug
{
    /// <summary>None.</summary>
    None,

    /// <summary>Stores acknowledge writes that a crash loses.</summary>
    StoreForgets,

    /// <summary>After a restart stores leave out one entry in the middle of the log.</summary>
    StoreSkips,

    /// <summary>Connections hand over frames in another order than they were sent in.</summary>
    NetworkReorders,

    /// <summary>Connections change a bit now and then.</summary>
    NetworkCorrupts,

    /// <summary>Connections swallow a frame now and then, and go on.</summary>
    NetworkLoses,

    /// <summary>Connections send what there is of attachments before they ask for mutations.</summary>
    BlobsFirst,

    /// <summary>Stores of attachments lose what they said was durable in a crash.</summary>
    BlobsForgotten,
}
