namespace Crdt.Transport.Discovery.Mdns;

/// <summary>The times of RFC 6762, each with its section.</summary>
internal static class MdnsTimes
{
    /// <summary>8.1: between probes, and the most before the first.</summary>
    public static readonly TimeSpan Probe = TimeSpan.FromMilliseconds(250);

    /// <summary>8.1: how many.</summary>
    public const int Probes = 3;

    /// <summary>8.1: after so many conflicts within so long, before the next attempt.</summary>
    public const int ConflictsMax = 15;

    public static readonly TimeSpan ConflictWindow = TimeSpan.FromSeconds(10), ConflictPause = TimeSpan.FromSeconds(5);

    /// <summary>8.2: before the loser of a tie probes again.</summary>
    public static readonly TimeSpan TieLost = TimeSpan.FromSeconds(1);

    /// <summary>8.3: between announcements, and how many.</summary>
    public static readonly TimeSpan Announcement = TimeSpan.FromSeconds(1);

    public const int Announcements = 2;

    /// <summary>6: before an answer that others may give, too.</summary>
    public static readonly TimeSpan SharedMin = TimeSpan.FromMilliseconds(20), SharedMax = TimeSpan.FromMilliseconds(120);

    /// <summary>7.2: before an answer to a question whose known answers go on.</summary>
    public static readonly TimeSpan TruncatedMin = TimeSpan.FromMilliseconds(400), TruncatedMax = TimeSpan.FromMilliseconds(500);

    /// <summary>6: between two of the same record on one network, and where a name is defended.</summary>
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(1), AgainInDefence = TimeSpan.FromMilliseconds(250);

    /// <summary>5.2: between two of the same question; twice as long each time, up to an hour.</summary>
    public static readonly TimeSpan QueryMin = TimeSpan.FromSeconds(1), QueryMax = TimeSpan.FromHours(1);

    /// <summary>10.1, 10.2: how long a record stays that was taken back, or replaced.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    /// <summary>10.4: how long a doubtful record stays, unless it is heard again.</summary>
    public static readonly TimeSpan Doubt = TimeSpan.FromSeconds(10);

    /// <summary>Between two tellings of one peer's changes; the first is told at once. Our own.</summary>
    public static readonly TimeSpan Telling = TimeSpan.FromSeconds(1);

    public static TimeSpan Between(this Random random, TimeSpan min, TimeSpan max) => min + ((max - min) * random.NextDouble());
}
