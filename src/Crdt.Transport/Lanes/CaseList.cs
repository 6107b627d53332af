using System.Collections.Frozen;

namespace Crdt.Transport.Lanes;

/// <summary>Lets what is assigned to somebody come first: the list of cases itself, then the spaces of the assigned cases by their
/// priority, then the rest; and of the list's own space the attachments of assigned cases. It follows the list as it
/// changes. Safe for concurrent calls.</summary>
public sealed class CaseList : IAsyncDisposable
{
    private const int AssignedPriority = 100, PriorityMost = 99;

    private readonly PeerNode node;
    private readonly Replica list;
    private readonly CaseListOptions options;
    private readonly Lock gate = new();
    private readonly CancellationTokenSource lifetime = new();
    private readonly Task following;
    private readonly Dictionary<EntityKey, AssignedCase> assigned = [];
    private AssignedCase[] cases = [];
    private int disposals;

    /// <summary>Begins to follow.</summary>
    /// <param name="node">Replicates the list and the cases; its lanes are set (<see cref="PeerNode.Lanes"/>).</param>
    /// <param name="list">The replica in which the assignments are.</param>
    /// <param name="options">Whose, and what they look like.</param>
    public CaseList(PeerNode node, Replica list, CaseListOptions options)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(list);
        ArgumentNullException.ThrowIfNull(options);
        (this.node, this.list, this.options) = (node, list, options);
        IAsyncEnumerator<EntityChange> changes = list.ChangesAsync(lifetime.Token).GetAsyncEnumerator(lifetime.Token);
        ValueTask<bool> first = changes.MoveNextAsync(); // from here on nothing is missed
        foreach (EntityKey key in list.Keys(options.Domain, options.Type)) Take(key, list.Get(key));
        Publish(isFirst: true);
        following = FollowAsync(changes, first);
    }

    /// <summary>Other cases are assigned than before, or with another priority. On any thread; handlers return soon.</summary>
    public event Action? Changed;

    /// <summary>The assigned cases, what comes first in front.</summary>
    public IReadOnlyList<AssignedCase> Cases => Volatile.Read(ref cases);

    /// <summary>Waits until the list of cases is ready: in sync with a peer that is connected, and followed here.</summary>
    /// <returns>The assigned cases.</returns>
    public async Task<IReadOnlyList<AssignedCase>> WaitForListAsync(CancellationToken cancellationToken = default)
    {
        await node.Lanes.WaitForSyncAsync(list.Space, cancellationToken).ConfigureAwait(false);
        EntityKey[] keys;
        lock (gate) keys = [.. list.Keys(options.Domain, options.Type).Concat(assigned.Keys).Distinct()];
        foreach (EntityKey key in keys) Take(key, list.Get(key));
        Publish();
        return Cases;
    }

    /// <summary>Waits until the list is ready, and then every assigned case that has a space of its own which the node replicates: each
    /// in sync with a peer that is connected.</summary>
    public async Task WaitForCasesAsync(CancellationToken cancellationToken = default)
    {
        foreach (AssignedCase ready in await WaitForListAsync(cancellationToken).ConfigureAwait(false))
        {
            if (ready.Space is { } space && node.Spaces.Contains(space))
                await node.Lanes.WaitForSyncAsync(space, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends following: nothing has precedence any more.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposals, 1) > 0) return;
        await lifetime.CancelAsync().ConfigureAwait(false);
        await following.ConfigureAwait(false);
        node.Lanes.Assign(FrozenDictionary<SpaceId, int>.Empty);
        list.Blobs.ComesFirst = null;
        lifetime.Dispose();
    }

    private async Task FollowAsync(IAsyncEnumerator<EntityChange> changes, ValueTask<bool> next)
    {
        try
        {
            await using (changes.ConfigureAwait(false))
            {
                while (true)
                {
                    if (!next.IsCompleted) Publish();
                    if (!await next.ConfigureAwait(false)) return;
                    Take(changes.Current.Key, changes.Current.Entity);
                    next = changes.MoveNextAsync();
                }
            }
        }
        catch (OperationCanceledException) when (lifetime.IsCancellationRequested)
        {
            // Nobody follows any more.
        }
    }

    private void Take(EntityKey key, Entity? entity)
    {
        if (key.Domain != options.Domain || key.Type != options.Type) return;
        lock (gate)
        {
            if (entity is not null && TextOf(entity, options.AssigneeField) == options.Assignee && TextOf(entity, options.CaseField) is { Length: > 0 } named)
            {
                long priority = entity[options.PriorityField] is { Kind: ValueKind.Integer } number ? number.AsInteger() : 0;
                assigned[key] = new AssignedCase(key, named, (int)Math.Clamp(priority, 0, PriorityMost));
            }
            else
            {
                assigned.Remove(key);
            }
        }
    }

    private void Publish(bool isFirst = false)
    {
        AssignedCase[] now;
        var priorities = new Dictionary<SpaceId, int>();
        lock (gate)
        {
            now = [.. assigned.Values.OrderByDescending(c => c.Priority).ThenBy(c => c.Case, StringComparer.Ordinal)];
            if (!isFirst && now.AsSpan().SequenceEqual(cases)) return;
            Volatile.Write(ref cases, now);
            foreach (AssignedCase one in now)
            {
                if (one.Space is { } space) priorities.TryAdd(space, AssignedPriority + one.Priority);
            }
            priorities[list.Space] = SpaceLane.PriorityMax;
            node.Lanes.Assign(priorities);
            var named = now.Select(c => c.Case).ToFrozenSet();
            list.Blobs.ComesFirst = named.Count == 0 ? null
                : entity => named.Contains(entity.Key.Id) || (TextOf(entity, options.CaseField) is { } belongs && named.Contains(belongs));
        }
        Changed?.Invoke();
    }

    // Whatever somebody wrote there.
    private static string? TextOf(Entity entity, string field) => entity[field] is { Kind: ValueKind.String } text ? text.AsString() : null;
}
