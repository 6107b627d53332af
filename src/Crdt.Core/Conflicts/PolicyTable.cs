using System.Collections.Concurrent;

namespace Crdt;

/// <summary>The policies of a space, as its own data states them. Immutable; a change of that data makes a new one.</summary>
internal sealed class PolicyTable(IReadOnlyDictionary<string, PolicyTable.Entry> entries, DataTypeTable dataTypes)
{
    public const string ConflictField = "conflict";
    public const string TouchField = "touch";
    public const string ExistenceField = "existence";

    private readonly ConcurrentDictionary<(string Domain, string Type), TypePolicies> types = new();
    private readonly TypePolicies defaults = dataTypes.IsEmpty ? TypePolicies.Default
        : new TypePolicies(ConflictPolicy.LastWriteWins, new Dictionary<string, ConflictPolicy>(), new HashSet<string>(), dataTypes);

    /// <summary>What one policy entity says; what it does not say is null.</summary>
    public readonly record struct Entry(ConflictPolicy? Conflict, bool IsTouch, ExistencePolicy? Existence);

    public static PolicyTable From(IEnumerable<Entity> policies, DataTypeTable dataTypes)
    {
        var entries = new Dictionary<string, Entry>();
        foreach (Entity policy in policies)
        {
            // A policy that a later version knows reads as none here: last-write-wins until the update.
            ConflictPolicy? conflict = policy[ConflictField] is { Kind: ValueKind.String } name
                && Enum.TryParse(name.AsString(), out ConflictPolicy known) ? known : null;
            ExistencePolicy? existence = policy[ExistenceField] is { Kind: ValueKind.String } rule
                && Enum.TryParse(rule.AsString(), out ExistencePolicy deciding) ? deciding : null;
            bool isTouch = policy[TouchField] is { Kind: ValueKind.Boolean } touch && touch.AsBoolean();
            entries[policy.Key.Id] = new Entry(conflict, isTouch, existence);
        }
        return new PolicyTable(entries, dataTypes);
    }

    public TypePolicies For(EntityKey key)
    {
        if (key.IsSpaceData) return TypePolicies.Default;
        if (entries.Count == 0) return defaults;
        return types.GetOrAdd((key.Domain, key.Type), static (t, table) => table.Build(t.Domain, t.Type), this);
    }

    /// <summary>Whether all entities are alive or not by the same rules as under another table.</summary>
    public bool DecidesExistenceAs(PolicyTable other) => ExistenceRules().SetEquals(other.ExistenceRules());

    private HashSet<(string, ExistencePolicy)> ExistenceRules() =>
        [.. entries.Where(e => e.Value.Existence is not null).Select(e => (e.Key, e.Value.Existence!.Value))];

    private TypePolicies Build(string domain, string type)
    {
        string prefix = $"{domain}/{type}";
        ConflictPolicy others = entries.GetValueOrDefault(prefix).Conflict ?? entries.GetValueOrDefault(domain).Conflict
            ?? ConflictPolicy.LastWriteWins;
        ExistencePolicy existence = entries.GetValueOrDefault(prefix).Existence ?? entries.GetValueOrDefault(domain).Existence
            ?? ExistencePolicy.UpdateWins;
        var fields = new Dictionary<string, ConflictPolicy>();
        var touched = new HashSet<string>();
        foreach ((string scope, Entry entry) in entries)
        {
            if (!scope.StartsWith($"{prefix}/", StringComparison.Ordinal)) continue;
            string field = scope[(prefix.Length + 1)..];
            if (entry.Conflict is { } conflict) fields[field] = conflict;
            if (entry.IsTouch) touched.Add(field);
        }
        return new TypePolicies(others, fields, touched, dataTypes) { Existence = existence };
    }
}
