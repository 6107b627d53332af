namespace Crdt.Integration.Store;

/// <summary>Taking others' logs as they lie there.</summary>
public sealed class LogIntakeTests
{
    private static readonly EntityKey Counted = new("d", "t", "counted");

    private readonly SpaceGenesis genesis = SpaceGenesis.Create(
        new ReplicaId(new Guid("0c000000-0000-4000-8000-000000000003")), "logs", [], TimeProvider.System);

    [Fact]
    public async Task What_lies_in_others_logs_is_taken_once_in_whichever_order_they_are_read()
    {
        (Replica ann, MemoryReplicaStore annLog) = await OpenAsync(1);
        (Replica bob, MemoryReplicaStore bobLog) = await OpenAsync(2);
        (Replica cat, MemoryReplicaStore _) = await OpenAsync(3);
        for (int i = 0; i < 300; i++) await ann.CommitAsync(tx => tx.Upsert(Counted).Increment("n", 1));
        await TakeAsync(bob, annLog);
        for (int i = 0; i < 300; i++) await bob.CommitAsync(tx => tx.Upsert(Counted).Increment("n", 1));
        var intake = new LogIntake(cat);
        await TakeAsync(cat, bobLog, intake);
        Assert.Equal(600, cat.Get(Counted)!.GetCounter("n"));
        await TakeAsync(cat, annLog, intake);
        await TakeAsync(cat, bobLog, intake);
        Assert.Equal(600, cat.Get(Counted)!.GetCounter("n"));
        Assert.Null(intake.WaitsFrom);
        Assert.Equal((await bob.GetStatusAsync()).Digest, (await cat.GetStatusAsync()).Digest);
    }

    [Fact]
    public async Task What_has_no_head_yet_waits_and_is_taken_from_there_again()
    {
        (Replica ann, MemoryReplicaStore log) = await OpenAsync(1, closes: false);
        (Replica bob, MemoryReplicaStore _) = await OpenAsync(2);
        for (int i = 0; i < 3; i++) await ann.CommitAsync(tx => tx.Upsert(Counted).Increment("n", 1));
        var intake = new LogIntake(bob);
        await TakeAsync(bob, log, intake);
        Assert.Null(bob.Get(Counted));
        long from = Assert.NotNull(intake.WaitsFrom);
        await new LogIntake(ann).OfferAsync();
        await TakeAsync(bob, log, new LogIntake(bob), from);
        Assert.Equal(3, bob.Get(Counted)!.GetCounter("n"));
        await TakeAsync(bob, log, intake);
        Assert.Null(intake.WaitsFrom);
    }

    [Fact]
    public async Task Whose_logs_differ_is_set_aside_and_everybody_else_goes_on()
    {
        (Replica one, MemoryReplicaStore oneLog) = await OpenAsync(1);
        (Replica other, MemoryReplicaStore otherLog) = await OpenAsync(1);
        (Replica bob, MemoryReplicaStore bobLog) = await OpenAsync(2);
        (Replica cat, MemoryReplicaStore _) = await OpenAsync(3);
        await one.CommitAsync(tx => tx.Create(new EntityKey("d", "t", "one")).Set("n", 1));
        await other.CommitAsync(tx => tx.Create(new EntityKey("d", "t", "other")).Set("n", 1));
        await other.CommitAsync(tx => tx.Update(new EntityKey("d", "t", "other")).Set("n", 2));
        await bob.CommitAsync(tx => tx.Create(new EntityKey("d", "t", "bob")).Set("n", 1));
        var intake = new LogIntake(cat);
        await TakeAsync(cat, oneLog, intake);
        await TakeAsync(cat, otherLog, intake);
        await TakeAsync(cat, bobLog, intake);
        Assert.NotNull(cat.Get(new EntityKey("d", "t", "one")));
        Assert.Null(cat.Get(new EntityKey("d", "t", "other")));
        Assert.NotNull(cat.Get(new EntityKey("d", "t", "bob")));
        (ReplicaId author, ApplyException reason) = Assert.Single(intake.Refused);
        Assert.Equal(one.Id, author);
        Assert.Equal(ApplyError.ChainBroken, reason.Error);
        Assert.NotNull(intake.BeginAgain());
        Assert.Empty(intake.Refused);
        Assert.Null(intake.WaitsFrom);
    }

    private static async Task TakeAsync(Replica by, MemoryReplicaStore log, LogIntake? intake = null, long from = 0)
    {
        intake ??= new LogIntake(by);
        long place = from;
        foreach (LoggedEntry logged in log.ReadLog(new LogPosition(from))) await intake.TakeAsync(place++, logged.Entry, default);
        await intake.SettleAsync();
    }

    private async Task<(Replica Replica, MemoryReplicaStore Log)> OpenAsync(int number, bool closes = true)
    {
        var store = new MemoryReplicaStore(new ReplicaIdentity(
            genesis.Space, new ReplicaId(new Guid(number, 2, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 1])), ReplicaRole.Server));
        return (await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, ClosesEachRun = closes }), store);
    }
}
