using System.Net;
using Crdt;
using Crdt.Store;
using Crdt.Transport;

using EcdsaNodeKey office = EcdsaSignatures.CreateKey(), tabletKey = EcdsaSignatures.CreateKey(), serverKey = EcdsaSignatures.CreateKey();
var tabletIs = new Enrolment(new ReplicaId(Guid.NewGuid()), tabletKey.PublicKey, ReplicaRole.Client, owner: "ana");
var serverIs = new Enrolment(new ReplicaId(Guid.NewGuid()), serverKey.PublicKey, ReplicaRole.Server);
SpaceGenesis team = SpaceGenesis.Create(
    new ReplicaId(Guid.NewGuid()), "bird team", [], TimeProvider.System, key: office, members: [tabletIs, serverIs]);
string data = Directory.CreateTempSubdirectory("crdt-").FullName;
ValueTask<Replica> OpenAsync(string name, Enrolment member, NodeKey key) => Replica.OpenAsync(
    FileReplicaStore.Create(Path.Combine(data, name), new ReplicaIdentity(team.Space, member.Replica, member.Role)),
    new ReplicaOptions { Time = TimeProvider.System, Genesis = team, Key = key });

await using Replica tablet = await OpenAsync("tablet", tabletIs, tabletKey), server = await OpenAsync("server", serverIs, serverKey);
var strike = new EntityKey("incident", "strike", "42");
await tablet.CommitAsync(tx => tx.Create(strike).Set("species", "gull").Add("tags", "night").Increment("seen"), user: "ana");

await using PeerNode here = new(new PeerNodeOptions { Key = tabletKey }), there = new(new PeerNodeOptions { Key = serverKey });
here.Add(tablet);
there.Add(server);
PeerConnection peer = await here.ConnectAsync(await there.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0)));
await peer.WaitForSyncAsync();
Console.WriteLine(server.Get(strike)!.ToJson()); // {"seen":1,"species":"gull","tags":["night"]}
