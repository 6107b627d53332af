using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Crdt;

/// <summary>One value of a register: a JSON value, or bytes, or an instant, or a blob. Immutable.</summary>
/// <remarks><c>default</c> is <see cref="Null"/>. Equality is of kind and content; doubles compare by their bits, so
/// 0.0 and -0.0 differ. Contents handed in as arrays are copied, except where a member says otherwise.</remarks>
public readonly struct Value : IEquatable<Value>
{
    // One reference and 64 bits: what is not in the reference itself says its kind by one of these.
    private static readonly object BooleanTag = new();
    private static readonly object IntegerTag = new();
    private static readonly object DoubleTag = new();
    private static readonly object TimestampTag = new();

    private readonly object? reference;
    private readonly long bits;

    private Value(object? reference, long bits) => (this.reference, this.bits) = (reference, bits);

    /// <summary>JSON null.</summary>
    public static Value Null => default;

    /// <summary>The empty object, the value of a map without members.</summary>
    public static Value EmptyObject { get; } = new(Array.Empty<KeyValuePair<string, Value>>(), 0);

    /// <summary>True.</summary>
    public static Value True => new(BooleanTag, 1);

    /// <summary>False.</summary>
    public static Value False => new(BooleanTag, 0);

    /// <summary>What this holds.</summary>
    public ValueKind Kind => reference switch
    {
        null => ValueKind.Null,
        string => ValueKind.String,
        byte[] => ValueKind.Bytes,
        Value[] => ValueKind.Array,
        KeyValuePair<string, Value>[] => ValueKind.Object,
        Crdt.Blob => ValueKind.Blob,
        _ when ReferenceEquals(reference, IntegerTag) => ValueKind.Integer,
        _ when ReferenceEquals(reference, BooleanTag) => ValueKind.Boolean,
        _ when ReferenceEquals(reference, DoubleTag) => ValueKind.Double,
        _ => ValueKind.Timestamp,
    };

    /// <summary>Whether this is <see cref="Null"/>.</summary>
    public bool IsNull => reference is null;

    /// <summary>A truth value.</summary>
    public static Value From(bool value) => value ? True : False;

    /// <summary>An integer.</summary>
    public static Value From(long value) => new(IntegerTag, value);

    /// <summary>A double.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a number, or infinite.</exception>
    public static Value From(double value)
    {
        if (!double.IsFinite(value))
            throw new ArgumentOutOfRangeException(nameof(value), value, "NaN and infinities are not values.");
        return new Value(DoubleTag, BitConverter.DoubleToInt64Bits(value));
    }

    /// <summary>Text; <see langword="null"/> gives <see cref="Null"/>.</summary>
    /// <exception cref="ArgumentException">The text has a lone surrogate.</exception>
    public static Value From(string? value)
    {
        if (value is not null && value.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) CheckSurrogates(value);
        return new Value(value, 0);
    }

    /// <summary>Bytes, copied.</summary>
    public static Value From(ReadOnlySpan<byte> value) => new(value.ToArray(), 0);

    /// <summary>An instant; the offset is dropped, the instant kept to 100 nanoseconds.</summary>
    public static Value From(DateTimeOffset value) => new(TimestampTag, value.UtcTicks);

    /// <summary>A reference to content; <see langword="null"/> gives <see cref="Null"/>.</summary>
    public static Value From(Blob? value) => new(value, 0);

    /// <summary>A JSON array as one value.</summary>
    /// <exception cref="ArgumentException">It nests deeper than 16 levels.</exception>
    public static Value ArrayOf(params IEnumerable<Value> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        return CheckDepth(new Value(items.ToArray(), 0), nameof(items));
    }

    /// <summary>A JSON object as one value.</summary>
    /// <param name="members">Names and values, in any order.</param>
    /// <exception cref="ArgumentException">A name occurs twice, is not well-formed, or it nests deeper than 16 levels.</exception>
    public static Value ObjectOf(params IEnumerable<KeyValuePair<string, Value>> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        KeyValuePair<string, Value>[] sorted = [.. members];
        Array.Sort(sorted, static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        for (int i = 0; i < sorted.Length; i++)
        {
            CheckSurrogates(sorted[i].Key);
            if (i > 0 && sorted[i].Key == sorted[i - 1].Key)
                throw new ArgumentException($"The member '{sorted[i].Key}' occurs twice.", nameof(members));
        }
        return CheckDepth(new Value(sorted, 0), nameof(members));
    }

    /// <summary>Reads one JSON text (RFC 8259) as one value.</summary>
    /// <exception cref="JsonInputException">It is not JSON, repeats a member, nests too deep, or holds a number that is
    /// neither a 64-bit integer nor exactly a double.</exception>
    public static Value ParseJson(string json) => JsonInput.Parse(json);

    /// <summary>Reads one JSON text (RFC 8259) in UTF-8 as one value.</summary>
    /// <exception cref="JsonInputException">As <see cref="ParseJson(string)"/>, or it is not UTF-8.</exception>
    public static Value ParseJson(ReadOnlySpan<byte> utf8) => JsonInput.Parse(utf8);

    /// <summary>A truth value.</summary>
    public static implicit operator Value(bool value) => From(value);

    /// <summary>An integer.</summary>
    public static implicit operator Value(long value) => From(value);

    /// <summary>An integer.</summary>
    public static implicit operator Value(int value) => From((long)value);

    /// <summary>A double; it must be finite.</summary>
    public static implicit operator Value(double value) => From(value);

    /// <summary>Text, or null.</summary>
    public static implicit operator Value(string? value) => From(value);

    /// <summary>Bytes, copied.</summary>
    public static implicit operator Value(byte[] value) => From(value.AsSpan());

    /// <summary>An instant.</summary>
    public static implicit operator Value(DateTimeOffset value) => From(value);

    /// <summary>A reference to content, or null.</summary>
    public static implicit operator Value(Blob? value) => From(value);

    /// <summary>The truth value.</summary>
    /// <exception cref="InvalidOperationException">This holds something else.</exception>
    public bool AsBoolean() => ReferenceEquals(reference, BooleanTag) ? bits != 0 : throw Not(ValueKind.Boolean);

    /// <summary>The integer.</summary>
    /// <exception cref="InvalidOperationException">This holds something else.</exception>
    public long AsInteger() => ReferenceEquals(reference, IntegerTag) ? bits : throw Not(ValueKind.Integer);

    /// <summary>The double, or the nearest double to the integer held.</summary>
    /// <exception cref="InvalidOperationException">This holds neither.</exception>
    public double AsDouble() => ReferenceEquals(reference, DoubleTag) ? BitConverter.Int64BitsToDouble(bits)
        : ReferenceEquals(reference, IntegerTag) ? bits
        : throw Not(ValueKind.Double);

    /// <summary>The text.</summary>
    /// <exception cref="InvalidOperationException">This holds something else.</exception>
    public string AsString() => reference as string ?? throw Not(ValueKind.String);

    /// <summary>The bytes, not copied.</summary>
    /// <exception cref="InvalidOperationException">This holds something else.</exception>
    public ReadOnlyMemory<byte> AsBytes() => reference as byte[] ?? throw Not(ValueKind.Bytes);

    /// <summary>The instant, in UTC.</summary>
    /// <exception cref="InvalidOperationException">This holds something else.</exception>
    public DateTimeOffset AsTimestamp() => Kind == ValueKind.Timestamp
        ? new DateTimeOffset(bits, TimeSpan.Zero)
        : throw Not(ValueKind.Timestamp);

    /// <summary>The reference to content.</summary>
    /// <exception cref="InvalidOperationException">This holds something else.</exception>
    public Blob AsBlob() => reference as Blob ?? throw Not(ValueKind.Blob);

    /// <summary>The blobs in this value: itself, or what its items and members hold.</summary>
    public IEnumerable<Blob> Blobs() => reference switch
    {
        Blob blob => [blob],
        Value[] items => items.SelectMany(item => item.Blobs()),
        KeyValuePair<string, Value>[] members => members.SelectMany(member => member.Value.Blobs()),
        _ => [],
    };

    /// <summary>The items of the array.</summary>
    /// <exception cref="InvalidOperationException">This holds something else.</exception>
    public IReadOnlyList<Value> AsArray() => reference as Value[] ?? throw Not(ValueKind.Array);

    /// <summary>The members of the object, in ordinal order of their names.</summary>
    /// <exception cref="InvalidOperationException">This holds something else.</exception>
    public IReadOnlyList<KeyValuePair<string, Value>> AsObject() => Members ?? throw Not(ValueKind.Object);

    /// <summary>Looks up a member of an object.</summary>
    /// <returns><see langword="false"/> when there is none, or this is no object.</returns>
    public bool TryGetMember(string name, [MaybeNullWhen(false)] out Value member)
    {
        foreach (KeyValuePair<string, Value> candidate in Members ?? [])
        {
            if (candidate.Key != name) continue;
            member = candidate.Value;
            return true;
        }
        member = default;
        return false;
    }

    /// <summary>This value as JSON (RFC 8259): bytes as base64, instants as RFC 3339 in UTC, doubles with a point or
    /// an exponent, so that reading it back keeps integers and doubles apart; a blob as an object with the one member
    /// <c>$blob</c>, which reading gives back as the blob.</summary>
    public string ToJson() => JsonOutput.ToJson(this);

    /// <inheritdoc/>
    public bool Equals(Value other)
    {
        if (ReferenceEquals(reference, other.reference)) return bits == other.bits;
        return (reference, other.reference) switch
        {
            (string a, string b) => a == b,
            (byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b),
            (Value[] a, Value[] b) => a.AsSpan().SequenceEqual(b),
            (KeyValuePair<string, Value>[] a, KeyValuePair<string, Value>[] b) => SameMembers(a, b),
            (Blob a, Blob b) => a == b,
            _ => false,
        };
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Value other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(Kind);
        switch (reference)
        {
            case string text:
                hash.Add(text);
                break;
            case byte[] bytes:
                hash.AddBytes(bytes);
                break;
            case Value[] items:
                foreach (Value item in items) hash.Add(item);
                break;
            case KeyValuePair<string, Value>[] members:
                foreach (KeyValuePair<string, Value> member in members) hash.Add(HashCode.Combine(member.Key, member.Value));
                break;
            case Blob blob:
                hash.Add(blob);
                break;
            default:
                hash.Add(bits);
                break;
        }
        return hash.ToHashCode();
    }

    /// <summary>Whether both hold the same.</summary>
    public static bool operator ==(Value left, Value right) => left.Equals(right);

    /// <summary>Whether they hold something different.</summary>
    public static bool operator !=(Value left, Value right) => !left.Equals(right);

    /// <summary>Text as it is, everything else as JSON.</summary>
    public override string ToString() => reference as string ?? ToJson();

    /// <summary>Whether <see cref="Blobs"/> has any; for a scalar at no cost.</summary>
    internal bool NamesBlobs => reference is Blob or Value[] or KeyValuePair<string, Value>[] && HoldsBlob();

    private bool HoldsBlob() => reference switch
    {
        Value[] items => Array.Exists(items, static item => item.NamesBlobs),
        KeyValuePair<string, Value>[] members => Array.Exists(members, static member => member.Value.NamesBlobs),
        _ => true,
    };

    /// <summary>Text that is known to be well-formed.</summary>
    internal static Value FromTrusted(string value) => new(value, 0);

    /// <summary>Bytes that nobody else will change.</summary>
    internal static Value FromTrusted(byte[] value) => new(value, 0);

    /// <summary>Items that nobody else will change, within the depth limit.</summary>
    internal static Value FromTrusted(Value[] items) => new(items, 0);

    /// <summary>Members that nobody else will change, in ordinal order without repetition, within the depth limit.</summary>
    internal static Value FromTrusted(KeyValuePair<string, Value>[] sorted) => new(sorted, 0);

    /// <summary>An instant by its UTC ticks.</summary>
    internal static Value FromTicks(long utcTicks) => new(TimestampTag, utcTicks);

    private KeyValuePair<string, Value>[]? Members => reference as KeyValuePair<string, Value>[];

    private int Depth => reference switch
    {
        Value[] items => 1 + items.Select(i => i.Depth).DefaultIfEmpty().Max(),
        KeyValuePair<string, Value>[] members => 1 + members.Select(m => m.Value.Depth).DefaultIfEmpty().Max(),
        _ => 0,
    };

    private static Value CheckDepth(Value value, string parameter)
    {
        if (value.Depth > FormatLimits.DepthMax)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"More than {FormatLimits.DepthMax} levels of nesting."),
                parameter);
        }
        return value;
    }

    private static void CheckSurrogates(string text)
    {
        for (int at = 0; at < text.Length;)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(at), out _, out int used) != System.Buffers.OperationStatus.Done)
                throw new ArgumentException($"The text has a lone surrogate at position {at}.", nameof(text));
            at += used;
        }
    }

    private static bool SameMembers(KeyValuePair<string, Value>[] a, KeyValuePair<string, Value>[] b)
    {
        if (a.Length != b.Length) return false;
        for (int i = 0; i < a.Length; i++)
        {
            if (a[i].Key != b[i].Key || !a[i].Value.Equals(b[i].Value)) return false;
        }
        return true;
    }

    private InvalidOperationException Not(ValueKind wanted) => new($"The value is of kind {Kind}, not {wanted}.");
}
