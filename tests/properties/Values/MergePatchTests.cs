namespace Crdt.Properties;

/// <summary>RFC 7396, appendix A: rows with objects at the root through an entity's edit and a reader; all rows on values.</summary>
public class MergePatchTests
{
    private static readonly EntityKey Key = new("d", "t", "1");

    public static TheoryData<string, string, string> Rows => new()
    {
        { """{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""" },
        { """{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""" },
        { """{"a":"b"}""", """{"a":null}""", "{}" },
        { """{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""" },
        { """{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""" },
        { """{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""" },
        { """{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""" },
        { """{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""" },
        { """["a","b"]""", """["c","d"]""", """["c","d"]""" },
        { """{"a":"b"}""", """["c"]""", """["c"]""" },
        { """{"a":"foo"}""", "null", "null" },
        { """{"a":"foo"}""", "\"bar\"", "\"bar\"" },
        { """{"e":null}""", """{"a":1}""", """{"a":1,"e":null}""" },
        { "[1,2]", """{"a":"b","c":null}""", """{"a":"b"}""" },
        { "{}", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""" },
        // The RFC's own example of section 3.
        {
            """{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"This will be unchanged"}""",
            """{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}""",
            """{"author":{"givenName":"John"},"content":"This will be unchanged","phoneNumber":"+01-123-456-7890","tags":["example"],"title":"Hello!"}"""
        },
    };

    public static IEnumerable<object[]> ObjectRows =>
        from row in Rows
        where ((string)row[0])[0] == '{' && ((string)row[1])[0] == '{'
        from how in new[]
        {
            (true, ConflictPolicy.LastWriteWins), (false, ConflictPolicy.LastWriteWins),
            (true, ConflictPolicy.Merge), (false, ConflictPolicy.Manual),
        }
        select (object[])[.. row, how.Item1, how.Item2];

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_patch_of_a_value_gives_what_the_rfc_says(string target, string patch, string expected) =>
        Assert.Equal(Value.ParseJson(expected), JsonMergePatch.Apply(Value.ParseJson(target), Value.ParseJson(patch)));

    // Stored by Replace a target's objects are maps; by Set each member is one value.
    [Theory]
    [MemberData(nameof(ObjectRows))]
    public async Task A_patch_of_an_entity_gives_what_the_rfc_says(
        string target, string patch, string expected, bool asMaps, ConflictPolicy policy)
    {
        await using Team team = await Team.CreateAsync(2, 0, ("d", policy));
        await team[0].CommitAsync(tx =>
        {
            EntityEdit edit = tx.Create(Key);
            if (asMaps) edit.Replace(Value.ParseJson(target));
            else foreach ((string name, Value member) in Value.ParseJson(target).AsObject()) edit.Set(name, member);
        });
        Assert.Equal(Value.ParseJson(target), team[0].Get(Key)!.ToValue());
        await team[0].CommitAsync(tx => tx.Update(Key).Patch(Value.ParseJson(patch)));
        Assert.Equal(expected, team[0].Get(Key)!.ToJson());
        await team.MeetAsync(0, 1);
        Assert.Equal(expected, team[1].Get(Key)!.ToJson());
    }

    [Fact]
    public async Task A_patch_that_is_no_object_is_no_patch_of_an_entity()
    {
        await using Team team = await Team.CreateAsync(1);
        foreach (string patch in new[] { "null", "1", "[]", "\"bar\"" })
        {
            Assert.Throws<ArgumentException>(() => team[0].Begin().Update(Key).Patch(Value.ParseJson(patch)));
            Assert.Throws<ArgumentException>(() => team[0].Begin().Update(Key).Replace(Value.ParseJson(patch)));
        }
    }

    [Fact]
    public async Task A_member_whose_name_cannot_be_a_field_is_refused_before_anything_is_written()
    {
        await using Team team = await Team.CreateAsync(1);
        string deep = string.Concat(Enumerable.Repeat("{\"a\":", 16)) + "1" + new string('}', 16);
        foreach (string patch in new[] { """{"":1}""", $$"""{"{{new string('x', 256)}}":1}""", """{"a":{"b":{"":1}}}""" })
        {
            var error = await Assert.ThrowsAsync<MutationException>(
                () => team[0].CommitAsync(tx => tx.Upsert(Key).Patch(Value.ParseJson(patch))).AsTask());
            Assert.Equal(MutationError.BadPath, error.Error);
            await Assert.ThrowsAsync<MutationException>(
                () => team[0].CommitAsync(tx => tx.Upsert(Key).Replace(Value.ParseJson(patch))).AsTask());
        }
        await team[0].CommitAsync(tx => tx.Upsert(Key).Patch(Value.ParseJson(deep)));
        Assert.Equal(deep, team[0].Get(Key)!.ToJson());
    }
}
