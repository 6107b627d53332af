using System.Globalization;

namespace Crdt.Cli.Arguments;

/// <summary>A moment of the past, as people name one: a time, a mutation, or a vector.</summary>
internal static class PastMoment
{
    /// <summary>The rule, as help texts state it.</summary>
    public const string Rule =
        "as it was: TIME is RFC 3339, 'ID:SEQUENCE' or a mutation's UUID means right behind that mutation, "
        + "'ID:SEQUENCE,…' a vector.";

    /// <summary>Reads the entity as it was.</summary>
    public static Entity? Read(Replica replica, EntityKey key, string at)
    {
        try
        {
            if (DateTimeOffset.TryParse(at, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTimeOffset time) && at.Contains('-', StringComparison.Ordinal)
                && !Guid.TryParse(at, out _)) return replica.GetAsOf(key, time);
            if (Guid.TryParse(at, out Guid id)) return replica.GetAsOf(key, Find(replica, key, id));
            VersionVector vector = ReplicaNames.Vector(at);
            return vector.Count == 1 && !at.Contains(',', StringComparison.Ordinal)
                ? replica.GetAsOf(key, vector.First()) : replica.GetAsOf(key, vector);
        }
        catch (HistoryException e)
        {
            throw CliException.NotFound(e.Message);
        }
    }

    private static Dot Find(Replica replica, EntityKey key, Guid id)
    {
        foreach (HistoryEntry entry in replica.History(key))
        {
            if (entry.Mutation is { } mutation && mutation.Id == id) return mutation.Dot;
        }
        throw CliException.NotFound($"The log holds no mutation {id} of {key}.", "'crdt history' lists those that it holds.");
    }
}
