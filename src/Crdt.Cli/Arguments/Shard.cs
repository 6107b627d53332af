using System.Globalization;

namespace Crdt.Cli.Arguments;

/// <summary>Every n-th row, beginning with the i-th: so that n devices share one file.</summary>
internal readonly record struct Shard(int Index, int Count)
{
    /// <summary>Reads <c>i/n</c>, i from 1 to n.</summary>
    public static bool TryParse(string text, out Shard shard)
    {
        string[] parts = text.Split('/');
        bool isShard = parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && index >= 1 && index <= count;
        shard = isShard ? new Shard(int.Parse(parts[0], CultureInfo.InvariantCulture),
            int.Parse(parts[1], CultureInfo.InvariantCulture)) : default;
        return isShard;
    }

    /// <summary>Whether a row, counted from 1, belongs to it; <c>default</c> takes all.</summary>
    public bool Takes(long row) => Count == 0 || (row - 1) % Count == Index - 1;
}
