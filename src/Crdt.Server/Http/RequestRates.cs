using System.Threading.RateLimiting;
using Crdt.Server.Hosting;
using Microsoft.Extensions.Options;

namespace Crdt.Server.Http;

/// <summary>How often each client may ask. Clients are counted by what their tokens name, and those without one by their address.</summary>
internal sealed class RequestRates : IDisposable
{
    private readonly PartitionedRateLimiter<string> limiter;

    public RequestRates(IOptions<CrdtServerOptions> options)
    {
        GraphQLLimits limits = options.Value.Limits;
        limiter = PartitionedRateLimiter.Create<string, string>(client => RateLimitPartition.GetTokenBucketLimiter(client, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = limits.RequestBurst,
            TokensPerPeriod = Math.Max(1, limits.RequestsPerSecond / 10),
            ReplenishmentPeriod = TimeSpan.FromMilliseconds(100),
        }));
    }

    /// <summary>Whether the client may ask now; counts it.</summary>
    public bool TryTake(string client)
    {
        using RateLimitLease lease = limiter.AttemptAcquire(client);
        return lease.IsAcquired;
    }

    public void Dispose() => limiter.Dispose();
}
