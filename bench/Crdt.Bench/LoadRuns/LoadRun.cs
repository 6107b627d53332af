using Crdt.Store;

namespace Crdt.Bench.LoadRuns;

/// <summary>Thin clients and devices write through server processes that are killed and started again, and everything that was acknowledged is
/// looked for in the servers' files at the end.</summary>
internal static class LoadRun
{
    // A machine is down for a moment.
    private static readonly TimeSpan DownMax = TimeSpan.FromMilliseconds(500);

    public static async Task<LoadReport> RunAsync(LoadOptions options)
    {
        var servers = new List<LoadServer>();
        var devices = new List<FullLoad>();
        try
        {
            SpaceGenesis founding = await StartAsync(options, servers);
            using (var office = new LoadApi(servers[0]))
            {
                for (int i = 0; i < options.FullClients; i++)
                    devices.Add(await FullLoad.EnrolAsync(i % servers.Count, servers, i, Path.Combine(options.Directory, $"device-{i}"), office, founding));
            }
            ThinLoad[] thin = [.. Enumerable.Range(0, options.ThinClients).Select(i => new ThinLoad(i % servers.Count, servers[i % servers.Count], i))];
            using var stop = new CancellationTokenSource();
            Task[] clients =
            [
                .. thin.Select(t => Task.Run(() => OrStopAsync(t.RunAsync(stop.Token), stop))),
                .. devices.Select(d => Task.Run(() => OrStopAsync(d.RunAsync(options.Window, stop.Token), stop))),
            ];
            // Time runs from when everybody has written something: on a busy machine it takes a while to come so far.
            await Task.WhenAny(Task.WhenAll(thin.Select(t => t.Started).Concat(devices.Select(d => d.Started))), Task.Delay(Timeout.Infinite, stop.Token));
            long begun = TimeProvider.System.GetTimestamp();
            int before = thin.Sum(t => t.Done.Count) + devices.Sum(d => d.Done.Count);
            Task killing = KillAsync(options, servers, stop.Token);
            await Task.Delay(options.Duration, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (options.KillEvery > TimeSpan.Zero && servers.Sum(s => s.Kills) < options.KillsMin && !stop.IsCancellationRequested) await Task.Delay(DownMax);
            await stop.CancelAsync();
            await Task.WhenAll(clients);
            TimeSpan took = TimeProvider.System.GetElapsedTime(begun);
            await killing;
            int kills = servers.Sum(s => s.Kills);
            foreach (LoadServer server in servers) server.Kill();
            Acknowledged[] byThin = [.. thin.SelectMany(t => t.Done)], byDevices = [.. devices.SelectMany(d => d.Done)];
            return new LoadReport(byThin, byDevices, before, kills, took, await LoadCheck.FindLossesAsync([.. servers.Select(s => s.Directory)], [.. byThin, .. byDevices]));
        }
        finally
        {
            foreach (FullLoad device in devices) await device.DisposeAsync();
            foreach (LoadServer server in servers) server.Dispose();
        }
    }

    private static async Task<SpaceGenesis> StartAsync(LoadOptions options, List<LoadServer> servers)
    {
        var first = new LoadServer(options.Program, Path.Combine(options.Directory, "server-0"), null);
        servers.Add(first);
        await first.StartAsync();
        byte[] invitation = await File.ReadAllBytesAsync(Path.Combine(first.Directory, "invite.crdt"));
        SpaceGenesis founding = SpaceGenesis.FromBytes(invitation);
        using var office = new LoadApi(first);
        for (int i = 1; i < options.Servers; i++)
        {
            // Another one is let in by its key, as a device is, in the server role.
            string directory = Path.Combine(options.Directory, $"server-{i}");
            var id = new ReplicaId(Guid.NewGuid());
            using (EcdsaNodeKey key = NodeKeyFile.Create(NodeKeyFile.PathIn(directory)))
            {
                await office.AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }",
                    new { d = new { id = id.Value, role = "SERVER", public_key = Convert.ToBase64String(key.PublicKey.Span) } });
            }
            await File.WriteAllBytesAsync(Path.Combine(directory, "invite.crdt"), invitation);
            await FileReplicaStore.Create(directory, new ReplicaIdentity(founding.Space, id, ReplicaRole.Server)).DisposeAsync();
            var more = new LoadServer(options.Program, directory, first.Peers);
            servers.Add(more);
            await more.StartAsync();
        }
        return founding;
    }

    private static async Task OrStopAsync(Task client, CancellationTokenSource stop)
    {
        try
        {
            await client;
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }

    private static async Task KillAsync(LoadOptions options, List<LoadServer> servers, CancellationToken stop)
    {
        if (options.KillEvery <= TimeSpan.Zero) return;
        var random = new Random(options.Seed);
        for (int turn = 0; ; turn++)
        {
            await Task.Delay(options.KillEvery * (0.5 + random.NextDouble()), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stop.IsCancellationRequested) return;
            LoadServer server = servers[turn % servers.Count];
            server.Kill();
            await Task.Delay(DownMax * random.NextDouble(), CancellationToken.None);
            await server.StartAsync();
        }
    }
}
