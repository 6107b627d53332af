using System.Runtime.InteropServices;
using System.Text;
using Crdt.Cli;
using Crdt.Cli.Output;

using var stop = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

// Console.Out flushes on every write: an export of many lines would spend its time there.
using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false), 1 << 14);
var streams = new CliStreams(
    Console.OpenStandardInput, output, Console.Error, !Console.IsOutputRedirected, !Console.IsErrorRedirected)
{
    OpenOutput = Console.OpenStandardOutput,
};
return await CrdtCommand.RunAsync(args, streams, stop.Token);

// The first signal lets the command finish cleanly; a second one ends the process.
void Stop(PosixSignalContext signal)
{
    if (stop.IsCancellationRequested) return;
    signal.Cancel = true;
    stop.Cancel();
}
