using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("HistoryChange")]
[Description("What happened to one place of an entity.")]
internal sealed class HistoryChangeView(ServerSpace space, HistoryChange change)
{
    [Description("The field; empty for the entity's existence.")]
    public string Path => change.Path.ToString();

    [Description("What was written; null when the place was only emptied, or marked.")]
    public SiblingView? Written => change.Written is { } written ? new SiblingView(space, written, change.Path) : null;

    [Description("What it took away.")]
    public IEnumerable<SiblingView> Replaced => change.Replaced.Select(s => new SiblingView(space, s, change.Path));

    [Description("What a server said of values there.")]
    public MarkKind? Marks => change.Marks;
}
