using Crdt.Store;
using Crdt.Store.Disk;

namespace Crdt.Integration.Store;

/// <summary>What is remembered of attempts survives a restart, and never stands in anybody's way.</summary>
public sealed class SyncJournalTests
{
    private const string PathOfFile = "/replica/peers.json";
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public void What_was_noted_is_there_after_a_restart()
    {
        var disk = new SimulatedDisk();
        var journal = new FileSyncJournal(PathOfFile, disk);
        Assert.Empty(journal.Peers);
        var node = Guid.NewGuid();
        journal.Update("b:2", p => p.Succeeded(Start, node));
        journal.Update("a:1", p => Fail(p, 1));
        journal.Update("a:1", p => Fail(p, 2).Waiting(TimeSpan.FromSeconds(7), Start.AddSeconds(9)));

        var reopened = new FileSyncJournal(PathOfFile, disk.AfterPowerCut(1));
        Assert.Null(reopened.Error);
        Assert.Equal(["a:1", "b:2"], reopened.Peers.Select(p => p.Peer));
        PeerAttempts failing = reopened.Find("a:1")!;
        Assert.Equal((2, Start.AddSeconds(1)), (failing.Attempts, failing.FailingSince));
        Assert.Equal([Start.AddSeconds(1), Start.AddSeconds(2)], failing.RecentFailures);
        Assert.Equal(new SyncFailure(Start.AddSeconds(2), SyncErrorClass.Policy, "NotLoopback", "Nein, \"so\" nicht.\n"), failing.LastError);
        Assert.Equal((Start.AddSeconds(9), TimeSpan.FromSeconds(7)), (failing.NextAttempt, failing.Delay));
        Assert.Equal((node, Start), (reopened.Find("b:2")!.Node, reopened.Find("b:2")!.LastSuccess));
        Assert.Null(reopened.Find("c:3"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"version\":2,\"peers\":[]}")]
    [InlineData("{\"version\":1,\"peers\":[{\"peer\":1}]}")]
    [InlineData("{\"version\":1,\"peers\":[{\"peer\":\"a:1\",\"attempts\":1,\"recent_failures\":[\"never\"]}]}")]
    public void A_file_that_cannot_be_read_counts_as_empty_and_is_written_anew(string content)
    {
        var disk = new SimulatedDisk();
        using (IDiskFile file = disk.Open(PathOfFile, DiskOpenMode.Create))
            file.Write(System.Text.Encoding.UTF8.GetBytes(content), 0);
        var journal = new FileSyncJournal(PathOfFile, disk);
        Assert.NotNull(journal.Error);
        Assert.Empty(journal.Peers);
        journal.Update("a:1", p => Fail(p, 1));
        Assert.Null(journal.Error);
        Assert.Single(new FileSyncJournal(PathOfFile, disk).Peers);
    }

    [Fact]
    public void A_full_disk_fails_nobody_and_the_next_change_writes_all()
    {
        var disk = new SimulatedDisk { CapacityBytes = 0 };
        var journal = new FileSyncJournal(PathOfFile, disk);
        journal.Update("a:1", p => Fail(p, 1));
        Assert.NotNull(journal.Error);
        Assert.Equal(1, journal.Find("a:1")!.Attempts);
        disk.CapacityBytes = long.MaxValue;
        journal.Update("a:1", p => Fail(p, 2));
        Assert.Null(journal.Error);
        Assert.Equal(2, new FileSyncJournal(PathOfFile, disk).Find("a:1")!.Attempts);
    }

    [Fact]
    public void Of_too_many_peers_those_unheard_of_the_longest_are_forgotten()
    {
        var journal = new FileSyncJournal(PathOfFile, new SimulatedDisk());
        for (int i = 0; i < FileSyncJournal.PeersMax + 3; i++)
            journal.Update($"p{i}:1", p => Fail(p, i));
        Assert.Equal(FileSyncJournal.PeersMax, journal.Peers.Count);
        Assert.Null(journal.Find("p2:1"));
        Assert.NotNull(journal.Find("p3:1"));
    }

    private static PeerAttempts Fail(PeerAttempts peer, int seconds) => peer.Failed(
        new SyncFailure(Start.AddSeconds(seconds), SyncErrorClass.Policy, "NotLoopback", "Nein, \"so\" nicht.\n"));
}
