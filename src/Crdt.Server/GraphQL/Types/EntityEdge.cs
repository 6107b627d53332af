using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("One of them, and its place.")]
internal sealed class EntityEdge(string cursor, EntityView node) : Edge<EntityView>(cursor, node);
