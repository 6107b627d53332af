using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("How concurrent writes shall be settled somewhere.")]
internal sealed class PolicyInput
{
    [Description("domain, domain/type or domain/type/field.")]
    public string Scope { get; set; } = "";

    [Description("Which of concurrent values is read.")]
    public ConflictStrategy? Strategy { get; set; }

    [Description("What decides between a delete and a concurrent write; not for fields.")]
    public ExistencePolicy? Existence { get; set; }
}
