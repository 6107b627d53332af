using System.Text.Json.Nodes;

namespace Crdt.Properties.Spec;

/// <summary>docs/vectors/refused.json: bytes that break one rule each, and the error that says so.</summary>
public class RefusedBatchTests
{
    public static TheoryData<string> Of(string rule) =>
        [.. Repository.Vectors("refused.json").Where(v => (string)v!["rule"]! == rule).Select(v => v!.ToJsonString())];

    [Theory]
    [Trait("Spec", "WF-1.1")]
    [MemberData(nameof(Of), "WF-1.1")]
    public void Longer_forms_other_types_and_early_ends_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-1.2")]
    [MemberData(nameof(Of), "WF-1.2")]
    public void Names_that_are_empty_long_or_ill_formed_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-1.4")]
    [MemberData(nameof(Of), "WF-1.4")]
    public void Values_outside_their_range_or_form_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-1.5")]
    [MemberData(nameof(Of), "WF-1.5")]
    public void Texts_repeated_or_referred_to_wrongly_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.1")]
    [MemberData(nameof(Of), "WF-2.1")]
    public void Unknown_envelopes_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.2")]
    [MemberData(nameof(Of), "WF-2.2")]
    public void Compression_that_does_not_unpack_to_its_declared_length_is_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.3")]
    [MemberData(nameof(Of), "WF-2.3")]
    public void Impossible_headers_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.4")]
    [MemberData(nameof(Of), "WF-2.4")]
    public void Impossible_heads_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.5")]
    [MemberData(nameof(Of), "WF-2.5")]
    public void Timestamps_that_stand_still_or_have_two_forms_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.6")]
    [MemberData(nameof(Of), "WF-2.6")]
    public void Entities_defined_twice_or_in_another_form_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.7")]
    [MemberData(nameof(Of), "WF-2.7")]
    public void Impossible_counts_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.8")]
    [MemberData(nameof(Of), "WF-2.8")]
    public void Impossible_extras_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.9")]
    [MemberData(nameof(Of), "WF-2.9")]
    public void Impossible_paths_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.10")]
    [MemberData(nameof(Of), "WF-2.10")]
    public void Impossible_operations_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.11")]
    [MemberData(nameof(Of), "WF-2.11")]
    public void Impossible_observed_dots_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.12")]
    [MemberData(nameof(Of), "WF-2.12")]
    public void Impossible_claims_and_counters_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.13")]
    [MemberData(nameof(Of), "WF-2.13")]
    public void Bytes_behind_the_end_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.14")]
    [MemberData(nameof(Of), "WF-2.14")]
    public void Impossible_memories_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.15")]
    [MemberData(nameof(Of), "WF-2.15")]
    public void Impossible_marks_are_refused(string vector) => Refuses(vector);

    [Theory]
    [Trait("Spec", "WF-2.16")]
    [MemberData(nameof(Of), "WF-2.16")]
    public void Fences_out_of_place_or_by_a_client_are_refused(string vector) => Refuses(vector);

    private static void Refuses(string vector)
    {
        JsonNode json = JsonNode.Parse(vector)!;
        byte[] stored = Convert.FromHexString(((string)json["stored"]!).Replace(" ", "", StringComparison.Ordinal));
        var refused = Assert.Throws<BatchFormatException>(
            () => new BatchReader().Read(stored, BatchCases.A, 5, new BatchColumns()));
        Assert.Equal((string)json["error"]!, refused.Error.ToString());
    }
}
