using Microsoft.Win32.SafeHandles;

namespace Crdt.Tiles;

/// <summary>A pack in a file, which stays as it is while it is open.</summary>
public sealed class FilePackSource : IPackSource, IDisposable
{
    private readonly SafeFileHandle file;

    /// <summary>Opens the file.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public FilePackSource(string path)
    {
        file = File.OpenHandle(path, options: FileOptions.Asynchronous | FileOptions.RandomAccess);
        Length = RandomAccess.GetLength(file);
    }

    /// <inheritdoc/>
    public long Length { get; }

    /// <inheritdoc/>
    public async ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        int count = 0;
        while (count < buffer.Length)
        {
            int read = await RandomAccess.ReadAsync(file, buffer[count..], offset + count, cancellationToken).ConfigureAwait(false);
            if (read == 0) break;
            count += read;
        }
        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
