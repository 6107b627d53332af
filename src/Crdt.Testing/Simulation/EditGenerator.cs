using System.Globalization;

namespace Crdt.Testing.Simulation;

/// <summary>Draws transactions in which things go together that seldom do: few names, few values, few clock times, so
/// that ties, equal values, clashes and repetitions are the rule.</summary>
internal sealed class EditGenerator
{
    private const long ColdEntitiesMax = 20_000;
    private const int LargeOneInHugeRuns = 5_000;

    private static readonly string[] Paths =
    [
        "a", "b", "m", "m/x", "m/y", "m/x/z", "first", "merged", "merged/x", "merged/y", "manual", "server", "client", "t", "c",
        "m/t", "m/c",
    ];

    private static readonly string[] Values =
    [
        "null", "true", "0", "1", "2", "1.5", "\"s\"", "\"p\"", "{}", "{\"x\":1}", "{\"x\":2,\"y\":{\"z\":2}}", "[1]", "[\"p\",\"q\"]",
    ];

    private static readonly string[] Documents =
    [
        "{}", "{\"a\":1}", "{\"a\":2,\"b\":\"s\"}", "{\"m\":{\"x\":1}}", "{\"m\":{\"x\":{\"z\":1},\"y\":2}}", "{\"m\":{}}",
        "{\"merged\":{\"x\":1,\"y\":2}}", "{\"merged\":{\"y\":3}}", "{\"t\":[\"p\"]}", "{\"c\":3}", "{\"m\":{\"c\":1},\"c\":-1}",
        "{\"t\":[\"q\",\"p\"],\"manual\":1}", "{\"a\":null}", "{\"m\":null}", "{\"m\":{\"x\":null}}", "{\"merged\":{\"x\":null}}",
        "{\"t\":null,\"c\":null}",
    ];

    private static readonly string[] Users = ["ana", "ben", "chi"];

    private readonly SimulationRandom random;
    private readonly long coldEntities;
    private readonly int hotEntities, hotShare, largeOneIn, policyOneIn;
    private readonly string[] focus;

    public EditGenerator(SimulationRandom random, long operations, bool hasForks)
    {
        this.random = random;
        hotEntities = (int)random.Between(1, 6);
        hotShare = (int)random.Between(5, 60);
        // About so many writes to each of the others; in a long run more, since each replica has to hold them all.
        coldEntities = Math.Clamp(operations / random.Between(8, 30), 4, ColdEntitiesMax);
        largeOneIn = (int)random.Magnitude(500, 20_000);
        (policyOneIn, focus) = (200, []);
        if (operations <= SimulationSetup.HugeRun) return;
        hotShare = (int)random.Between(5, 30);
        coldEntities = random.Magnitude(2_000, ColdEntitiesMax);
        policyOneIn = 4_000;
        // Each replica holds each of them in memory.
        largeOneIn = Math.Max(largeOneIn, LargeOneInHugeRuns);
        focus = new string[random.Magnitude(2, 32)];
        // What is counted and written again beyond a fence stays beside the counter: where it is much, it must not be in one place.
        if (hasForks) (hotEntities, hotShare) = ((int)random.Between(20, 60), (int)random.Between(2, 8));
    }

    /// <summary>Somebody begins to write: in a huge run mostly about a few things, as people do.</summary>
    public void BeginBurst()
    {
        for (int i = 0; i < focus.Length; i++) focus[i] = Cold();
    }

    public string? User() => random.OneIn(3) ? random.Pick(Users) : null;

    public string Entity() => random.Next(100) < hotShare
        ? string.Create(CultureInfo.InvariantCulture, $"d/t/hot{random.Next(hotEntities)}")
        : focus is [string, ..] && !random.OneIn(20) ? random.Pick(focus) : Cold();

    private string Cold() => random.OneIn(12) ? string.Create(CultureInfo.InvariantCulture, $"e/t/{random.Next(coldEntities)}")
        : string.Create(CultureInfo.InvariantCulture, $"d/t/{random.Next(coldEntities)}");

    /// <summary>A transaction that mostly fits what the replica holds.</summary>
    public SimulatedEdit[] Transaction(Replica replica)
    {
        int count = random.OneIn(5) ? (int)random.Magnitude(2, random.OneIn(40) ? 60 : 5) : 1;
        var edits = new SimulatedEdit[count];
        for (int i = 0; i < count; i++) edits[i] = Edit(replica);
        return edits;
    }

    private SimulatedEdit Edit(Replica replica)
    {
        if (replica.Role != ReplicaRole.Client && random.OneIn(policyOneIn))
            return random.OneIn(3) ? new SimulatedEdit(EditKind.Upsert, "existence:d/t", false, ExistenceOp())
                : new SimulatedEdit(EditKind.Upsert, $"policy:d/t/{random.Pick(Paths[..2])}", false, PolicyOp());
        string name = Entity();
        var key = EntityKey.Parse(name);
        Entity? entity = replica.Get(key);
        if (entity is null)
        {
            // Now and then something that does not fit: it must leave no trace.
            if (random.OneIn(60)) return new SimulatedEdit(random.OneIn(2) ? EditKind.Update : EditKind.Delete, name, false);
            return new SimulatedEdit(random.OneIn(3) ? EditKind.Upsert : EditKind.Create, name, false, Ops());
        }
        return random.Next(100) switch
        {
            0 => new SimulatedEdit(EditKind.Create, name, false, Ops()),
            1 or 2 => new SimulatedEdit(EditKind.Delete, name, random.OneIn(2)),
            < 12 when entity.Conflicts().Count > 0 => Resolution(name),
            < 30 => new SimulatedEdit(EditKind.Update, name, true, Ops()),
            < 50 => new SimulatedEdit(EditKind.Upsert, name, false, Ops()),
            _ => new SimulatedEdit(EditKind.Update, name, false, Ops()),
        };
    }

    private SimulatedEdit Resolution(string entity) => random.OneIn(2)
        ? new SimulatedEdit(EditKind.Resolve, entity, false)
        : new SimulatedEdit(EditKind.Resolve, entity, false, new SimulatedOp(EditStepKind.Set, "", random.Pick(Values)));

    private SimulatedOp PolicyOp() =>
        new(EditStepKind.Set, "", random.Pick(Enum.GetValues<ConflictPolicy>()).ToString());

    private SimulatedOp ExistenceOp() =>
        new(EditStepKind.Set, "", random.Pick(Enum.GetValues<ExistencePolicy>()).ToString());

    private SimulatedOp[] Ops()
    {
        int count = random.OneIn(3) ? (int)random.Between(2, 4) : 1;
        var ops = new SimulatedOp[count];
        for (int i = 0; i < count; i++) ops[i] = Op();
        return ops;
    }

    public SimulatedOp Op() => random.Next(15) switch
    {
        < 6 => new SimulatedOp(EditStepKind.Set, random.Pick(Paths), Text()),
        6 or 7 => new SimulatedOp(EditStepKind.Remove, random.Pick(Paths), ""),
        8 or 9 => new SimulatedOp(EditStepKind.Increment, random.Pick(["c", "c", "m/c", "a", "m/x"]),
            random.Between(-2, 3).ToString(CultureInfo.InvariantCulture)),
        10 or 11 => new SimulatedOp(EditStepKind.Add, random.Pick(["t", "t", "m/t", "a", "m"]), random.Pick(["p", "q", "r"])),
        12 => new SimulatedOp(EditStepKind.Discard, random.Pick(["t", "t", "m/t", "a", "m"]), random.Pick(["p", "q", "r"])),
        13 => new SimulatedOp(EditStepKind.Patch, "", random.Pick(Documents)),
        _ => new SimulatedOp(EditStepKind.Replace, "", random.Pick(Documents[..12])),
    };

    private string Text()
    {
        if (!random.OneIn(largeOneIn)) return random.Pick(Values);
        // Noise, so that compression does not make it small again.
        byte[] noise = new byte[random.Magnitude(1_000, 150_000)];
        random.Fill(noise);
        return $"\"{Convert.ToBase64String(noise)}\"";
    }
}
