namespace Crdt.Cli;

/// <summary>What the process tells its caller. Scripts depend on the numbers: they never change.</summary>
internal enum ExitCode
{
    /// <summary>Done.</summary>
    Ok = 0,

    /// <summary>Something that nobody foresaw.</summary>
    Failure = 1,

    /// <summary>The command line, or a file or value that it names, makes no sense. Nothing was done.</summary>
    Usage = 2,

    /// <summary>The entity or field does not exist, or is deleted.</summary>
    NotFound = 3,

    /// <summary>A peer could not be reached, or the exchange with it ended before both were in sync.</summary>
    Peer = 4,

    /// <summary>The replica's files: none there, in use, damaged, disk full.</summary>
    Store = 5,

    /// <summary>The state of things forbids it: exists already, role missing, conflict settled already.</summary>
    Precondition = 6,

    /// <summary>Done in part: some of the input was rejected, and is listed.</summary>
    Incomplete = 7,

    /// <summary>A simulation found something that does not hold.</summary>
    Violation = 8,

    /// <summary>Stopped by a signal; as shells number SIGINT.</summary>
    Cancelled = 130,
}
