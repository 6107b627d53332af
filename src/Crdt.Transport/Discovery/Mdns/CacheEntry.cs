using System.Net;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>A record that was heard, until it expires.</summary>
internal sealed class CacheEntry
{
    // RFC 6762, 5.2: asked for again at these parts of its time, and a little later by chance.
    private static readonly double[] RefreshAt = [0.80, 0.85, 0.90, 0.95];
    private const double RefreshJitter = 0.02;

    // Whoever sends it cannot make it stay for longer than what is announced well.
    private static readonly TimeSpan LifetimeMax = TimeSpan.FromSeconds(DnsRecord.OtherTtlSeconds);

    private readonly Random random;
    private TimeSpan lifetime;
    private int refreshes;

    public CacheEntry(DnsRecord record, IPAddress source, Random random, TimeSpan now)
    {
        this.random = random;
        (Record, Source) = (record, source);
        Renew(record, now);
    }

    public DnsRecord Record { get; private set; }

    /// <summary>Who said it first.</summary>
    public IPAddress Source { get; }

    public TimeSpan ReceivedAt { get; private set; }

    public TimeSpan ExpiresAt { get; private set; }

    /// <summary>When to ask for it again; <see langword="null"/> when all has been asked.</summary>
    public TimeSpan? RefreshDue { get; private set; }

    /// <summary>Whether it is about to be forgotten, unless it is heard again.</summary>
    public bool IsDoubted { get; private set; }

    public void Renew(DnsRecord record, TimeSpan now)
    {
        Record = record;
        ReceivedAt = now;
        lifetime = TimeSpan.FromSeconds(record.TtlSeconds);
        if (lifetime > LifetimeMax)
            lifetime = LifetimeMax;
        ExpiresAt = now + lifetime;
        IsDoubted = false;
        refreshes = 0;
        ScheduleRefresh();
    }

    /// <summary>It has been asked for.</summary>
    public void Asked()
    {
        refreshes++;
        ScheduleRefresh();
    }

    /// <summary>Stays for so long at most.</summary>
    public void EndBy(TimeSpan at)
    {
        ExpiresAt = at < ExpiresAt ? at : ExpiresAt;
        RefreshDue = null;
    }

    public void Doubt(TimeSpan now)
    {
        EndBy(now + MdnsTimes.Doubt);
        IsDoubted = true;
    }

    /// <summary>Whether a query need not be answered with it (RFC 6762, 7.1).</summary>
    public bool IsFresh(TimeSpan now) => !IsDoubted && ExpiresAt - now >= lifetime / 2;

    public uint SecondsLeft(TimeSpan now) => (uint)Math.Max(0, (ExpiresAt - now).TotalSeconds);

    private void ScheduleRefresh() => RefreshDue = refreshes >= RefreshAt.Length ? null
        : ReceivedAt + (lifetime * (RefreshAt[refreshes] + (RefreshJitter * random.NextDouble())));
}
