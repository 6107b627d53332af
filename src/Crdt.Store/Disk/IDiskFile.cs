namespace Crdt.Store.Disk;

/// <summary>One open file. Reads may overlap with each other and with one writer.</summary>
internal interface IDiskFile : IDisposable
{
    long Length { get; }

    /// <summary>Reads until the buffer is full or the file ends; returns the number of bytes.</summary>
    int Read(Span<byte> buffer, long offset);

    /// <summary>Writes all bytes, or throws; after a throw, any part of them may be there.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    void SetLength(long length);

    /// <summary>Returns when everything written is durable, the file's length included.</summary>
    void Flush();
}
