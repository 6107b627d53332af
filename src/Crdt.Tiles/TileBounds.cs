namespace Crdt.Tiles;

/// <summary>A part of the world, in degrees.</summary>
/// <param name="West">Longitude of its western edge, -180 to 180.</param>
/// <param name="South">Latitude of its southern edge, -90 to 90.</param>
/// <param name="East">Longitude of its eastern edge.</param>
/// <param name="North">Latitude of its northern edge.</param>
public readonly record struct TileBounds(double West, double South, double East, double North)
{
    /// <summary>As much of the world as the projection shows.</summary>
    public static TileBounds World { get; } = new(-180, -85.05113, 180, 85.05113);

    /// <summary>Whether all of it is on the globe, the right way round.</summary>
    public bool IsValid => West is >= -180 and <= 180 && East is >= -180 and <= 180 && South is >= -90 and <= 90 && North is >= -90 and <= 90
        && West <= East && South <= North;
}
