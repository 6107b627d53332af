using System.ComponentModel;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("ClockSkew")]
[Description("How far another device's clock is from this server's.")]
internal sealed class ClockSkewView(ClockSkew skew)
{
    public Guid DeviceId => skew.Replica.Value;

    [Description("Its time minus this server's, in milliseconds: positive when it is ahead.")]
    public long OffsetMs => skew.OffsetMs;

    [Description("The true value is at most so far from it.")]
    public long? UncertaintyMs => skew.UncertaintyMs;

    public DateTimeOffset MeasuredAt => skew.MeasuredAt;
}
