using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;

namespace Crdt;

/// <summary>Where a register stands in its entity: segments that carry their kind, from the outside in.</summary>
/// <remarks>
/// Immutable. Equality and order are those of the canonical bytes, per segment: kind and rule (1 byte), length
/// (1 byte), UTF-8. So everything below a path follows it without a gap, and types never share a register. The empty
/// path, <see cref="Root"/>, is the entity's existence. Up to 16 segments.
/// </remarks>
public sealed class FieldPath : IEquatable<FieldPath>, IComparable<FieldPath>
{
    /// <summary>The empty path: the register that says whether the entity is alive.</summary>
    public static readonly FieldPath Root = new([]);

    // Single-segment paths are field names: few, and asked for by every write. Past the bound new ones are made afresh.
    private const int InternedMax = 16_384;
    private static readonly ConcurrentDictionary<string, FieldPath> Fields = new(StringComparer.Ordinal);

    // Likewise counters and members of maps, by their bytes as characters. Elements of sets are as many as the data.
    private const int InternedLengthBytesMax = 128;
    private static readonly ConcurrentDictionary<string, FieldPath> Deeper = new(StringComparer.Ordinal);

    private readonly byte[] bytes;
    private readonly int hash;
    private readonly ushort lastSegment;

    /// <summary>Whether this is the path of one plain field of the entity.</summary>
    internal bool IsField { get; }

    // The first 8 bytes as a number: where they differ they tell the order.
    private readonly ulong beginning;

    private FieldPath(byte[] canonical)
    {
        bytes = canonical;
        for (int at = 0; at < canonical.Length; at += 2 + canonical[at + 1]) lastSegment = (ushort)at;
        var code = default(HashCode);
        code.AddBytes(canonical);
        hash = code.ToHashCode();
        Span<byte> first = stackalloc byte[sizeof(ulong)];
        first.Clear();
        canonical.AsSpan(0, Math.Min(sizeof(ulong), canonical.Length)).CopyTo(first);
        beginning = BinaryPrimitives.ReadUInt64BigEndian(first);
        IsField = canonical.Length > 2 && canonical[0] == CodeOf(PathKind.Key, ReplaceRule.Observed)
            && canonical.Length == 2 + canonical[1];
    }

    /// <summary>The canonical bytes.</summary>
    internal ReadOnlySpan<byte> Bytes => bytes;

    /// <summary>Whether this is <see cref="Root"/>.</summary>
    public bool IsRoot => ReferenceEquals(this, Root);

    /// <summary>Number of segments, 0 to 16.</summary>
    public int Depth
    {
        get
        {
            int depth = 0;
            for (int at = 0; at < bytes.Length; at += 2 + bytes[at + 1]) depth++;
            return depth;
        }
    }

    /// <summary>The segments, from the outside in.</summary>
    public IReadOnlyList<PathSegment> Segments
    {
        get
        {
            var segments = new List<PathSegment>(2);
            for (int at = 0; at < bytes.Length; at += 2 + bytes[at + 1])
                segments.Add(new PathSegment((PathKind)(bytes[at] >> 2), NameAt(at)));
            return segments;
        }
    }

    /// <summary>Kind of the last segment: what a write to this register replaces and how it is read;
    /// <see cref="PathKind.Key"/> for the root.</summary>
    public PathKind Kind => bytes.Length == 0 ? PathKind.Key : (PathKind)(bytes[LastSegment] >> 2);

    /// <summary>What a write at this path replaces.</summary>
    internal ReplaceRule Rule => bytes.Length == 0 ? ReplaceRule.Observed : (ReplaceRule)(bytes[LastSegment] & 3);

    /// <summary>Whether this is the register of a counter, of the kind and rule that this build counts with.</summary>
    internal bool IsCounter => bytes.Length > 0 && bytes[LastSegment] == CodeOf(PathKind.Counter, ReplaceRule.Own);

    /// <summary>Whether the outermost segment is of a kind that stands beside the keys, as counters and types of one's
    /// own do: those sort behind everything else of an entity.</summary>
    internal bool StartsBesideKeys => bytes.Length > 0 && bytes[0] >= CodeOf(PathKind.Counter, ReplaceRule.Observed);

    /// <summary>Whether this is where a refused increment is taken back, below a counter's register, named by the refused
    /// dot; or where one that was written again is counted, named by its request.</summary>
    internal bool IsOffset
    {
        get
        {
            // Asked of every element when a state is published: the parent is not made for it.
            int parent = 0, last = 0;
            for (int at = 0; at < bytes.Length; at += 2 + bytes[at + 1]) (parent, last) = (last, at);
            return last > 0 && bytes[last] == CodeOf(PathKind.Element, ReplaceRule.Observed)
                && bytes[parent] == CodeOf(PathKind.Counter, ReplaceRule.Own);
        }
    }

    /// <summary>Name of the last segment; empty for the root.</summary>
    public string Name => bytes.Length == 0 ? "" : NameAt(LastSegment);

    /// <summary>The path without its last segment; the root for the root.</summary>
    public FieldPath Parent => bytes.Length == 0 ? Root : FromTrusted(bytes.AsSpan(0, LastSegment));

    /// <summary>Where the last segment begins in the canonical bytes: the length of the parent's.</summary>
    internal int LastSegment => lastSegment;

    /// <summary>The path of nested map members.</summary>
    /// <param name="keys">At least one name, from the outside in, as in <c>Of("address", "city")</c>.</param>
    /// <exception cref="ArgumentException">No name is given, more than 16 are, or one breaks the rule of names.</exception>
    public static FieldPath Of(params ReadOnlySpan<string> keys)
    {
        if (keys.Length == 0) throw new ArgumentException("A path needs at least one name.", nameof(keys));
        FieldPath path = Field(keys[0]);
        foreach (string key in keys[1..]) path = path.Key(key);
        return path;
    }

    /// <summary>The path of one field of the entity. A dot in the name is an ordinary letter.</summary>
    public static implicit operator FieldPath(string field) => Field(field);

    /// <summary>The path of one field of the entity. A dot in the name is an ordinary letter.</summary>
    /// <exception cref="ArgumentException">The name breaks the rule of names.</exception>
    public static FieldPath Field(string field)
    {
        ArgumentNullException.ThrowIfNull(field);
        if (Fields.TryGetValue(field, out FieldPath? known)) return known;
        return Intern(field, Root.Append(PathKind.Key, ReplaceRule.Observed, field));
    }

    /// <summary>The path of a member of the map at this path.</summary>
    /// <exception cref="ArgumentException">The name breaks the rule of names, or the path would be too deep.</exception>
    public FieldPath Key(string name) =>
        bytes.Length == 0 ? Field(name) : Append(PathKind.Key, ReplaceRule.Observed, name);

    /// <summary>The path of an element of the set at this path.</summary>
    /// <exception cref="ArgumentException">The text breaks the rule of names, the path would be too deep, or this is
    /// the root.</exception>
    public FieldPath Element(string element)
    {
        if (IsRoot) throw new ArgumentException("A set has a name: an entity is not one itself.", nameof(element));
        return Append(PathKind.Element, ReplaceRule.Observed, element);
    }

    /// <summary>The path of the counter that has this path's name.</summary>
    /// <exception cref="InvalidOperationException">This path does not end with a map key.</exception>
    public FieldPath AsCounter()
    {
        if (IsRoot || Kind != PathKind.Key)
            throw new InvalidOperationException($"'{this}' does not name a field, so no counter either.");
        return Parent.Append(PathKind.Counter, ReplaceRule.Own, Name);
    }

    /// <summary>The path of the map key that has this path's name: what people call a register beside the keys.</summary>
    internal FieldPath AsKey() => Parent.Key(Name);

    /// <summary>The path of the register of a data type that has this path's name.</summary>
    /// <exception cref="InvalidOperationException">This path does not end with a map key.</exception>
    public FieldPath As(DataType type)
    {
        ArgumentNullException.ThrowIfNull(type);
        if (IsRoot || Kind != PathKind.Key)
            throw new InvalidOperationException($"'{this}' does not name a field, so no register of {type} either.");
        return Parent.Append(type.Kind, type.Rule, Name);
    }

    /// <summary>Reads names separated by <c>/</c>, with <c>~1</c> for a slash and <c>~0</c> for a tilde within one
    /// (RFC 6901 without the leading slash).</summary>
    /// <exception cref="FormatException">A name breaks the rule of names, or there are too many.</exception>
    public static FieldPath Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            return Of([.. text.Split('/').Select(Unescape)]);
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"'{text}' is not a field path: {e.Message}", e);
        }
    }

    /// <summary>Whether this path lies below <paramref name="ancestor"/>; a path is not below itself.</summary>
    public bool IsBelow(FieldPath ancestor)
    {
        ArgumentNullException.ThrowIfNull(ancestor);
        return bytes.Length > ancestor.bytes.Length && bytes.AsSpan().StartsWith(ancestor.bytes);
    }

    /// <summary>Takes canonical bytes that passed <see cref="IsCanonical"/>.</summary>
    internal static FieldPath FromTrusted(ReadOnlySpan<byte> canonical)
    {
        if (canonical.IsEmpty) return Root;
        if (canonical[0] == CodeOf(PathKind.Key, ReplaceRule.Observed) && canonical.Length == 2 + canonical[1])
            return FromFieldTrusted(canonical[2..]);
        return HasElement(canonical) ? new FieldPath(canonical.ToArray()) : FromDeeperTrusted(canonical);
    }

    private static FieldPath FromDeeperTrusted(ReadOnlySpan<byte> canonical)
    {
        if (canonical.Length > InternedLengthBytesMax) return new FieldPath(canonical.ToArray());
        Span<char> chars = stackalloc char[InternedLengthBytesMax];
        ReadOnlySpan<char> name = chars[..Encoding.Latin1.GetChars(canonical, chars)];
        if (Deeper.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out FieldPath? known)) return known;
        var path = new FieldPath(canonical.ToArray());
        return Deeper.Count < InternedMax ? Deeper.GetOrAdd(name.ToString(), path) : path;
    }

    private static bool HasElement(ReadOnlySpan<byte> canonical)
    {
        for (; !canonical.IsEmpty; canonical = canonical[(2 + canonical[1])..])
        {
            // What is no path after all is nobody's to share.
            if (canonical.Length < 2 || canonical.Length < 2 + canonical[1]) return true;
            if ((PathKind)(canonical[0] >> 2) != PathKind.Key && (PathKind)(canonical[0] >> 2) != PathKind.Counter) return true;
        }
        return false;
    }

    /// <summary>Takes the name of one field, already known to keep the rule of names.</summary>
    internal static FieldPath FromFieldTrusted(ReadOnlySpan<byte> utf8)
    {
        Span<char> chars = stackalloc char[FormatLimits.NameLengthBytesMax];
        ReadOnlySpan<char> name = chars[..Encoding.UTF8.GetChars(utf8, chars)];
        if (Fields.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out FieldPath? known)) return known;
        byte[] canonical = new byte[2 + utf8.Length];
        canonical[0] = CodeOf(PathKind.Key, ReplaceRule.Observed);
        canonical[1] = (byte)utf8.Length;
        utf8.CopyTo(canonical.AsSpan(2));
        return Intern(name.ToString(), new FieldPath(canonical));
    }

    /// <summary>The name's UTF-8 if this is a single map key, which batches write as a string.</summary>
    internal bool TryGetField(out ReadOnlySpan<byte> utf8)
    {
        utf8 = IsField ? bytes.AsSpan(2) : default;
        return IsField;
    }

    /// <summary>Whether foreign bytes are a path: whole segments, at most 16, known rules, names of 1 to 255 bytes of
    /// well-formed UTF-8.</summary>
    internal static bool IsCanonical(ReadOnlySpan<byte> canonical)
    {
        int depth = 0;
        while (!canonical.IsEmpty)
        {
            if (++depth > FormatLimits.DepthMax || canonical.Length < 2) return false;
            int length = canonical[1];
            if ((canonical[0] & 3) > (int)ReplaceRule.Own || length == 0 || canonical.Length < 2 + length) return false;
            if (!System.Text.Unicode.Utf8.IsValid(canonical.Slice(2, length))) return false;
            canonical = canonical[(2 + length)..];
        }
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(FieldPath? other) => ReferenceEquals(this, other)
        || (other is not null && hash == other.hash && bytes.AsSpan().SequenceEqual(other.bytes));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FieldPath);

    /// <inheritdoc/>
    public override int GetHashCode() => hash;

    /// <summary>Order of the canonical bytes: a path, then all below it.</summary>
    public int CompareTo(FieldPath? other)
    {
        if (ReferenceEquals(this, other)) return 0;
        if (other is null) return 1;
        return beginning != other.beginning ? beginning.CompareTo(other.beginning)
            : bytes.AsSpan().SequenceCompareTo(other.bytes);
    }

    /// <summary>Whether both are the same path.</summary>
    public static bool operator ==(FieldPath? left, FieldPath? right) => left is null ? right is null : left.Equals(right);

    /// <summary>Whether they are different paths.</summary>
    public static bool operator !=(FieldPath? left, FieldPath? right) => !(left == right);

    /// <summary>Whether <paramref name="left"/> comes first.</summary>
    public static bool operator <(FieldPath left, FieldPath right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> comes last.</summary>
    public static bool operator >(FieldPath left, FieldPath right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> does not come last.</summary>
    public static bool operator <=(FieldPath left, FieldPath right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> does not come first.</summary>
    public static bool operator >=(FieldPath left, FieldPath right) => left.CompareTo(right) >= 0;

    /// <summary>For people: names separated by <c>/</c> as in <see cref="Parse"/>, elements in brackets, as in
    /// <c>address/city</c>, <c>tags[night]</c>.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (PathSegment segment in Segments)
        {
            string name = segment.Name;
            if (segment.Kind == PathKind.Element)
            {
                text.Append('[').Append(name).Append(']');
                continue;
            }
            if (text.Length > 0) text.Append('/');
            text.Append(name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
        }
        return text.ToString();
    }

    private static FieldPath Intern(string field, FieldPath path) =>
        Fields.Count < InternedMax ? Fields.GetOrAdd(field, path) : path;

    private static string Unescape(string name) =>
        name.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);

    private static byte CodeOf(PathKind kind, ReplaceRule rule) => (byte)(((int)kind << 2) | (int)rule);

    private FieldPath Append(PathKind kind, ReplaceRule rule, string name)
    {
        int length = Utf8Name.Check(name, "name", nameof(name));
        if (Depth == FormatLimits.DepthMax)
            throw new ArgumentException($"'{this}' has {FormatLimits.DepthMax} segments already.", nameof(name));
        byte[] canonical = new byte[bytes.Length + 2 + length];
        bytes.CopyTo(canonical, 0);
        canonical[bytes.Length] = CodeOf(kind, rule);
        canonical[bytes.Length + 1] = (byte)length;
        Utf8Name.Strict.GetBytes(name, canonical.AsSpan(bytes.Length + 2));
        return new FieldPath(canonical);
    }

    private string NameAt(int at) => Encoding.UTF8.GetString(bytes, at + 2, bytes[at + 1]);
}
