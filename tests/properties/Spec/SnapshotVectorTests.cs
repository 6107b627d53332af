using System.Text.Json.Nodes;

namespace Crdt.Properties.Spec;

/// <summary>docs/vectors/snapshots.json: manifests and chunks of small states, open and keyed.</summary>
public class SnapshotVectorTests
{
    [Fact]
    [Trait("Spec", "WF-8.1")]
    [Trait("Spec", "WF-8.2")]
    public async Task The_vectors_are_what_a_server_makes_and_a_newcomer_joins()
    {
        var vectors = new JsonArray();
        foreach (bool isKeyed in (bool[])[false, true])
        {
            await using Team team = await Team.CreateAsync(2, 1, false, [("d/t/first", ConflictPolicy.FirstWriteWins)], isKeyed);
            EntityKey key = new("d", "t", "1"), gone = new("d", "t", "2");
            await team[0].CommitAsync(tx => tx.Create(key).Set("a", "x").Set("first", 1).Increment("n", 3).Add("tags", "p"));
            await team[0].CommitAsync(tx => tx.Create(gone).Set("a", 1));
            await team.MeetAllAsync();
            await team[0].CommitAsync(tx => tx.Update(key).Set("a", "y"));
            await team[1].CommitAsync(tx => tx.Update(key).Set("a", 12.5).Set("first", 2));
            await team[1].CommitAsync(tx => tx.Delete(gone));
            await team.MeetAllAsync();
            Taken taken = await Taken.FromAsync(team[2]);
            vectors.Add((JsonNode)new JsonObject
            {
                ["name"] = isKeyed ? "keyed" : "open",
                ["space"] = team.Genesis.Space.ToString(),
                ["manifest"] = Convert.ToHexStringLower(taken.Manifest.Bytes.Span),
                ["chunks"] = new JsonArray([.. taken.Chunks.Select(c => (JsonNode)Convert.ToHexStringLower(c.Span))]),
                ["plain"] = new JsonArray([.. taken.Chunks.Select(c => (JsonNode)Convert.ToHexStringLower(BatchReader.Unpack(c, out _).Span))]),
                ["digest"] = new StateDigest(taken.Manifest.Digest).ToString(),
            });
            await team.AddAsync();
            await taken.JoinAsync(team[3]);
            Assert.Equal(await World.DumpAsync(team[2]), await World.DumpAsync(team[3]));
        }
        Repository.Verify("snapshots.json", vectors);
    }
}
