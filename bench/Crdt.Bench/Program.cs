using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Crdt.Bench.LoadRuns;
using Crdt.Bench.Quick;
using Crdt.Bench.SideBySide;

if (args is ["quick", ..])
{
    QuickRun.Run(args.ElementAtOrDefault(1));
    return 0;
}
if (args is ["store", ..])
{
    StoreRun.Run(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1_000_000);
    return 0;
}
if (args is ["open", string directory, string fields])
{
    StoreRun.OpenOnce(directory, int.Parse(fields, CultureInfo.InvariantCulture));
    return 0;
}
if (args is ["queue", ..])
{
    QueueRun.Run(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1_000_000);
    return 0;
}
if (args is ["postgres", string connection, ..])
{
    await PostgresRun.RunAsync(connection, args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 5_000);
    return 0;
}
if (args is ["streams"])
{
    StreamRun.Run();
    return 0;
}
if (args is ["blobs", ..])
{
    BlobRun.Run(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 512);
    return 0;
}
if (args is ["blob-link", ..])
{
    await BlobLinkRun.RunAsync(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 256);
    return 0;
}
if (args is ["differences"])
{
    DifferencesRun.Run();
    return 0;
}
if (args is ["workloads", string results, ..])
    return SideBySideRun.Run(results, args[2..]);
if (args is ["aims", string measured])
{
    TargetTable.Print(measured);
    return 0;
}
if (args is ["workload", string step])
{
    SideBySideRun.RunStep(step);
    return 0;
}
if (args is ["load", ..])
    return await LoadCommand.RunAsync(args[1..]);
if (args is ["loop", string what, ..])
    return LoopRun.Run(what, args.Length > 2 ? double.Parse(args[2], CultureInfo.InvariantCulture) : 10, args is [.., "allocations"]);
// In this process: no project is generated and built for each benchmark, so figures come at once and offline.
IConfig config = DefaultConfig.Instance.AddJob(
    Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).WithGcConcurrent(false));
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
return 0;
