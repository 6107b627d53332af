using System.Globalization;
using System.Security.Cryptography;
using Crdt.Transport.Security;

namespace Crdt.Transport.Discovery;

/// <summary>What a node tells of itself where everybody around can hear it: protocol version, node id, the beginning of its
/// key's fingerprint, and a hash per space. Enough for its peers to recognise it; who does not know a space's id or a
/// device's key learns neither.</summary>
/// <param name="NodeId">The node.</param>
/// <param name="Key">The first 80 bits of its key's fingerprint, as 16 letters and digits; <see langword="null"/> of a node
/// without a key.</param>
/// <param name="Spaces">A hash of each space, or <see langword="null"/> where they are too many to list.</param>
internal sealed record PeerBeacon(Guid NodeId, string? Key, IReadOnlyList<string>? Spaces)
{
    // 17 bytes each: with the rest below the 200 bytes that fit with all else into one small packet.
    private const int SpacesMax = 6;
    private const int KeyLength = 16;
    private const string ManySpaces = "*";
    private const string VersionName = "v", NodeName = "id", KeyName = "k", SpacesName = "s";

    // A lower one is never sent; a higher one has its own way to tell that it still speaks this one.
    private const string Version = "1";

    /// <summary>How a space is told: 64 bits of a hash of its id.</summary>
    public static string HashOf(SpaceId space)
    {
        ReadOnlySpan<byte> tag = "crdt space near\0"u8;
        Span<byte> input = stackalloc byte[tag.Length + SpaceId.LengthBytes];
        tag.CopyTo(input);
        space.WriteBytes(input[tag.Length..]);
        return Convert.ToHexStringLower(SHA256.HashData(input).AsSpan(0, 8));
    }

    public static string KeyOf(NodeFingerprint fingerprint) => fingerprint.ToString()[..KeyLength];

    public static PeerBeacon Of(Guid nodeId, NodeKey? key, IReadOnlyList<SpaceId> spaces) => new(
        nodeId,
        key is null ? null : KeyOf(NodeFingerprint.Of(key.PublicKey.Span)),
        spaces.Count > SpacesMax ? null : [.. spaces.Select(HashOf).Order(StringComparer.Ordinal)]);

    /// <summary>Reads what somebody tells.</summary>
    /// <returns><see langword="null"/> when it is no node's, or one of another protocol.</returns>
    public static PeerBeacon? Read(IReadOnlyDictionary<string, string> told)
    {
        if (told.GetValueOrDefault(VersionName) != Version
            || !Guid.TryParseExact(told.GetValueOrDefault(NodeName), "N", out Guid nodeId))
            return null;
        string? key = told.GetValueOrDefault(KeyName);
        if (key is not null && (key.Length != KeyLength || !key.All(char.IsAsciiLetterOrDigit)))
            return null;
        string spaces = told.GetValueOrDefault(SpacesName, string.Empty);
        return new PeerBeacon(
            nodeId,
            key?.ToLowerInvariant(),
            spaces == ManySpaces ? null : spaces.Split(',', StringSplitOptions.RemoveEmptyEntries));
    }

    public bool MayHold(SpaceId space) => Spaces is null || Spaces.Contains(HashOf(space));

    public IReadOnlyDictionary<string, string> Write()
    {
        var told = new Dictionary<string, string>
        {
            [VersionName] = Version,
            [NodeName] = NodeId.ToString("N", CultureInfo.InvariantCulture),
        };
        if (Key is not null)
            told[KeyName] = Key;
        told[SpacesName] = Spaces is null ? ManySpaces : string.Join(',', Spaces);
        return told;
    }

    /// <summary>The name among others around: short, the same after a restart, and no person's.</summary>
    public string Instance => Key is not null
        ? string.Join('-', Key.Chunk(4).Select(group => new string(group)))
        : NodeId.ToString("N", CultureInfo.InvariantCulture)[..16];
}
