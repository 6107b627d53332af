namespace Crdt.Testing.Simulation;

/// <summary>How an event is drawn.</summary>
internal enum DiagramMark
{
    /// <summary>A commit.</summary>
    Commit,

    /// <summary>A commit that did not fit, or could not be written.</summary>
    Rejected,

    /// <summary>Runs that were news.</summary>
    Applied,

    /// <summary>A process ends.</summary>
    Crash,

    /// <summary>It begins again.</summary>
    Restart,

    /// <summary>A connection begins or ends.</summary>
    Connection,

    /// <summary>Something else.</summary>
    Note,
}
