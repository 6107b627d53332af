using System.ComponentModel;
using Crdt.Server.Authorization;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Grant")]
[Description("What a person may do: by this, what devices bring of that person's work is judged.")]
internal sealed class GrantView(Entity entity)
{
    public string User => entity.Key.Id;

    public IEnumerable<string> Scopes => Grants.Read(entity).Select(s => s.ToString());

    public DateTimeOffset? UpdatedAt => entity.UpdatedAt?.Time;
}
