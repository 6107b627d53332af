using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Explanation")]
[Description("Why a mutation, an entity or a device stands where it stands, what comes next, and who can change it.")]
internal sealed class ExplanationView(ServerSpace space, Explanation explanation)
{
    [Description("What was asked about.")]
    public string Subject => explanation.Subject;

    public ExplanationCode Code => explanation.Code;

    [Description("The reason, in words.")]
    public string Reason => explanation.Reason;

    [Description("Since when.")]
    public DateTimeOffset? Since => explanation.Since;

    [Description("What happens next, or has to.")]
    public string Next => explanation.Next;

    [Description("Who can change it.")]
    public WhoActs Who => explanation.Who;

    public OfflineMutation? Mutation => explanation.Mutation is { } queued && OfflineMutation.Shows(queued.Mutation)
        ? new OfflineMutation(space, queued) : null;

    public RefusalView? Refusal => explanation.Refusal is { } refused ? new RefusalView(space, refused) : null;

    public IEnumerable<ConflictView> Conflicts => explanation.Conflicts.Select(c => new ConflictView(space, c));

    [Description("Other replicas that are known to hold it durably.")]
    public IEnumerable<Guid> HeldBy => explanation.HeldBy.Select(h => h.Value);

    [Description("Of an entity or a device: what of it is not synced, the most serious first.")]
    public IEnumerable<ExplanationView> Parts => explanation.Parts.Select(p => new ExplanationView(space, p));

    [Description("What else is worth knowing.")]
    public IEnumerable<string> Notes => explanation.Notes;
}
