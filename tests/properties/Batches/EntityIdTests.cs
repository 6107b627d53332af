namespace Crdt.Properties;

public class EntityIdTests
{
    [Theory]
    [InlineData("0f8fad5b-d9cb-469f-a165-70867728950e")]
    [InlineData("0F8FAD5B-D9CB-469F-A165-70867728950E")]
    [InlineData("0x8fad5b-d9cb-469f-a165-70867728950e")]
    [InlineData("+f8fad5b-d9cb-469f-a165-70867728950e")]
    [InlineData("0f8fad5b-+9cb-469f-a165-70867728950e")]
    [InlineData("0f8fad5b-d9cb-0x9f-a165-70867728950e")]
    [InlineData(" f8fad5b-d9cb-469f-a165-70867728950e")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    public async Task An_id_arrives_as_it_was_written_whatever_it_looks_like(string id)
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(new("incident", "strike", id)).Set("n", 1));
        await team.MeetAsync(0, 1);
        Assert.Equal(id, Assert.Single(team[1].Query("incident", "strike")).Key.Id);
    }
}
