using System.Globalization;

namespace Crdt.Testing.Simulation;

/// <summary>Draws what people do with attachments: few contents, so that several attach the same, of lengths at and about the ends
/// of chunks. Drawn apart from everything else.</summary>
internal sealed class AttachmentGenerator
{
    private static readonly int[] Lengths =
    [
        0, 1, 1_000, BlobTree.ChunkLengthBytes - 1, BlobTree.ChunkLengthBytes, BlobTree.ChunkLengthBytes + 1, 2 * BlobTree.ChunkLengthBytes,
        (3 * BlobTree.ChunkLengthBytes) + 77, (5 * BlobTree.ChunkLengthBytes) - 1,
    ];

    private static readonly string[] Paths = ["photo", "photo", "thumbnail", "m/photo", "manual", "first"];

    private readonly SimulationRandom random;
    private readonly (ulong Content, int LengthBytes)[] contents;
    private readonly int replicas, stepsPerAct, entities;

    public AttachmentGenerator(SimulationOptions options)
    {
        random = new SimulationRandom(options.Seed ^ 0xA77AC4);
        replicas = options.Replicas;
        stepsPerAct = (int)random.Between(1, 4);
        entities = (int)random.Between(1, 8);
        contents = new (ulong, int)[random.Between(2, 8)];
        for (int i = 0; i < contents.Length; i++) contents[i] = ((ulong)random.Next(1 << 16), random.Pick(Lengths));
    }

    /// <summary>What somebody does now, if anything.</summary>
    public SimulationStep? Next(SimulationRun run, long atUs)
    {
        if (!random.OneIn(stepsPerAct)) return null;
        (ulong content, int lengthBytes) = random.Pick(contents);
        int replica = random.Next(replicas);
        if (run.Devices[replica].Replica is null) return null;
        return random.Next(8) switch
        {
            0 => new CollectStep(atUs, replica),
            1 => new EvictStep(atUs, replica, content, lengthBytes),
            int act => new AttachStep(
                atUs, replica, string.Create(CultureInfo.InvariantCulture, $"d/t/{random.Next(entities)}"), random.Pick(Paths), content, lengthBytes, act > 2),
        };
    }
}
