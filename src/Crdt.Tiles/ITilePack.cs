namespace Crdt.Tiles;

/// <summary>An open tile pack. Calls may overlap.</summary>
public interface ITilePack : IDisposable
{
    /// <summary>What it says of itself.</summary>
    TilePackInfo Info { get; }

    /// <summary>Reads one tile.</summary>
    /// <returns>Its bytes, compressed as <see cref="TilePackInfo.Compression"/> says; <see langword="null"/> where the pack has
    /// none.</returns>
    /// <exception cref="ArgumentException">There is no such place.</exception>
    /// <exception cref="TileException">It is not here yet, or the pack is wrong there.</exception>
    ValueTask<byte[]?> GetAsync(TileCoordinate tile, CancellationToken cancellationToken = default);

    /// <summary>Reads what the pack has to say beside its header: a JSON object of name, attribution, layers and the
    /// like.</summary>
    /// <exception cref="TileException">It is not here yet, or wrong.</exception>
    ValueTask<string> GetMetadataAsync(CancellationToken cancellationToken = default);
}
