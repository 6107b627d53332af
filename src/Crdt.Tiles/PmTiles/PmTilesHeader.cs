using System.Buffers.Binary;

namespace Crdt.Tiles.PmTiles;

/// <summary>The first 127 bytes of a PMTiles pack, version 3.</summary>
internal sealed record PmTilesHeader
{
    public const int LengthBytes = 127;

    /// <summary>Header and root directory lie within so many bytes, so that one range has them both.</summary>
    public const int StartBytes = 16 << 10;

    private const byte Version = 3;
    private const double PositionUnits = 10_000_000;

    private static ReadOnlySpan<byte> Magic => "PMTiles"u8;

    public PmTilesSection Root { get; init; }

    public PmTilesSection Metadata { get; init; }

    public PmTilesSection Leaves { get; init; }

    public PmTilesSection Tiles { get; init; }

    public ulong AddressedTiles { get; init; }

    public ulong TileEntries { get; init; }

    public ulong TileContents { get; init; }

    public bool IsClustered { get; init; }

    public TileCompression InternalCompression { get; init; }

    public required TilePackInfo Info { get; init; }

    /// <summary>Reads the header of a pack of some length, and checks that its sections lie within it.</summary>
    public static PmTilesHeader Read(ReadOnlySpan<byte> bytes, long packBytes)
    {
        if (bytes.Length < Magic.Length || !bytes.StartsWith(Magic)) throw new TileException(TileError.NotAPack, "The bytes do not begin as PMTiles do.");
        if (bytes.Length > Magic.Length && bytes[7] != Version)
            throw new TileException(TileError.Unsupported, $"The pack is PMTiles of version {bytes[7]}; version {Version} is read here.");
        if (bytes.Length < LengthBytes) throw new TileException(TileError.Damaged, $"The pack ends within its header, after {bytes.Length} bytes.");
        int zoomMin = bytes[100], zoomMax = bytes[101], centerZoom = bytes[118];
        var bounds = new TileBounds(Degrees(bytes[102..]), Degrees(bytes[106..]), Degrees(bytes[110..]), Degrees(bytes[114..]));
        if (zoomMin > zoomMax || zoomMax > TileCoordinate.ZoomMax)
            throw new TileException(TileError.Damaged, $"The pack says it has the levels {zoomMin} to {zoomMax}, of 0 to {TileCoordinate.ZoomMax}.");
        if (!bounds.IsValid) throw new TileException(TileError.Damaged, $"The pack says it covers {bounds}, which is no part of the world.");
        var header = new PmTilesHeader
        {
            Root = Section(bytes[8..], packBytes, "root directory"),
            Metadata = Section(bytes[24..], packBytes, "metadata"),
            Leaves = Section(bytes[40..], packBytes, "leaf directories"),
            Tiles = Section(bytes[56..], packBytes, "tiles"),
            AddressedTiles = BinaryPrimitives.ReadUInt64LittleEndian(bytes[72..]),
            TileEntries = BinaryPrimitives.ReadUInt64LittleEndian(bytes[80..]),
            TileContents = BinaryPrimitives.ReadUInt64LittleEndian(bytes[88..]),
            IsClustered = bytes[96] == 1,
            InternalCompression = Compression(bytes[97], "directories"),
            Info = new TilePackInfo
            {
                Compression = Compression(bytes[98], "tiles"),
                Type = bytes[99] <= (byte)TileType.Avif ? (TileType)bytes[99] : TileType.Unknown,
                ZoomMin = zoomMin,
                ZoomMax = zoomMax,
                Bounds = bounds,
                Center = (Degrees(bytes[119..]), Degrees(bytes[123..])),
                CenterZoom = Math.Min(centerZoom, TileCoordinate.ZoomMax),
            },
        };
        if (header.Root.Length == 0 || header.Root.Offset < LengthBytes || header.Root.Offset + header.Root.Length > StartBytes)
            throw new TileException(TileError.Damaged, $"The root directory is at {header.Root}, not within the first {StartBytes} bytes.");
        return header;
    }

    public void Write(Span<byte> bytes)
    {
        bytes[..LengthBytes].Clear();
        Magic.CopyTo(bytes);
        bytes[7] = Version;
        ReadOnlySpan<PmTilesSection> sections = [Root, Metadata, Leaves, Tiles];
        for (int i = 0; i < sections.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes[(8 + (16 * i))..], sections[i].Offset);
            BinaryPrimitives.WriteInt64LittleEndian(bytes[(16 + (16 * i))..], sections[i].Length);
        }
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[72..], AddressedTiles);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[80..], TileEntries);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[88..], TileContents);
        (bytes[96], bytes[97], bytes[98], bytes[99]) = (IsClustered ? (byte)1 : (byte)0, (byte)InternalCompression, (byte)Info.Compression, (byte)Info.Type);
        (bytes[100], bytes[101], bytes[118]) = ((byte)Info.ZoomMin, (byte)Info.ZoomMax, (byte)Info.CenterZoom);
        ReadOnlySpan<double> degrees = [Info.Bounds.West, Info.Bounds.South, Info.Bounds.East, Info.Bounds.North];
        for (int i = 0; i < degrees.Length; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes[(102 + (4 * i))..], Units(degrees[i]));
        BinaryPrimitives.WriteInt32LittleEndian(bytes[119..], Units(Info.Center.Longitude));
        BinaryPrimitives.WriteInt32LittleEndian(bytes[123..], Units(Info.Center.Latitude));
    }

    private static PmTilesSection Section(ReadOnlySpan<byte> bytes, long packBytes, string what)
    {
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(bytes), length = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        if (length > (ulong)packBytes || offset > (ulong)packBytes - length)
            throw new TileException(TileError.Damaged, $"The {what} would be {length} bytes at {offset}, in a pack of {packBytes} bytes.");
        return new PmTilesSection((long)offset, (long)length);
    }

    private static TileCompression Compression(byte code, string of) => code <= (byte)TileCompression.Zstd ? (TileCompression)code
        : throw new TileException(TileError.Unsupported, $"The {of} are compressed in the way {code}, which is not known here.");

    private static double Degrees(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32LittleEndian(bytes) / PositionUnits;

    private static int Units(double degrees) => (int)Math.Round(degrees * PositionUnits);
}
