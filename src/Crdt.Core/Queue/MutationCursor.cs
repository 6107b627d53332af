using System.Globalization;

namespace Crdt;

/// <summary>A place in a replica's list of mutations: a page that begins behind it neither repeats nor misses anything,
/// whatever was written meanwhile, also after a restart. Means nothing to other replicas.</summary>
/// <param name="Entry">Where the log entry ends that holds the last mutation seen.</param>
/// <param name="Index">Which of that entry's mutations it is, from 0.</param>
public readonly record struct MutationCursor(LogPosition Entry, int Index) : IComparable<MutationCursor>
{
    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static bool TryParse(string? text, out MutationCursor cursor)
    {
        cursor = default;
        string[] parts = text?.Split('.') ?? [];
        if (parts.Length != 2
            || !long.TryParse(parts[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long entry) || entry < 0
            || !int.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int index) || index < 0)
            return false;
        cursor = new MutationCursor(new LogPosition(entry), index);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(MutationCursor other) =>
        Entry.CompareTo(other.Entry) is not 0 and var order ? order : Index.CompareTo(other.Index);

    /// <summary>Whether <paramref name="left"/> comes first in the log.</summary>
    public static bool operator <(MutationCursor left, MutationCursor right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> comes last.</summary>
    public static bool operator >(MutationCursor left, MutationCursor right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> does not come last.</summary>
    public static bool operator <=(MutationCursor left, MutationCursor right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> does not come first.</summary>
    public static bool operator >=(MutationCursor left, MutationCursor right) => left.CompareTo(right) >= 0;

    /// <summary>A short text without blanks, to hand out and take back.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Entry.Value:x}.{Index:x}");
}
