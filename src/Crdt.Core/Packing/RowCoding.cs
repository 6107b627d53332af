namespace Crdt;

/// <summary>How a row of bytes is told.</summary>
internal enum RowCoding
{
    /// <summary>As it is.</summary>
    Plain,

    /// <summary>One byte, as often as it stands there.</summary>
    Constant,

    /// <summary>In a Huffman code of its own.</summary>
    Huffman,

    /// <summary>As a Brotli stream, from the next whole byte on.</summary>
    Brotli,
}
