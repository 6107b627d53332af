using Npgsql;

namespace Crdt.Store.Postgres;

/// <summary>One replica's rows in the database, held by this process: nobody else writes them while it does.</summary>
/// <remarks>Each opening takes the next epoch, which every write names: a process that was taken for dead and is not
/// writes nothing any more.</remarks>
internal sealed class Member : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly TimeSpan lease;
    private Task renewing = Task.CompletedTask;

    private Member(Database database, Guid space, Guid id, ReplicaRole role, long epoch, TimeSpan lease) =>
        (Database, Space, Id, Role, Epoch, this.lease) = (database, space, id, role, epoch, lease);

    public Database Database { get; }

    /// <summary>The space's rows: the first 16 bytes of its id.</summary>
    public Guid Space { get; }

    /// <summary>The replica's rows: the id it was created under.</summary>
    public Guid Id { get; }

    public ReplicaRole Role { get; }

    /// <summary>Which opening this is.</summary>
    public long Epoch { get; }

    /// <summary>Why nothing may be written any more; null while all is well.</summary>
    public StoreException? Fault { get; private set; }

    /// <summary>Where the log begins and ends, as of the opening, and who writes it.</summary>
    public (long Start, long End, ReplicaId Writer) Opened { get; private set; }

    /// <summary>Up to which of the space's entries the log held all, as last saved; less than 0 if it never was fed.</summary>
    public long OpenedFed { get; private set; }

    public static Guid RowsOf(SpaceId space)
    {
        Span<byte> id = stackalloc byte[SpaceId.LengthBytes];
        space.WriteBytes(id);
        return new Guid(id[..16], bigEndian: true);
    }

    public NpgsqlParameter SpaceParameter => Database.Of(Space);

    public NpgsqlParameter IdParameter => Database.Of(Id);

    public NpgsqlParameter EpochParameter => Database.Of(Epoch);

    /// <summary>Makes the rows of a new replica, without opening it.</summary>
    /// <exception cref="StoreException">There is one.</exception>
    public static async Task CreateAsync(Database database, ReplicaIdentity identity, CancellationToken cancellationToken)
    {
        Guid space = RowsOf(identity.Space), id = identity.Replica.Value;
        byte[] spaceId = new byte[SpaceId.LengthBytes];
        identity.Space.WriteBytes(spaceId);
        await database.ExecuteAsync(
            "insert into crdt_space (space, id, next_position, first_position) values ($1, $2, 0, 0) on conflict (space) do nothing",
            cancellationToken, Database.Of(space), Database.Of(spaceId)).ConfigureAwait(false);
        int made = await database.ExecuteAsync(
            """
            insert into crdt_member (space, member, role, writer, epoch, held_until, log_start, log_end, fed)
            select space, $3, $4, $3, 0, now(), 0, 0, -1 from crdt_space where space = $1 and id = $2
            on conflict (space, member) do nothing
            """,
            cancellationToken, Database.Of(space), Database.Of(spaceId), Database.Of(id), Database.Of((short)identity.Role))
            .ConfigureAwait(false);
        if (made == 0)
            throw new StoreException(StoreError.AlreadyExists, $"The database holds replica {identity.Replica} of space {identity.Space} already.");
        await database.ExecuteAsync(
            """
            insert into crdt_projection (space, member, epoch, projected_to, zoned_to, reach_to, checkpoint, reach)
            values ($1, $2, 0, 0, 0, 0, ''::bytea, ''::bytea) on conflict (space, member) do nothing
            """, cancellationToken, Database.Of(space), Database.Of(id)).ConfigureAwait(false);
    }

    /// <summary>Takes a replica's rows for this process.</summary>
    public static async Task<Member> OpenAsync(
        Database database, SpaceId spaceId, ReplicaId replica, PostgresStoreOptions options, CancellationToken cancellationToken)
    {
        Guid space = RowsOf(spaceId), holder = options.Holder ?? Guid.NewGuid();
        // Named by the holder, so that doing it twice after a lost connection is no obstacle.
        int taken = await database.ExecuteAsync(
            """
            update crdt_member set holder = $3, epoch = epoch + 1, seen_at = now(), held_until = now() + $4
            where space = $1 and member = $2 and (held_until <= now() or holder = $3)
            """,
            cancellationToken, Database.Of(space), Database.Of(replica.Value), Database.Of(holder), Database.Of(options.Lease))
            .ConfigureAwait(false);
        List<Member> found = database.Read(
            """
            select m.epoch, m.role, m.writer, m.log_start, m.log_end, s.id, m.fed
            from crdt_member m join crdt_space s on s.space = m.space where m.space = $1 and m.member = $2
            """,
            row => IsOf(spaceId, row.GetFieldValue<byte[]>(5))
                ? new Member(database, space, replica.Value, (ReplicaRole)row.GetInt16(1), row.GetInt64(0), options.Lease)
                {
                    Opened = (row.GetInt64(3), row.GetInt64(4), new ReplicaId(row.GetGuid(2))),
                    OpenedFed = row.GetInt64(6),
                }
                : throw new StoreException(StoreError.NotFound, $"The database holds another space whose id begins as {spaceId} does."),
            Database.Of(space), Database.Of(replica.Value));
        if (found is not [Member member])
            throw new StoreException(StoreError.NotFound, $"The database holds no replica {replica} of space {spaceId}.");
        if (taken == 0)
        {
            throw new StoreException(StoreError.InUse,
                $"Replica {replica} is open in another process, or was until a moment ago: what a process held that has died is free {options.Lease.TotalSeconds:0} s later.");
        }
        await database.ExecuteAsync(
            "update crdt_projection set epoch = $3 where space = $1 and member = $2 and epoch < $3",
            cancellationToken, member.SpaceParameter, member.IdParameter, member.EpochParameter).ConfigureAwait(false);
        member.renewing = member.RenewAsync();
        return member;
    }

    /// <summary>Takes note that this process may not write any more.</summary>
    public StoreException Fail(StoreException fault) => Fault ??= fault;

    /// <exception cref="StoreException">This process may not write any more.</exception>
    public void Check()
    {
        if (Fault is { } fault) throw new StoreException(fault.Error, fault.Message, fault);
    }

    public StoreException TakenOver() => Fail(new StoreException(StoreError.InUse,
        $"Replica {new ReplicaId(Id)} was opened by another process, which took this one for dead. This one writes nothing any more."));

    /// <summary>Lets others open it at once.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        await renewing.ConfigureAwait(false);
        stopping.Dispose();
        if (Fault is { Error: StoreError.InUse }) return;
        try
        {
            await Database.ExecuteAsync(
                "update crdt_member set held_until = now() where space = $1 and member = $2 and epoch = $3",
                CancellationToken.None, SpaceParameter, IdParameter, EpochParameter).ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            // Then it is free when the lease ends.
        }
    }

    private static bool IsOf(SpaceId space, byte[] id) => id.Length == SpaceId.LengthBytes && SpaceId.FromBytes(id) == space;

    private async Task RenewAsync()
    {
        using var timer = new PeriodicTimer(lease / 3);
        while (Fault is null)
        {
            try
            {
                if (!await timer.WaitForNextTickAsync(stopping.Token).ConfigureAwait(false)) return;
                int held = await Database.ExecuteAsync(
                    "update crdt_member set held_until = now() + $4, seen_at = now() where space = $1 and member = $2 and epoch = $3",
                    stopping.Token, SpaceParameter, IdParameter, EpochParameter, Database.Of(lease)).ConfigureAwait(false);
                if (held == 0) TakenOver();
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
            {
                // Others may take it meanwhile; then the epoch says so.
            }
        }
    }
}
