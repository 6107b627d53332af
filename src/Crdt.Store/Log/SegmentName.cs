using System.Globalization;

namespace Crdt.Store.Log;

/// <summary>A segment by its place in the log: files are named by the position at which they begin.</summary>
internal readonly record struct SegmentName(long BasePosition)
{
    public const string Extension = ".seg";

    private const int Digits = 20;

    public string FileName => BasePosition.ToString("D20", CultureInfo.InvariantCulture) + Extension;

    public static bool TryParse(string fileName, out SegmentName name)
    {
        name = default;
        if (fileName.Length != Digits + Extension.Length || !fileName.EndsWith(Extension, StringComparison.Ordinal))
            return false;
        bool parsed = long.TryParse(
            fileName.AsSpan(0, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out long position);
        name = new SegmentName(position);
        return parsed;
    }

    public StoreException Damaged(long offset, string what) =>
        new(StoreError.LogDamaged, $"Log segment '{FileName}' is damaged at offset {offset}: {what}.");
}
