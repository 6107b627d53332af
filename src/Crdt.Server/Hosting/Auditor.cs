using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Crdt.Server.Hosting;

/// <summary>Replays the log from time to time, and counts what is unaccounted for: it has to be nothing.</summary>
internal sealed class Auditor(
    ServerSpace space, TimeProvider time, ILogger<Auditor> logger, IOptions<CrdtServerOptions> options) : BackgroundService
{
    // A server that has just been started has other things to do.
    private static readonly TimeSpan FirstAfter = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        TimeSpan interval = options.Value.AuditInterval;
        if (interval <= TimeSpan.Zero) return;
        TimeSpan wait = interval < FirstAfter ? interval : FirstAfter;
        while (true)
        {
            try
            {
                await Task.Delay(wait, time, stoppingToken);
                wait = interval;
                AuditReport report = await space.Replica.AuditAsync(stoppingToken);
                space.LastAudit = new TimedAudit(time.GetUtcNow(), report);
                if (report.Unaccounted.Count > 0)
                    logger.LogCritical("Of {Written} values that were written {Unaccounted} are unaccounted for: see 'crdt doctor'.", report.Written, report.Unaccounted.Count);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            // Whatever it is, the server goes on, and looks again.
            catch (Exception e)
            {
                logger.LogError(e, "The log could not be looked through.");
            }
        }
    }
}
