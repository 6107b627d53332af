using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Audit")]
[Description("What became of everything that was ever written, found by a look through the whole log.")]
internal sealed class AuditView(TimedAudit audit)
{
    [Description("When the log was looked through.")]
    public DateTimeOffset At => audit.At;

    [Description("How many mutations were replayed.")]
    public long Mutations => audit.Report.Mutations;

    [Description("How many values they wrote.")]
    public long Written => audit.Report.Written;

    [Description("Of these, how many somebody replaced who had seen them.")]
    public long Replaced => audit.Report.Replaced;

    [Description("How many are held.")]
    public long Held => audit.Report.Held;

    [Description("How many are neither: has to be 0.")]
    public long Unaccounted => audit.Report.Unaccounted.Count;
}
