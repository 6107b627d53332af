using System.Diagnostics.Tracing;
using System.Globalization;

namespace Crdt.Bench.Quick;

/// <summary>Tells by type what is allocated, from the runtime's samples: one in about every 100 KB.</summary>
internal sealed class Allocations : EventListener
{
    private const int Shown = 24;

    private readonly Dictionary<string, long> bytesByType = [];

    public void Print(double bytesPerOperation)
    {
        lock (bytesByType)
        {
            double all = bytesByType.Values.Sum();
            foreach ((string type, long bytes) in bytesByType.OrderByDescending(static p => p.Value).Take(Shown))
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bytes / all * bytesPerOperation,9:F1} B  {type}"));
        }
    }

    /// <inheritdoc/>
    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        const EventKeywords garbageCollector = (EventKeywords)1;
        if (eventSource.Name == "Microsoft-Windows-DotNETRuntime") EnableEvents(eventSource, EventLevel.Verbose, garbageCollector);
    }

    /// <inheritdoc/>
    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData is not { EventName: "GCAllocationTick_V4", Payload: { } payload }) return;
        string type = (string)payload[5]!;
        lock (bytesByType) bytesByType[type] = bytesByType.GetValueOrDefault(type) + Convert.ToInt64(payload[3], CultureInfo.InvariantCulture);
    }
}
