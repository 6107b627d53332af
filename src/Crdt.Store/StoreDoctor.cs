using Crdt.Store.AtRest;
using Crdt.Store.Disk;
using Crdt.Store.Doctor;
using Crdt.Store.LiteDb;

namespace Crdt.Store;

/// <summary>Checks the files of a replica, and repairs what can be rebuilt.</summary>
/// <remarks>A check reads everything and writes nothing. It replays the log without the projection, so it takes memory in
/// proportion to the state, and time in proportion to the log.</remarks>
public static class StoreDoctor
{
    /// <summary>Checks a replica's files: check-sums of the log, every author's hash chain, signatures where there are any, the
    /// digest computed anew from the log against that of the projection, registers, documents, that everything written is
    /// accounted for, and every chunk of every attachment.</summary>
    /// <param name="directory">The replica's; nothing in it is changed.</param>
    /// <param name="options">How the replica runs.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StoreException">There is no replica, or it cannot be read at all: <see cref="StoreError.NotFound"/>,
    /// <see cref="StoreError.UnsupportedFormat"/>, <see cref="StoreError.KeyRequired"/>, <see cref="StoreError.WrongKey"/>,
    /// <see cref="StoreError.NotEncrypted"/>, <see cref="StoreError.KeyDamaged"/>, <see cref="StoreError.ReadFailed"/>.</exception>
    public static async Task<StoreReport> CheckAsync(
        string directory, StoreDoctorOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentNullException.ThrowIfNull(options);
        return await ExamineAsync(directory, options, static (report, _) => Task.FromResult(report), cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>Checks a replica's files and puts right what can be, then checks again. What is replaced is kept aside.</summary>
    /// <param name="directory">The replica's; nobody else has it open.</param>
    /// <param name="options">How the replica runs, and how far the repair may go.</param>
    /// <param name="cancellationToken">Gives up; what was done by then stays.</param>
    /// <returns>The report of the second check, with what was done.</returns>
    /// <exception cref="StoreException">As for a check; <see cref="StoreError.InUse"/>, <see cref="StoreError.DiskFull"/>,
    /// <see cref="StoreError.WriteFailed"/>.</exception>
    public static async Task<StoreReport> RepairAsync(
        string directory, StoreDoctorOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentNullException.ThrowIfNull(options);
        var done = new List<string>();
        (StoreReport report, LogDamage? damage) = await ExamineAsync(
            directory, options, static (r, e) => Task.FromResult((r, e.FirstDamage)), cancellationToken).ConfigureAwait(false);
        if (!report.IsComplete)
            throw new StoreException(StoreError.InUse, $"The replica in '{directory}' is open in another process.");
        try
        {
            if (report.Findings.Any(f => f.Kind == StoreFindingKind.KeyCopyDamaged))
            {
                KeyFile.Change(RealDisk.Instance, directory, options.Key!, options.Key!);
                done.Add($"Both copies in '{KeyFile.Name}' were written anew.");
            }
            if (report.Findings.Any(f => f.Kind == StoreFindingKind.BlobDamaged))
                await GiveUpChunksAsync(directory, options, done, cancellationToken).ConfigureAwait(false);
            bool isCut = damage is not null && options.CutsDamagedLog && TryCut(directory, damage, done);
            if (damage is null || isCut)
            {
                GiveUpProjection(directory, report, isCut, done);
                await ReopenAsync(directory, options, report, isCut, done, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw StoreException.FromWrite($"Repairing '{directory}'", e);
        }
        return await CheckAsync(directory, options, cancellationToken).ConfigureAwait(false) with { Repairs = done };
    }

    private static async Task<T> ExamineAsync<T>(
        string directory, StoreDoctorOptions options, Func<StoreReport, StoreExamination, Task<T>> then,
        CancellationToken cancellationToken)
    {
        try
        {
            using var examination = new StoreExamination(directory, options);
            using IDisposable? held = RealDisk.TryHold(FileReplicaStore.LockPath(directory), out bool isFree);
            StoreReport report = await examination.RunAsync(!isFree, cancellationToken).ConfigureAwait(false);
            return await then(report, examination).ConfigureAwait(false);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw new StoreException(StoreError.ReadFailed, $"The replica in '{directory}' could not be read: {e.Message}", e);
        }
    }

    private static async Task GiveUpChunksAsync(
        string directory, StoreDoctorOptions options, List<string> done, CancellationToken cancellationToken)
    {
        using IDisposable held = RealDisk.Instance.Lock(FileReplicaStore.LockPath(directory));
        using AtRestCipher? cipher = FileReplicaStore.OpenKey(directory, RealDisk.Instance, options.Key);
        done.AddRange(await new BlobSurvey(RealDisk.Instance, directory, cipher).RepairAsync(cancellationToken).ConfigureAwait(false));
    }

    private static bool TryCut(string directory, LogDamage damage, List<string> done)
    {
        using IDisposable held = RealDisk.Instance.Lock(FileReplicaStore.LockPath(directory));
        if (!LogCut.TryCut(RealDisk.Instance, FileReplicaStore.LogDirectory(directory), damage)) return false;
        done.Add($"The log ends before the damage in '{damage.Segment.FileName}' at {damage.Offset}; what lies behind it is kept in log/*.cut.");
        return true;
    }

    private static void GiveUpProjection(string directory, StoreReport report, bool isCut, List<string> done)
    {
        if (!isCut && !report.Findings.Any(f => f.Kind is StoreFindingKind.ProjectionDamaged
            or StoreFindingKind.RegistersDiffer or StoreFindingKind.DocumentDiffers)) return;
        using IDisposable held = RealDisk.Instance.Lock(FileReplicaStore.LockPath(directory));
        new ProjectionFiles(RealDisk.Instance, FileReplicaStore.ProjectionDirectory(directory)).GiveUp();
        done.Add("The projection was built anew from the log; its old files are kept in projection/*.pages.N.");
    }

    private static async Task ReopenAsync(
        string directory, StoreDoctorOptions options, StoreReport report, bool isCut, List<string> done,
        CancellationToken cancellationToken)
    {
        ReplicaOptions running = options.Replica;
        if (isCut) running = running with { ReleaseRecord = new LostRecord(running.ReleaseRecord) };
        Replica replica = await Replica.OpenAsync(FileReplicaStore.Open(directory, options.Key), running, cancellationToken)
            .ConfigureAwait(false);
        await using (replica.ConfigureAwait(false))
        {
            if (isCut) done.Add($"The replica goes on under the id {replica.Id}: what was cut off may have been seen elsewhere.");
            using AtRestCipher? cipher = FileReplicaStore.OpenKey(directory, RealDisk.Instance, options.Key);
            ReapplyResult again = await replica.ReapplyAsync(
                LogCut.ReadAside(RealDisk.Instance, FileReplicaStore.LogDirectory(directory), cipher), cancellationToken).ConfigureAwait(false);
            if (again.Applied > 0) done.Add($"Of what had been cut off, runs applied again: {again.Applied}.");
            if (again.Waiting + again.Open > 0)
            {
                done.Add($"Of what had been cut off, {again.Waiting} runs wait for something that is missing here, and {again.Open} "
                    + "batches are not closed by a head. They stay in log/*.cut: repeat the repair when peers have sent what they hold.");
            }
            await replica.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (replica.ProjectionError is { } error) throw error;
        }
        foreach (StoreFinding finding in report.Findings.Where(f => f.Kind == StoreFindingKind.TornTail))
            done.Add($"The unfinished write in {finding.Where} was dropped; a copy is kept beside it.");
        if (report.Findings.Any(f => f.Kind == StoreFindingKind.ProjectionBehind)) done.Add("The projection was brought up to date.");
    }
}
