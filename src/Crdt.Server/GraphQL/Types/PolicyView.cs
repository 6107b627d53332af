using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Policy")]
[Description("How concurrent writes are settled in a domain, a type or a field; the most exact policy holds.")]
internal sealed class PolicyView(PolicyScope scope, Entity entity)
{
    [Description("domain, domain/type or domain/type/field.")]
    public string Scope => scope.ToString();

    public string Domain => scope.Domain;

    public string? EntityType => scope.Type;

    public string? Field => scope.Field;

    [Description("Which of concurrent values is read.")]
    public ConflictStrategy? Strategy => Enum.TryParse(entity.GetString("conflict"), out ConflictPolicy policy) ? (ConflictStrategy)policy : null;

    [Description("What decides between a delete and a concurrent write.")]
    public ExistencePolicy? Existence => Enum.TryParse(entity.GetString("existence"), out ExistencePolicy policy) ? policy : null;

    public DateTimeOffset? UpdatedAt => entity.UpdatedAt?.Time;

    /// <summary>All that are set.</summary>
    internal static IEnumerable<PolicyView> All(ServerSpace space)
    {
        foreach (EntityKey key in space.Replica.Keys(EntityKey.SpaceDomain, "policy"))
        {
            if (space.Replica.Get(key) is { } entity && Find(key.Id) is { } scope) yield return new PolicyView(scope, entity);
        }
    }

    private static PolicyScope? Find(string text)
    {
        try
        {
            return PolicyScope.Parse(text);
        }
        catch (FormatException)
        {
            // Of a later version.
            return null;
        }
    }
}
