using System.Diagnostics;

namespace Crdt.Testing.Simulation;

/// <summary>Leaves out of a case what the violation does not need: replicas, steps, edits, what is odd about links and
/// clocks. By delta debugging (Zeller and Hildebrandt, 2002), until nothing more can go or the time is up.</summary>
/// <remarks>The time limit decides only how small a case becomes, never whether it fails.</remarks>
internal sealed class CaseShrinker(SimulationOptions options, string invariant, TimeSpan limit, CancellationToken cancellationToken)
{
    private readonly long started = Stopwatch.GetTimestamp();

    /// <summary>How many runs it took.</summary>
    public int Trials { get; private set; }

    private bool IsOver => cancellationToken.IsCancellationRequested || Stopwatch.GetElapsedTime(started) > limit;

    /// <summary>The smallest case found that still fails in the same way.</summary>
    public SimulationCase Shrink(SimulationCase failing, Action<int, int>? onProgress)
    {
        SimulationCase best = failing;
        for (int size = int.MaxValue; size > SizeOf(best) && !IsOver;)
        {
            size = SizeOf(best);
            best = WithFewerSteps(best, onProgress);
            best = WithFewerDevices(best);
            best = WithFewerEdits(best);
            best = Plainer(best);
        }
        return best;
    }

    private static int SizeOf(SimulationCase candidate) => candidate.Setup.Devices.Count + candidate.Setup.Links.Count
        + candidate.Steps.Sum(s => 1 + (s is CommitStep c ? c.Edits.Sum(e => 1 + e.Ops.Length) : 0));

    private bool Fails(SimulationCase candidate)
    {
        if (IsOver) return false;
        Trials++;
        return candidate.Run(options, null, CancellationToken.None).Violation?.Invariant == invariant;
    }

    private SimulationCase WithFewerSteps(SimulationCase best, Action<int, int>? onProgress)
    {
        for (int chunk = Math.Max(1, best.Steps.Count / 2); ; chunk /= 2)
        {
            for (int at = 0; at < best.Steps.Count && !IsOver;)
            {
                SimulationCase candidate = best with { Steps = [.. best.Steps.Take(at), .. best.Steps.Skip(at + chunk)] };
                if (Fails(candidate)) best = candidate;
                else at += chunk;
                onProgress?.Invoke(best.Steps.Count, Trials);
            }
            if (chunk == 1) return best;
        }
    }

    private SimulationCase WithFewerDevices(SimulationCase best)
    {
        for (int i = best.Setup.Devices.Count - 1; i >= 0 && best.Setup.Devices.Count > 2 && !IsOver; i--)
        {
            SimulationCase candidate = Without(best, i);
            // Without a server nobody fences what was written twice: that would be another case.
            if (best.Setup.HasForks && candidate.Setup.Devices.All(d => d.Role == ReplicaRole.Client)) continue;
            if (Fails(candidate)) best = candidate;
        }
        for (int i = best.Setup.Links.Count - 1; i >= 0 && !IsOver; i--)
        {
            var links = best.Setup.Links.Where((_, l) => l != i).ToList();
            if (!HoldsTogether(best.Setup.Devices.Count, links)) continue;
            SimulationCase candidate = best with { Setup = best.Setup with { Links = links } };
            if (Fails(candidate)) best = candidate;
        }
        return best;
    }

    private SimulationCase WithFewerEdits(SimulationCase best)
    {
        for (int i = 0; i < best.Steps.Count && !IsOver; i++)
        {
            if (best.Steps[i] is not CommitStep commit) continue;
            for (int e = commit.Edits.Length - 1; e >= 0; e--)
            {
                SimulatedEdit edit = commit.Edits[e];
                if (commit.Edits.Length > 1) Try(commit with { Edits = [.. commit.Edits[..e], .. commit.Edits[(e + 1)..]] });
                if (commit.Edits.Length <= e || commit.Edits[e] != edit) continue;
                for (int o = edit.Ops.Length - 1; o >= 0 && commit.Edits[e].Ops.Length > 1; o--)
                {
                    SimulatedOp[] ops = commit.Edits[e].Ops;
                    SimulatedEdit simpler = commit.Edits[e] with { Ops = [.. ops[..o], .. ops[(o + 1)..]] };
                    Try(commit with { Edits = [.. commit.Edits[..e], simpler, .. commit.Edits[(e + 1)..]] });
                }
            }

            void Try(CommitStep simpler)
            {
                SimulationCase candidate = best with { Steps = [.. best.Steps.Take(i), simpler, .. best.Steps.Skip(i + 1)] };
                if (Fails(candidate)) (best, commit) = (candidate, simpler);
            }
        }
        return best;
    }

    /// <summary>Links like any other, no waiting: what is odd in what is left is there for a reason.</summary>
    private SimulationCase Plainer(SimulationCase best)
    {
        for (int i = 0; i < best.Steps.Count && !IsOver; i++)
        {
            foreach (SimulationStep simpler in SimplerOf(best.Steps[i]))
            {
                SimulationCase candidate = best with { Steps = [.. best.Steps.Take(i), simpler, .. best.Steps.Skip(i + 1)] };
                if (!Fails(candidate)) continue;
                best = candidate;
                break;
            }
        }
        SimulationCase early = best with { Steps = [.. best.Steps.Select((s, i) => s with { At = 100_000L * (i + 1) })] };
        if (!early.Steps.SequenceEqual(best.Steps) && Fails(early)) best = early;
        for (int i = 0; i < best.Setup.Devices.Count && !IsOver; i++)
        {
            DeviceSetup[] devices = [.. best.Setup.Devices];
            devices[i] = devices[i] with
            {
                IsProjecting = false,
                HasFounding = true,
                Fetch = BlobFetch.Always,
                FetchVideos = BlobFetch.Always,
                BlobQuotaBytes = 0,
            };
            if (devices[i] == best.Setup.Devices[i]) continue;
            SimulationCase candidate = best with { Setup = best.Setup with { Devices = devices } };
            if (Fails(candidate)) best = candidate;
        }
        return best;
    }

    private static IEnumerable<SimulationStep> SimplerOf(SimulationStep step)
    {
        switch (step)
        {
            case ConnectStep connect:
                if (connect.Quality != LinkQuality.Good) yield return connect with { Quality = LinkQuality.Good };
                if (connect.Quality.SegmentLengthBytes > 0) yield return connect with { Quality = connect.Quality with { SegmentLengthBytes = 0 } };
                break;
            case AttachStep { LengthBytes: > 0 } attach:
                yield return attach with { LengthBytes = 0 };
                yield return attach with { LengthBytes = Math.Min(attach.LengthBytes, 1) };
                break;
            case CommitStep { User: not null } commit:
                yield return commit with { User = null };
                break;
            case CrashStep { DownUs: > 1_000 } crash:
                yield return crash with { DownUs = 1_000 };
                break;
            case QuiesceStep { InTurn: false } quiesce:
                yield return quiesce with { InTurn = true };
                break;
        }
    }

    private static SimulationCase Without(SimulationCase all, int device)
    {
        int To(int index) => index > device ? index - 1 : index;
        var links = all.Setup.Links.Where(l => l.A != device && l.B != device).Select(l => new LinkSetup(To(l.A), To(l.B))).ToList();
        int count = all.Setup.Devices.Count - 1;
        if (!HoldsTogether(count, links)) links = [.. Enumerable.Range(1, count - 1).Select(i => new LinkSetup(i - 1, i))];
        DeviceSetup[] devices = [.. all.Setup.Devices.Where((_, i) => i != device)];
        devices[0] = devices[0] with { HasFounding = true };
        IEnumerable<SimulationStep?> steps = all.Steps.Select(step => step switch
        {
            CommitStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            HandleStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            LookStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            ConnectStep s => s.A == device || s.B == device ? null : s with { A = To(s.A), B = To(s.B) },
            CutStep s => s.A == device || s.B == device ? null : s with { A = To(s.A), B = To(s.B) },
            StallStep s => s.From == device || s.To == device ? null : s with { From = To(s.From), To = To(s.To) },
            StaleStep s => s.From == device || s.To == device ? null : s with { From = To(s.From), To = To(s.To) },
            CrashStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            FullDiskStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            ClockStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            SnapshotStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            PruneStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            PurgeStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            BackUpStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            RestoreStep s => s.Replica == device || s.From == device ? null : s with { Replica = To(s.Replica), From = To(s.From) },
            RetireStep s => s.Server == device || s.Replica == device ? null : s with { Server = To(s.Server), Replica = To(s.Replica) },
            AttachStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            EvictStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            CollectStep s => s.Replica == device ? null : s with { Replica = To(s.Replica) },
            PartitionStep s => s with
            {
                Group = (s.Group & ((1UL << device) - 1)) | ((s.Group >> (device + 1)) << device),
            },
            _ => step,
        });
        return all with { Setup = all.Setup with { Devices = devices, Links = links }, Steps = [.. steps.OfType<SimulationStep>()] };
    }

    private static bool HoldsTogether(int devices, IReadOnlyList<LinkSetup> links)
    {
        var reached = new HashSet<int> { 0 };
        for (int before = 0; before < reached.Count;)
        {
            before = reached.Count;
            foreach (LinkSetup link in links)
            {
                if (reached.Contains(link.A) || reached.Contains(link.B)) reached.UnionWith([link.A, link.B]);
            }
        }
        return reached.Count == devices;
    }
}
