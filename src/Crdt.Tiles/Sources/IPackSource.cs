namespace Crdt.Tiles;

/// <summary>The bytes of a tile pack, wherever they lie, read at any place. Calls may overlap.</summary>
public interface IPackSource
{
    /// <summary>Bytes of the whole pack, also of what has not arrived yet.</summary>
    long Length { get; }

    /// <summary>Reads what is there from a place on.</summary>
    /// <param name="offset">Of the first byte, from 0.</param>
    /// <param name="buffer">What it is read into.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Bytes read: less than the buffer takes only where the pack ends, 0 at its end and behind it.</returns>
    /// <exception cref="TileException"><see cref="TileError.NotHere"/>: some of these bytes have not arrived yet.</exception>
    ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default);
}
