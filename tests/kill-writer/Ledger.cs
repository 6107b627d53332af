namespace Crdt.KillWriter;

/// <summary>Transactions whose order and wholeness can be read off any state: the n-th one writes n into two entities of a pair and
/// into the one that tells the last; every seventh brings a large value, so that segments are filled.</summary>
public static class Ledger
{
    private const int Pairs = 40;
    private const int LargeEvery = 7;
    private const int LargeLengthBytes = 30_000;

    private static SpaceGenesis Genesis { get; } = SpaceGenesis.Create(
        new ReplicaId(Guid.Parse("4b1d0000-0000-4000-8000-0000000000ff")), "ledger", [], new FixedTime());

    /// <summary>Who writes it; the space's founding is made anew each time, and always the same.</summary>
    public static ReplicaIdentity Identity { get; } = new(
        Genesis.Space, new ReplicaId(Guid.Parse("4b1d0000-0000-4000-8000-000000000001")), ReplicaRole.Client);

    private static readonly EntityKey LastKey = new("ledger", "last", "0");

    /// <summary>How a replica of it runs.</summary>
    /// <param name="projectedEntities">After how many changed entities the projection follows.</param>
    public static ReplicaOptions Options(int projectedEntities) => new()
    {
        Time = TimeProvider.System,
        Genesis = Genesis,
        ProjectedEntitiesPerUpdate = projectedEntities,
    };

    /// <summary>Commits the n-th transaction.</summary>
    public static async ValueTask CommitAsync(Replica replica, long n, Durability durability = Durability.Durable)
    {
        ArgumentNullException.ThrowIfNull(replica);
        Transaction transaction = replica.Begin("Ann");
        transaction.Durability = durability;
        transaction.Upsert(LastKey).Set("n", n);
        transaction.Upsert(Key("left", n)).Set("n", n);
        if (n % LargeEvery == 0) transaction.Upsert(Key("large", n)).Set("bytes", LargeOf(n));
        transaction.Upsert(Key("right", n)).Set("n", n);
        await transaction.CommitAsync().ConfigureAwait(false);
    }

    /// <summary>Looks whether a replica holds exactly the first n transactions, whichever n.</summary>
    /// <returns>n; and what is wrong, if anything.</returns>
    public static (long Last, string? Wrong) Check(Replica replica)
    {
        ArgumentNullException.ThrowIfNull(replica);
        using ReplicaView view = replica.View();
        long last = view.Get(LastKey)?.GetInteger("n") ?? 0;
        for (long slot = 0; slot < Pairs; slot++)
        {
            // The highest of those up to the last one that went there.
            long expected = last - ((last - slot + (1_000_000L * Pairs)) % Pairs);
            foreach (string side in new[] { "left", "right" })
            {
                long? found = view.Get(Key(side, slot))?.GetInteger("n");
                if ((found ?? 0) != Math.Max(expected, 0)) return (last, $"{side} {slot} holds {found}, after {last} transactions {expected}");
            }
        }
        for (long n = Math.Max(1, last - (2 * LargeEvery)); n <= last; n++)
        {
            if (n % LargeEvery == 0 && view.Get(Key("large", n))?["bytes"] != LargeOf(n)) return (last, $"the large value of {n} is not there");
        }
        return (last, null);
    }

    private static EntityKey Key(string side, long n) =>
        new("ledger", side, (n % Pairs).ToString(System.Globalization.CultureInfo.InvariantCulture));

    private static Value LargeOf(long n)
    {
        byte[] bytes = new byte[LargeLengthBytes];
        new Random((int)n).NextBytes(bytes);
        return Value.From(bytes);
    }

    internal sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    }
}
