using Crdt.Server.GraphQL;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;
using Crdt.Server.ThinClients;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Crdt.Server.Following;

/// <summary>Follows the replica's log, once for everybody: keeps the book of thin clients' requests, and tells of mutations whose status
/// changed, of conflicts that came and went, and of entities.</summary>
internal sealed class LogFollower : IAsyncDisposable
{
    private const int PageItems = 1_000;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly ServerSpace space;
    private readonly RequestBook book;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly CancellationTokenSource lifetime = new();
    private readonly Dictionary<EntityKey, Dictionary<string, Conflict>> open = [];
    private MutationCursor? place;
    private VersionVector? read;
    private Task following = Task.CompletedTask;

    public LogFollower(ServerSpace space, RequestBook book, TimeProvider time, ILogger<LogFollower> logger, IOptions<CrdtServerOptions> options)
    {
        (this.space, this.book, this.time, this.logger) = (space, book, time, logger);
        int waiting = options.Value.Limits.WaitingMessagesMax;
        (Mutations, Conflicts, Entities) = (new(waiting), new(waiting), new(waiting));
    }

    /// <summary>Mutations of people that were applied here, or whose status changed.</summary>
    public Broadcast<QueuedMutation> Mutations { get; }

    /// <summary>Conflicts that began to wait for a person, changed, or were settled.</summary>
    public Broadcast<ConflictView> Conflicts { get; }

    /// <summary>Entities that changed.</summary>
    public Broadcast<EntityKey> Entities { get; }

    /// <summary>Brings the book up to date, and follows from there.</summary>
    public void Start()
    {
        place = book.Place;
        ReadLog(isCatchingUp: true);
        foreach (Conflict conflict in space.Replica.Conflicts()) Note(conflict);
        following = Task.Run(FollowAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await lifetime.CancelAsync();
        await following;
        lifetime.Dispose();
    }

    private async Task FollowAsync()
    {
        while (!lifetime.IsCancellationRequested)
        {
            try
            {
                await foreach (EntityChange change in space.Replica.ChangesAsync(lifetime.Token)) Take(change);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e)
            {
                logger.LogError(e, "The log could not be followed; it is tried again.");
                await Task.Delay(RetryAfter, time, lifetime.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Take(EntityChange change)
    {
        ReadLog(isCatchingUp: false);
        Entities.Send(change.Key);
        if (change.Key.IsSpaceData)
        {
            if (change.Key.Type == RefusalType) TellRefused(change);
            return;
        }
        TellConflicts(change);
    }

    private void ReadLog(bool isCatchingUp)
    {
        VersionVector now = space.Replica.Vector;
        if (ReferenceEquals(now, read)) return;
        MutationPage page;
        do
        {
            page = space.Replica.Page(new MutationFilter(), PageItems, place);
            if (page.Places.Count == 0) break;
            place = page.Places[^1];
            book.Take(page.Items, place.Value);
            if (isCatchingUp) continue;
            foreach (QueuedMutation queued in page.Items.Where(q => OfflineMutation.Shows(q.Mutation))) Mutations.Send(queued);
        }
        while (page.Next is not null);
        read = now;
    }

    private void TellRefused(EntityChange change)
    {
        if (Mutations.Listeners == 0 || change.Entity is not { } entity || entity.GetInteger("last") is not { } last) return;
        if (!ReplicaId.TryParse(entity.GetString("author"), out ReplicaId author)) return;
        string id = change.Key.Id;
        if (!long.TryParse(id.AsSpan(id.LastIndexOf('-') + 1), out long first)) return;
        for (long sequence = first; sequence <= Math.Min(last, first + PageItems); sequence++) Tell(new Dot(author, sequence));
    }

    private void TellConflicts(EntityChange change)
    {
        Dictionary<string, Conflict> before = open.GetValueOrDefault(change.Key) ?? [];
        Conflict[] now = [.. change.Entity?.Conflicts().Where(c => c.IsOpen) ?? []];
        if (before.Count == 0 && now.Length == 0) return;
        open.Remove(change.Key);
        foreach (Conflict conflict in now)
        {
            Note(conflict);
            HashSet<Dot> known = [.. before.GetValueOrDefault(conflict.Path.ToString())?.Siblings.Select(s => s.Dot) ?? []];
            if (known.SetEquals(conflict.Siblings.Select(s => s.Dot))) continue;
            Conflicts.Send(new ConflictView(space, conflict));
        }
        Dot[] were = [.. before.Values.SelectMany(c => c.Siblings).Select(s => s.Dot)], are = [.. now.SelectMany(c => c.Siblings).Select(s => s.Dot)];
        foreach (Conflict gone in before.Values.Where(c => now.All(n => !n.Path.Equals(c.Path)))) Conflicts.Send(Settled(gone));
        if (Mutations.Listeners == 0) return;
        foreach (Dot dot in were.Except(are).Concat(are.Except(were))) Tell(dot);
    }

    private ConflictView Settled(Conflict gone) => new(space, gone.Key, gone.Path, gone.Kind, gone.Policy, gone.Siblings,
        space.Replica.Get(gone.Key)?[gone.Path] ?? Value.Null, ConflictStatus.Resolved,
        space.Replica.Page(new MutationFilter { Key = gone.Key, Kind = MutationKind.Resolve, Order = MutationOrder.NewestFirst }, 1).Items is [var resolution]
            && resolution.Mutation.Changes.Any(c => c.Path.Equals(gone.Path)) ? resolution : null);

    private void Tell(Dot dot)
    {
        if (space.Replica.FindMutation(dot) is { } queued && OfflineMutation.Shows(queued.Mutation)) Mutations.Send(queued);
    }

    private void Note(Conflict conflict)
    {
        if (!open.TryGetValue(conflict.Key, out Dictionary<string, Conflict>? of)) open[conflict.Key] = of = [];
        of[conflict.Path.ToString()] = conflict;
    }

    private const string RefusalType = "refusal";
}
