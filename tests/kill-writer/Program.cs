using System.Globalization;
using System.Text;
using Crdt;
using Crdt.KillWriter;
using Crdt.Store;

// A process to be killed: opens a replica, checks that it holds a prefix of whole transactions, and writes until it dies. What it
// tells on standard output has happened. Arguments: directory, the key in hexadecimal or "-". Waits for a line before it begins.
using Stream output = Console.OpenStandardOutput();
if (args[0] == "postgres") return await SharedLedger.RunAsync(args[1], Guid.Parse(args[2]));
if (args[0] == "courier") return await Courier.RunAsync(args[1], Tell);
string directory = args[0];
using StoreKey? key = args[1] == "-" ? null : StoreKey.FromBytes(Convert.FromHexString(args[1]));
Tell("ready");
if (Console.ReadLine() is null) return 0;

FileReplicaStore store = FileReplicaStore.Exists(directory)
    ? FileReplicaStore.Open(directory, key)
    : FileReplicaStore.Create(directory, Ledger.Identity, key);
Replica replica = await Replica.OpenAsync(store, Ledger.Options(projectedEntities: 24));
(long last, string? wrong) = Ledger.Check(replica);
if (wrong is not null)
{
    Tell("wrong " + wrong);
    return 1;
}
Tell(string.Create(CultureInfo.InvariantCulture, $"opened {last}"));
while (true)
{
    await Ledger.CommitAsync(replica, ++last);
    Tell(last.ToString(CultureInfo.InvariantCulture));
}

void Tell(string line)
{
    output.Write(Encoding.ASCII.GetBytes(line + "\n"));
    output.Flush();
}
