using System.Collections.Immutable;

namespace Crdt;

/// <summary>A replica that is enrolled.</summary>
/// <param name="Enrolments">Every valid enrolment of its id, by the dot of the mutation that wrote it; one, unless the
/// authority was careless.</param>
/// <param name="Joined">The dot that its own first mutation names: which of them counts, from then on and for ever.</param>
internal sealed record Member(ImmutableArray<(Dot Dot, Enrolment Enrolment)> Enrolments, Dot? Joined)
{
    /// <summary>The one that counts; before it has written anything, the first in the order of dots.</summary>
    public (Dot Dot, Enrolment Enrolment) Current => Joined is { } dot ? Under(dot)!.Value : Enrolments[0];

    public (Dot Dot, Enrolment Enrolment)? Under(Dot dot)
    {
        foreach ((Dot Dot, Enrolment Enrolment) candidate in Enrolments)
        {
            if (candidate.Dot == dot) return candidate;
        }
        return null;
    }

    public Member With(Dot dot, Enrolment enrolment) => Under(dot) is not null ? this : Add(dot, enrolment);

    /// <summary>With the one that its first mutation shows, whatever else was written there.</summary>
    public Member JoinedBy(Dot dot, Enrolment enrolment) =>
        (this with { Enrolments = Enrolments.RemoveAll(e => e.Dot == dot) }).Add(dot, enrolment) with { Joined = dot };

    private Member Add(Dot dot, Enrolment enrolment) => this with
    {
        Enrolments = Enrolments.Add((dot, enrolment)).Sort(static (a, b) =>
        {
            int order = a.Dot.Replica.CompareTo(b.Dot.Replica);
            return order != 0 ? order : a.Dot.Sequence.CompareTo(b.Dot.Sequence);
        }),
    };
}
