using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("HistoryEntry")]
[Description("One thing that happened to an entity.")]
internal sealed class HistoryEntryView(ServerSpace space, HistoryEntry entry)
{
    [Description("What was written; null where a snapshot stands for mutations that this server does not hold any more.")]
    public OfflineMutation? Mutation => entry.Mutation is { } mutation && OfflineMutation.Shows(mutation)
        && space.Replica.FindMutation(mutation.Dot) is { } queued ? new OfflineMutation(space, queued) : null;

    [Description("The kind of annotation, where a server wrote it.")]
    public MutationKind? Annotation => entry.Mutation is { Kind: >= MutationKind.Mark } mutation ? mutation.Kind : null;

    public DateTimeOffset? CreatedAt => entry.Mutation?.CreatedAt;

    public IEnumerable<HistoryChangeView> Changes => entry.Changes.Select(c => new HistoryChangeView(space, c));
}
