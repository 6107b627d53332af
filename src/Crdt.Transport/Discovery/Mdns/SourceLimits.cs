using System.Net;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>How many packets are read of whom: 50 a second and 200 at once from each source, and the same from all those
/// together that are too many to be told apart.</summary>
internal sealed class SourceLimits
{
    private const double PerSecond = 50, Burst = 200;
    private const int SourcesMax = 1_024;

    // A pass over all of them must not come with every packet.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly Dictionary<IPAddress, Bucket> buckets = [];
    private readonly Bucket others = new();
    private TimeSpan lookedAt = TimeSpan.MinValue / 2;

    public bool TryTake(IPAddress source, TimeSpan now)
    {
        if (!buckets.TryGetValue(source, out Bucket? bucket))
        {
            if (buckets.Count >= SourcesMax && now - lookedAt >= LookInterval)
                DropIdle(now);
            if (buckets.Count >= SourcesMax)
                bucket = others;
            else
                buckets[source] = bucket = new Bucket { At = now };
        }
        return bucket.TryTake(now);
    }

    // One that is full again is as good as new.
    private void DropIdle(TimeSpan now)
    {
        lookedAt = now;
        foreach ((IPAddress source, Bucket bucket) in buckets.ToArray())
        {
            if ((now - bucket.At).TotalSeconds >= Burst / PerSecond)
                buckets.Remove(source);
        }
    }

    private sealed class Bucket
    {
        private double tokens = Burst;

        public TimeSpan At { get; set; }

        public bool TryTake(TimeSpan now)
        {
            tokens = Math.Min(Burst, tokens + ((now - At).TotalSeconds * PerSecond));
            At = now;
            if (tokens < 1)
                return false;
            tokens--;
            return true;
        }
    }
}
