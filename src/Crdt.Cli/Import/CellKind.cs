namespace Crdt.Cli.Import;

/// <summary>What a cell's text becomes.</summary>
internal enum CellKind
{
    /// <summary>A number if the number, written back as JSON, is the very same text; else text.</summary>
    Auto,

    /// <summary>Text as it stands.</summary>
    Text,

    /// <summary>An integer or double; anything else rejects the row.</summary>
    Number,

    /// <summary>True or false; anything else rejects the row.</summary>
    Boolean,

    /// <summary>An instant in RFC 3339; anything else rejects the row.</summary>
    Timestamp,

    /// <summary>Any JSON value; anything else rejects the row.</summary>
    Json,
}
