using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>W1: local writes, each transaction's batch made as bytes; then what closing the runs costs: the hash chain, and in a
/// keyed space the signature.</summary>
internal static class WriteWork
{
    private const int SealsPerRun = 1_000;

    public static void Run(Rows rows)
    {
        FieldWrite[] inserts = Field.Inserts, updates = FieldWorkload.Updates(2, Field.Entities, Field.UpdateCount);
        foreach (int size in new[] { 1, 100 })
        {
            rows.Time($"W1.insert.tx{size}", Field.Fields, () => Lab.Open(1), r => Lab.Write(r, inserts, size),
                r => Field.CheckSum(r, Field.InsertedSum));
        }
        rows.Time("W1.insert.tx100.entity", Field.Fields, () => Lab.Open(1), r => Lab.WriteByEntity(r, inserts, 100),
            r => Field.CheckSum(r, Field.InsertedSum))["note"] = "a mutation for each entity";
        foreach (int size in new[] { 1, 100 })
        {
            rows.Time($"W1.update.tx{size}", Field.UpdateCount, () => Field.Load(7), r => Lab.Write(r, updates, size),
                r => Field.CheckSum(r, Field.UpdatedSum));
        }
        Replica writer = Lab.Open(1);
        Lab.Write(writer, inserts, 1);
        byte[][] batches = [.. Lab.RunsOf(writer).SelectMany(r => r.Batches).Select(b => b.ToArray())];
        rows.Time("W1.chain.tx1", batches.Length, () => batches, all =>
        {
            byte[] head = new byte[AuthorTable.HashLengthBytes];
            foreach (byte[] batch in all) head = AuthorTable.ChainNext(head, batch);
        })["note"] = "the hash chain over the batches of W1.insert.tx1, a part of it";
        NodeKey key = EcdsaSignatures.CreateKey();
        byte[] message = new byte[AuthorTable.HashLengthBytes];
        rows.Time("W1.sign", SealsPerRun, () => key, k =>
        {
            for (int i = 0; i < SealsPerRun; i++) k.Sign(message);
        })["note"] = "one signature seals a run of any number of batches, in a keyed space";
    }
}
