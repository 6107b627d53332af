using Crdt.Server.Authorization;
using Crdt.Server.GraphQL;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;

namespace Crdt.Server.ThinClients;

/// <summary>Takes the mutations of devices that hold no replica: each once, however often it is sent, and in the device's order.</summary>
internal sealed class ThinQueue(ServerSpace space, RequestBook book)
{
    private const int BatchMax = 1_000;

    // Devices that share one wait for each other, which costs a moment and no memory.
    private readonly SemaphoreSlim[] turns = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1, 1))];

    private Replica Replica => space.Replica;

    /// <summary>Queues mutations of one device in one transaction: all of them, or none.</summary>
    public async Task<IReadOnlyList<QueuedResult>> QueueAsync(
        Caller caller, Guid device, IReadOnlyList<MutationInput> inputs, CancellationToken cancellation)
    {
        if (inputs.Count is 0 or > BatchMax)
            throw new ApiError(ApiErrorCode.InvalidArgument, $"A batch is of 1 to {BatchMax} mutations, not {inputs.Count}.", ("argument", "mutations"));
        if (inputs.Select(i => i.RequestId).Distinct().Count() < inputs.Count)
            throw new ApiError(ApiErrorCode.InvalidArgument, "Two mutations of the batch have one request_id.", ("argument", "mutations"));
        foreach (MutationInput input in inputs)
        {
            EntityKey key = input.ToKey();
            if (key.IsSpaceData)
                throw new ApiError(ApiErrorCode.Forbidden, $"The domain '{EntityKey.SpaceDomain}' is the space's own: it is not written this way.");
            caller.Need(ScopeVerb.Write, key);
        }
        SemaphoreSlim turn = turns[(uint)device.GetHashCode() % (uint)turns.Length];
        await turn.WaitAsync(cancellation);
        try
        {
            return await QueueInTurnAsync(caller, device, inputs);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<IReadOnlyList<QueuedResult>> QueueInTurnAsync(Caller caller, Guid device, IReadOnlyList<MutationInput> inputs)
    {
        var results = new QueuedResult?[inputs.Count];
        long last = book.LastOf(device);
        Transaction transaction = Replica.Begin(caller.Subject);
        var fresh = new List<(int At, BookedRequest Request)>();
        for (int i = 0; i < inputs.Count; i++)
        {
            MutationInput input = inputs[i];
            if (book.Find(input.RequestId) is { } known)
            {
                results[i] = Repeat(input, device, known);
                continue;
            }
            if (fresh.Count == 0) CheckActive(device);
            last = Next(device, input, last);
            Note(transaction, input, new ThinOrigin(device, last));
            fresh.Add((i, new BookedRequest(input.RequestId, device, last, default)));
        }
        if (fresh.Count > 0) await CommitAsync(transaction, fresh, results);
        return results!;
    }

    private async Task CommitAsync(Transaction transaction, List<(int At, BookedRequest Request)> fresh, QueuedResult?[] results)
    {
        CommitResult made;
        try
        {
            made = await transaction.CommitAsync();
        }
        catch (MutationException e)
        {
            throw ApiError.From(e);
        }
        catch (TransactionTooLargeException e)
        {
            throw new ApiError(ApiErrorCode.InvalidMutation, e.Message);
        }
        var byRequest = new Dictionary<Guid, QueuedMutation>();
        for (int i = 0; i < made.Count; i++)
        {
            QueuedMutation queued = Replica.FindMutation(new Dot(made.Replica, made.FirstSequence + i))!;
            if (queued.Mutation.Origin?.RequestId is { } request) byRequest[request] = queued;
        }
        foreach ((int at, BookedRequest request) in fresh)
        {
            if (byRequest.TryGetValue(request.RequestId, out QueuedMutation? queued)) book.Add(request with { Mutation = queued.Mutation.Dot });
            else book.AddIdle(request);
            results[at] = new QueuedResult(space, request, queued, isRepeated: false);
        }
    }

    private QueuedResult Repeat(MutationInput input, Guid device, BookedRequest known)
    {
        QueuedMutation? queued = known.Mutation == default ? null : Replica.FindMutation(known.Mutation);
        if (known.Device != device || (input.Sequence is { } sequence && sequence != known.Sequence)
            || (queued is not null && (queued.Mutation.Key != input.ToKey())))
        {
            throw new ApiError(ApiErrorCode.RequestIdReused, $"The request id {input.RequestId} was used before, for something else.",
                ("request_id", input.RequestId.ToString()));
        }
        return new QueuedResult(space, known, queued, isRepeated: true);
    }

    private void CheckActive(Guid device)
    {
        DeviceState state = ThinDevices.StateOf(Replica.Get(ThinDevices.KeyOf(device)));
        if (state == DeviceState.Active) return;
        string problem = state == DeviceState.Invited ? "is not registered" : $"was {state.ToString().ToLowerInvariant()}";
        throw new ApiError(ApiErrorCode.DeviceNotActive, $"The device {device} {problem}.", ("device_id", device.ToString()));
    }

    private long Next(Guid device, MutationInput input, long last)
    {
        if (input.Sequence is not { } wanted || wanted == last + 1) return last + 1;
        if (wanted > last)
        {
            throw new ApiError(ApiErrorCode.SequenceGap, $"Of the device {device} {last} mutations have arrived; {wanted} cannot be next.",
                ("expected", last + 1), ("request_id", input.RequestId.ToString()));
        }
        throw new ApiError(ApiErrorCode.SequenceTaken, $"Mutation {wanted} of the device {device} arrived before, under another request id.",
            ("sequence", wanted), ("taken_by", book.FindAt(device, wanted)?.RequestId.ToString()), ("request_id", input.RequestId.ToString()));
    }

    private void Note(Transaction transaction, MutationInput input, ThinOrigin origin)
    {
        EntityKey key = input.ToKey();
        VersionVector? seen = input.BaseVersion is { } text ? Cursors.DecodeVersion(text) : null;
        try
        {
            EntityEdit edit = input.Type switch
            {
                MutationType.Create => transaction.Create(key),
                MutationType.Update => seen is null ? transaction.Update(key) : transaction.Update(key, seen),
                MutationType.Delete => seen is null ? transaction.Delete(key) : transaction.Delete(key, seen),
                _ => throw new ApiError(ApiErrorCode.InvalidArgument, "A conflict is settled by 'resolveConflict'.", ("argument", "type")),
            };
            if (seen is not null) edit.AlsoSeen(OwnBeside(origin.Device, key, seen));
            PayloadEdits.Apply(edit, input);
            edit.Origin = new MutationOrigin(input.RequestId, null);
            edit.Context = origin.Into(input.Context);
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            throw new ApiError(ApiErrorCode.InvalidArgument, e.Message, ("request_id", input.RequestId.ToString()));
        }
    }

    /// <summary>What the device itself has written there since it read: it knows that, without having read again.</summary>
    private IEnumerable<Dot> OwnBeside(Guid device, EntityKey key, VersionVector seen) => Replica.GetWithDeleted(key)?.AllSiblings()
        .Select(s => s.Dot).Distinct().Where(d => !seen.Covers(d)
            && Replica.FindMutation(d) is { } found && ThinOrigin.Of(found.Mutation)?.Device == device) ?? [];
}
