namespace Crdt;

/// <summary>What a <see cref="Value"/> holds.</summary>
public enum ValueKind
{
    /// <summary>JSON null: a value like any other, not an absent field.</summary>
    Null,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A 64-bit signed integer. 1 and 1.0 differ.</summary>
    Integer,

    /// <summary>A finite IEEE 754 double.</summary>
    Double,

    /// <summary>Well-formed Unicode text.</summary>
    String,

    /// <summary>A sequence of bytes.</summary>
    Bytes,

    /// <summary>An instant in UTC, to 100 nanoseconds.</summary>
    Timestamp,

    /// <summary>A JSON array as one value.</summary>
    Array,

    /// <summary>A JSON object as one value, its members in ordinal order of their names.</summary>
    Object,

    /// <summary>A reference to content in the blob store.</summary>
    Blob,
}
