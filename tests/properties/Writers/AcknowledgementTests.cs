namespace Crdt.Properties;

public class AcknowledgementTests
{
    [Fact]
    public async Task A_statement_whose_append_failed_is_heard_again_and_kept()
    {
        await using var gated = await GatedReplica.OpenAsync();
        gated.Store.Release();
        Replica replica = gated.Replica;
        await replica.CommitAsync(tx => tx.Create(new("d", "t", "1")).Set("n", 1));
        var statement = new Acknowledgement(Team.IdOf(90), ReplicaRole.Server, Team.Start, replica.Vector);
        gated.Store.Problem = new IOException("The disk is full.");
        await Assert.ThrowsAsync<IOException>(() => replica.AcknowledgeAsync(statement, default).AsTask());
        gated.Store.Problem = null;
        await replica.AcknowledgeAsync(statement, default);
        Replica reopened = await gated.ReopenAsync();
        Assert.Equal(0, (await reopened.GetStatusAsync()).Pending);
    }
}
