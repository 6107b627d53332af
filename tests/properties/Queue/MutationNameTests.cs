namespace Crdt.Properties;

/// <summary>What mutations and places in their list are called, and texts that are no such name.</summary>
public class MutationNameTests
{
    private static readonly ReplicaId One = Team.IdOf(1), Two = Team.IdOf(2);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1.2.3")]
    [InlineData("x.1")]
    [InlineData("1.x")]
    [InlineData("-1.0")]
    [InlineData("ffffffffffffffff.0")]
    [InlineData("0.ffffffff")]
    public void What_no_cursor_wrote_is_none(string? text)
    {
        Assert.False(MutationCursor.TryParse(text, out MutationCursor cursor));
        Assert.Equal(default, cursor);
    }

    [Fact]
    public void Cursors_are_in_the_order_of_the_log_and_read_again_from_their_text()
    {
        MutationCursor[] ordered = [new(new(1), 0), new(new(1), 31), new(new(2), 0)];
        for (int a = 0; a < ordered.Length; a++)
        {
            Assert.True(MutationCursor.TryParse(ordered[a].ToString(), out MutationCursor same) && same == ordered[a]);
            for (int b = 0; b < ordered.Length; b++)
            {
                Assert.Equal(b.CompareTo(a) > 0, ordered[a] < ordered[b]);
                Assert.Equal(a.CompareTo(b) > 0, ordered[a] > ordered[b]);
                Assert.Equal(a.CompareTo(b) <= 0, ordered[a] <= ordered[b]);
                Assert.Equal(a.CompareTo(b) >= 0, ordered[a] >= ordered[b]);
            }
        }
    }

    [Fact]
    public void A_mutations_id_leads_back_to_it_among_any_authors_and_another_id_to_nothing()
    {
        foreach (Dot dot in (Dot[])[new(One, 1), new(One, Dot.SequenceMax), new(Two, 77)])
        {
            Assert.Equal(dot, MutationId.Find(MutationId.Of(dot), [One, Two]));
            Assert.Equal(dot, MutationId.Find(MutationId.Of(dot), [Two, One]));
            Assert.Null(MutationId.Find(MutationId.Of(dot), [Team.IdOf(3)]));
        }
        Assert.Null(MutationId.Find(MutationId.Of(new Dot(One, 0)), [One])); // no mutation has it
        Assert.Null(MutationId.Find(Guid.Empty, [One])); // of no version
        Assert.Null(MutationId.Find(Guid.Parse("0190a5a0-0000-7000-8000-000000000000"), [One]));
    }
}
