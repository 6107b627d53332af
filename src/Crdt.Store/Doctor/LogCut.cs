using System.Globalization;
using Crdt.Store.AtRest;
using Crdt.Store.Disk;
using Crdt.Store.Log;

namespace Crdt.Store.Doctor;

/// <summary>Ends a damaged log before its damage, and keeps what lies behind it aside.</summary>
internal static class LogCut
{
    private const string AsideMark = ".seg.cut";
    private const int NameLength = 20;

    public static bool IsAside(string name) => name.Contains(AsideMark, StringComparison.Ordinal);

    /// <summary>Cuts. After a crash at any instant the log is what it was, or ends earlier, and nothing of it is gone.</summary>
    /// <returns>False when nothing would be left: the damage is in the first segment's header.</returns>
    public static bool TryCut(IDisk disk, string directory, LogDamage damage)
    {
        List<string> names = [.. disk.ListFiles(directory).Where(n => SegmentName.TryParse(n, out _))];
        int at = names.IndexOf(damage.Segment.FileName);
        if (at < 0 || (at == 0 && damage.Offset == 0)) return false;
        if (damage.Offset > 0) Copy(disk, directory, names[at]);
        int first = damage.Offset > 0 ? at + 1 : at;
        // From behind, so that what stays is unbroken.
        for (int i = names.Count - 1; i >= first; i--)
        {
            disk.Rename(Path.Combine(directory, names[i]), FreeAside(disk, directory, names[i]));
            disk.SyncDirectory(directory);
        }
        if (damage.Offset == 0) return true;
        using IDiskFile file = disk.Open(Path.Combine(directory, names[at]), DiskOpenMode.ReadWrite);
        file.SetLength(damage.Offset);
        file.Flush();
        return true;
    }

    /// <summary>The intact entries of what was kept aside, in the order of the log.</summary>
    public static IEnumerable<LogEntry> ReadAside(IDisk disk, string directory, AtRestCipher? cipher)
    {
        foreach (string name in disk.ListFiles(directory).Where(IsAside))
        {
            if (!long.TryParse(name.AsSpan(0, NameLength), NumberStyles.None, CultureInfo.InvariantCulture, out long position)) continue;
            foreach (LogEntry entry in LogSurvey.ReadIntact(disk, Path.Combine(directory, name), new SegmentName(position), 0, cipher))
                yield return entry;
        }
    }

    private static void Copy(IDisk disk, string directory, string name)
    {
        using IDiskFile from = disk.Open(Path.Combine(directory, name), DiskOpenMode.Read);
        using (IDiskFile to = disk.Open(FreeAside(disk, directory, name), DiskOpenMode.Create))
        {
            byte[] buffer = new byte[1 << 20];
            for (long offset = 0; from.Read(buffer, offset) is > 0 and var length; offset += length)
                to.Write(buffer.AsSpan(0, length), offset);
            to.Flush();
        }
        disk.SyncDirectory(directory);
    }

    private static string FreeAside(IDisk disk, string directory, string name)
    {
        string path = Path.Combine(directory, name[..NameLength] + AsideMark);
        if (!disk.Exists(path)) return path;
        int number = 1;
        while (disk.Exists(path + "." + number.ToString(CultureInfo.InvariantCulture))) number++;
        return path + "." + number.ToString(CultureInfo.InvariantCulture);
    }
}
