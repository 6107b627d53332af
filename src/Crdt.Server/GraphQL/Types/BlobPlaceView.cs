using System.ComponentModel;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("BlobPlace")]
[Description("A field that names an attachment.")]
internal sealed class BlobPlaceView(EntityKey key, FieldPath path)
{
    public string Domain => key.Domain;

    public string EntityType => key.Type;

    public string EntityId => key.Id;

    public string Path => path.ToString();
}
