namespace Crdt.Bench.LoadRuns;

/// <summary>A client without a replica: one mutation after the other, each sent until it is answered.</summary>
internal sealed class ThinLoad(int server, LoadServer at, int number)
{
    private const string Queue = "mutation($device: UUID!, $m: MutationInput!) { queueMutation(device: $device, mutation: $m) { sequence mutation { id } } }";

    private readonly List<Acknowledged> done = [];
    private readonly TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What was acknowledged, in order.</summary>
    public IReadOnlyList<Acknowledged> Done => done;

    /// <summary>Completes with the first that is.</summary>
    public Task Started => started.Task;

    /// <summary>Its entity, which counts how often it was written.</summary>
    public EntityKey Key { get; } = new("load", "thin", $"{number}");

    public async Task RunAsync(CancellationToken stop)
    {
        using var api = new LoadApi(at);
        Guid device = Guid.NewGuid();
        await api.AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id = device } });
        for (long n = 1; !stop.IsCancellationRequested; n++)
        {
            Guid request = Guid.NewGuid();
            var payload = new Dictionary<string, object> { ["n"] = n, ["count"] = new Dictionary<string, int> { ["$increment"] = 1 } };
            long begun = TimeProvider.System.GetTimestamp();
            (System.Text.Json.JsonElement data, int attempts) = await api.AskAsync(Queue, new
            {
                device,
                m = new { request_id = request, type = n == 1 ? "CREATE" : "UPDATE", domain = Key.Domain, entity_type = Key.Type, entity_id = Key.Id, sequence = n, payload },
            });
            System.Text.Json.JsonElement result = data.GetProperty("queueMutation");
            if (result.GetProperty("sequence").GetInt64() != n) throw new InvalidOperationException($"Mutation {n} was given the place {result.GetProperty("sequence")}.");
            done.Add(new Acknowledged(server, Key, n, request, result.GetProperty("mutation").GetProperty("id").GetGuid(), TimeProvider.System.GetElapsedTime(begun), attempts == 1));
            started.TrySetResult();
        }
    }
}
