namespace Crdt;

/// <summary>What is wrong with the bytes of a batch. Every replica judges it alike, for ever.</summary>
public enum BatchError
{
    /// <summary>The bytes end too early.</summary>
    Truncated,

    /// <summary>There are bytes behind the end.</summary>
    Trailing,

    /// <summary>A format version that this build does not know.</summary>
    UnknownFormat,

    /// <summary>A MessagePack item of another type than its place asks for.</summary>
    UnexpectedType,

    /// <summary>The same content has another, the one canonical, encoding.</summary>
    NotCanonical,

    /// <summary>A number, name, path or value outside its range.</summary>
    OutOfRange,

    /// <summary>More than a limit of the format.</summary>
    LimitExceeded,

    /// <summary>The compressed form does not unpack to what it declares.</summary>
    BadCompression,
}
