using Crdt;

namespace FieldDay;

/// <summary>Who does what to the shared reports, all of them offline and none knowing of the others.</summary>
internal static class Script
{
    public const string Species = "Wildlife Species";
    public const string Damage = "Effect Amount of damage";
    public const string Cost = "Cost Total $";

    /// <summary>The policies that the space is founded with.</summary>
    public static readonly IReadOnlyDictionary<string, ConflictPolicy> Policies = new Dictionary<string, ConflictPolicy>
    {
        ["incident/strike"] = ConflictPolicy.LastWriteWins,
        ["incident/strike/First on scene"] = ConflictPolicy.FirstWriteWins,
        ["incident/strike/Site"] = ConflictPolicy.Merge,
        [$"incident/strike/{Damage}"] = ConflictPolicy.Manual,
        [$"incident/strike/{Cost}"] = ConflictPolicy.Manual,
    };

    /// <summary>What is told of each shared report: the field to look at, and what is being tried.</summary>
    public static readonly IReadOnlyList<(int Row, string? Field, string Story)> Contested =
    [
        (1, Species, "same field"),
        (2, null, "different fields"),
        (3, "First on scene", "same field, the first counts"),
        (4, "Site", "one object, different members"),
        (5, Damage, "same field, a person decides"),
        (6, Cost, "same field, a person decides"),
        (7, null, "deleted against edited"),
        (8, null, "deleted, nobody objects"),
        (9, "Sightings", "a counter"),
        (10, "Tags", "a set: add against remove"),
        (11, Species, "deleted and made anew against edited"),
        (12, "Contact", "one name as value and as map"),
    ];

    /// <summary>What the server adds to the shared reports before it hands them out.</summary>
    public static void Prepare(int row, EntityEdit edit)
    {
        if (row == 4) edit.Set("Site", Value.ParseJson("""{"airport":"LOUIS ARMSTRONG","state":"Louisiana"}"""));
        if (row == 10) edit.Add("Tags", "unverified");
    }

    public static void Edit(string device, Transaction tx)
    {
        EntityEdit On(int row) => tx.Update(Strikes.Key(row));
        switch (device)
        {
            case "A":
                On(1).Set(Species, "Herring gull");
                On(2).Set("Phase of flight", "Climb");
                On(3).Set("First on scene", "Ana, 08:31");
                On(4).Set("Site", Value.ParseJson("""{"airport":"LOUIS ARMSTRONG","state":"Louisiana","runway":"11R"}"""));
                On(5).Set(Damage, "None");
                On(6).Set(Cost, 1_200);
                tx.Delete(Strikes.Key(7));
                On(9).Increment("Sightings", 2);
                On(10).Add("Tags", "night");
                tx.Delete(Strikes.Key(11));
                tx.Create(Strikes.Key(11)).Set(Species, "Turkey vulture").Set("Remarks", "first entry was a mix-up");
                On(12).Set("Contact", "the tower");
                break;
            case "B":
                On(1).Set(Species, "Ring-billed gull");
                On(2).Set("Time of day", "Dusk");
                On(3).Set("First on scene", "Ben, 08:40");
                On(4).Set("Site", Value.ParseJson("""{"airport":"LOUIS ARMSTRONG","state":"LA","grid":"C4"}"""));
                On(5).Set(Damage, "Substantial");
                On(6).Set(Cost, 18_000);
                On(7).Set("Remarks", "remains found on the taxiway");
                On(9).Increment("Sightings", 3);
                On(10).Discard("Tags", "unverified");
                On(11).Set("Time of day", "Dawn");
                On(12).Set(FieldPath.Of("Contact", "phone"), "555-0142");
                break;
            default:
                On(1).Set(Species, "Gull, species unknown");
                On(2).Set("Remarks", "engine inspected");
                On(3).Set("First on scene", "Cleo, 08:52");
                On(5).Set(Damage, "Minor");
                tx.Delete(Strikes.Key(8));
                On(9).Increment("Sightings", 5);
                On(10).Add("Tags", "unverified").Add("Tags", "gull");
                break;
        }
    }
}
