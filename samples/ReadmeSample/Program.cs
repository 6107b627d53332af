using System.Net;
using Crdt;
using Crdt.Store;
using Crdt.Transport;

SpaceGenesis team = SpaceGenesis.Create(new ReplicaId(Guid.NewGuid()), "bird team", [], TimeProvider.System);
string data = Directory.CreateTempSubdirectory("crdt-").FullName;
ValueTask<Replica> OpenAsync(string name, ReplicaRole role) => Replica.OpenAsync(
    FileReplicaStore.Create(Path.Combine(data, name), new ReplicaIdentity(team.Space, new ReplicaId(Guid.NewGuid()), role)),
    new ReplicaOptions { Time = TimeProvider.System, Genesis = team });

await using Replica tablet = await OpenAsync("tablet", ReplicaRole.Client), server = await OpenAsync("server", ReplicaRole.Server);
var strike = new EntityKey("incident", "strike", "42");
await tablet.CommitAsync(tx => tx.Create(strike).Set("species", "gull").Add("tags", "night").Increment("seen"), user: "ana");

await using PeerNode here = new(), there = new();
here.Add(tablet);
there.Add(server);
PeerConnection peer = await here.ConnectAsync(await there.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0)));
await peer.WaitForSyncAsync();
Console.WriteLine(server.Get(strike)!.ToJson()); // {"seen":1,"species":"gull","tags":["night"]}
