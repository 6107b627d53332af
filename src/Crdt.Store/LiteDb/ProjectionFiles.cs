using System.Globalization;
using Crdt.Store.Disk;
using Crdt.Store.Log;

namespace Crdt.Store.LiteDb;

/// <summary>The files of a projection, and what becomes of them when they do not fit the log.</summary>
internal sealed class ProjectionFiles(IDisk disk, string directory)
{
    public const string DataName = "data.pages";
    public const string LogName = "data-log.pages";

    private const string DamagedName = "damaged";

    /// <summary>Opens the projection of a log; one that is damaged or of another log is moved aside first.</summary>
    /// <param name="log">The log.</param>
    /// <param name="lost">Why it was moved aside; null if it was not.</param>
    public ProjectionDatabase Open(ReplicaLog log, out string? lost)
    {
        try
        {
            disk.CreateDirectory(directory);
            lost = disk.Exists(PathOf(DamagedName)) ? "it was found damaged while in use" : null;
            if (lost is null && TryOpen(log, out lost, out _) is { } fitting)
                return fitting;
            MoveAside();
            return OpenDatabase(log);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw StoreException.FromWrite($"Opening the projection in '{directory}'", e);
        }
    }

    /// <summary>Opens a projection as it is; null, with the reason, when it is damaged or does not fit the log.</summary>
    /// <param name="log">The log.</param>
    /// <param name="lost">The reason.</param>
    /// <param name="isOutdated">Whether that is only an earlier format.</param>
    public ProjectionDatabase? TryOpenAsItIs(ReplicaLog log, out string? lost, out bool isOutdated)
    {
        isOutdated = false;
        lost = disk.Exists(PathOf(DamagedName)) ? "it was found damaged while in use" : null;
        return lost is null ? TryOpen(log, out lost, out isOutdated) : null;
    }

    /// <summary>Whether a file was moved aside.</summary>
    public static bool IsAside(string name) =>
        name.StartsWith(DataName + ".", StringComparison.Ordinal) || name.StartsWith(LogName + ".", StringComparison.Ordinal);

    /// <summary>Moves the files aside, so that the next opening begins anew from the log.</summary>
    public void GiveUp() => MoveAside();

    private ProjectionDatabase? TryOpen(ReplicaLog log, out string? lost, out bool isOutdated)
    {
        isOutdated = false;
        try
        {
            var projection = OpenDatabase(log);
            lost = Misfit(projection.Mark, log);
            if (lost is null)
                return projection;
            projection.Dispose();
        }
        catch (StoreException e) when (e.Error == StoreError.ProjectionDamaged)
        {
            lost = e.Message;
            isOutdated = e.InnerException is NotSupportedException;
        }
        return null;
    }

    private ProjectionDatabase OpenDatabase(ReplicaLog log) => ProjectionDatabase.Open(
        disk, PathOf(DataName), PathOf(LogName), PathOf(DamagedName), cipher: log.Cipher);

    private static string? Misfit(ProjectionMark mark, ReplicaLog log)
    {
        if (mark.Position.Value > log.DurableEnd)
            return $"it includes the log up to {mark.Position.Value}, but the log ends at {log.DurableEnd}";
        return mark.Position.Value > 0 && mark.LogHash != log.MarkAt(mark.Position.Value)
            ? $"the log before position {mark.Position.Value} is not the one it was made from"
            : null;
    }

    private void MoveAside()
    {
        int number = 1;
        while (disk.Exists(Aside(DataName, number)) || disk.Exists(Aside(LogName, number)))
            number++;
        foreach (string name in new[] { DataName, LogName })
        {
            if (disk.Exists(PathOf(name)))
                disk.Rename(PathOf(name), Aside(name, number));
        }
        if (disk.Exists(PathOf(DamagedName)))
            disk.Delete(PathOf(DamagedName));
        disk.SyncDirectory(directory);
    }

    private string Aside(string name, int number) =>
        PathOf(string.Create(CultureInfo.InvariantCulture, $"{name}.{number}"));

    private string PathOf(string name) => Path.Combine(directory, name);
}
