using System.Globalization;
using System.Text.Json;
using Crdt;
using Investigation.Domain;

namespace Investigation;

/// <summary>Two devices work on one case out of reach of each other and of the office. They agree where nothing stands against it; of what is a matter of
/// judgement, and of what somebody was not allowed to do, a supervisor at the office decides.</summary>
internal sealed class Story(string data, TextWriter output)
{
    private const string Number = "2026-114", Label = "E1", Knife = $"{CaseBook.Domain}/{CaseBook.EvidenceType}/{Number}.{Label}";

    public async Task RunAsync()
    {
        Title("The office opens: a space, its policies, three people");
        await using Office office = await Office.StartAsync(Path.Combine(data, "office"));
        Person head = await Person.SignInAsync(office.Address, "irina", "administrator"), vera = await Person.SignInAsync(office.Address, "vera", "supervisor");
        Person jonas = await Person.SignInAsync(office.Address, "jonas", "detective"), ida = await Person.SignInAsync(office.Address, "ida", "analyst");
        await head.AskAsync("mutation($p: [PolicyInput!]!) { setPolicies(policies: $p) { scope } }",
            new { p = CaseBook.Policies.Select(p => new { scope = p.Scope, strategy = p.Strategy }) });
        foreach ((string scope, string strategy) in CaseBook.Policies) Say($"{scope}: {strategy}");
        Say("jonas may write in 'investigation', ida evidence alone; vera decides");

        SpaceGenesis founding = SpaceGenesis.FromBytes(await File.ReadAllBytesAsync(Path.Combine(data, "office", "invite.crdt")));
        await using FieldDevice tablet = await FieldDevice.EnrolAsync(Path.Combine(data, "tablet"), "tablet", jonas, head, founding);
        await using FieldDevice laptop = await FieldDevice.EnrolAsync(Path.Combine(data, "laptop"), "laptop", ida, head, founding);

        Title("Vera opens a case at the office, without a replica, and assigns it");
        await OpenCaseAsync(vera);
        await tablet.MeetAsync(office);
        await tablet.Cases.SecureAsync(Number, Label, "knife, 11 cm", "pier 7");
        await MeetAsync(tablet, office);
        await MeetAsync(laptop, office);
        Tell(laptop);

        Title("Out of reach: both go on");
        await WorkAsync(tablet, laptop);

        Title("Both come back");
        await MeetAsync(tablet, office);
        await MeetAsync(laptop, office);
        await TellRefusedAsync(laptop, office);

        Title("Vera looks at what waits for a person, and decides");
        await DecideAsync(vera);

        Title("Everybody hears of it");
        foreach (FieldDevice device in (FieldDevice[])[tablet, laptop, tablet]) await device.MeetAsync(office);
        Tell(laptop);
        await CheckAsync(tablet, laptop, vera);
    }

    private static async Task OpenCaseAsync(Person vera)
    {
        Guid device = Guid.NewGuid();
        await vera.AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id = device, name = "vera's browser" } });
        await vera.AskAsync("mutation($device: UUID!, $m: [MutationInput!]!) { queueMutations(device: $device, mutations: $m) { sequence } }", new
        {
            device,
            m = new[]
            {
                Create(CaseBook.CaseType, Number, new { title = "Body at pier 7", tags = new Dictionary<string, string[]> { ["$add"] = ["harbour"] } }),
                Create(CaseBook.AssignmentType, $"{Number}.1", new { @case = Number, person = "jonas", task = "secure the scene", done = false }),
                Create(CaseBook.AssignmentType, $"{Number}.2", new { @case = Number, person = "ida", task = "examine the knife", done = false }),
            },
        });

        static object Create(string type, string id, object payload) =>
            new { request_id = Guid.NewGuid(), type = "CREATE", domain = CaseBook.Domain, entity_type = type, entity_id = id, payload };
    }

    private async Task WorkAsync(FieldDevice tablet, FieldDevice laptop)
    {
        CaseBook jonas = tablet.Cases, ida = laptop.Cases;
        await ida.SealAsync(Number, Label);
        await Task.Delay(TimeSpan.FromMilliseconds(20));
        await jonas.SealAsync(Number, Label);
        await jonas.PhotographAsync(Number, Label, 4);
        await ida.PhotographAsync(Number, Label, 9);
        await jonas.TagAsync(Number, "knife", "night");
        await jonas.ClassifyAsync(Number, Label, "weapon");
        await ida.ClassifyAsync(Number, Label, "fishing tool");
        await jonas.HandOverAsync(Number, Label, "ida", "laboratory");
        await ida.FindAsync(Number, "an accident");
        Say("jonas, on the tablet: seals the knife, takes 4 photographs, tags the case, calls the knife a weapon, hands it over");
        Say("ida, on the laptop: had sealed it before, takes 9 photographs, calls it a fishing tool, and writes a finding into the case");
        foreach (FieldDevice device in (FieldDevice[])[tablet, laptop])
            Say($"{device.Name}: {(await device.Replica.GetStatusAsync()).Pending} pending");
    }

    private async Task MeetAsync(FieldDevice device, Office office)
    {
        SyncProgress done = await device.MeetAsync(office);
        Say($"{device.Name} meets the office: {done.MutationsSent} mutations there, {done.MutationsReceived} back");
    }

    private async Task TellRefusedAsync(FieldDevice device, Office office)
    {
        // The office judges when it has received; what it says is heard in the next moment that both are in reach.
        for (int meeting = 0; !device.Replica.Refusals().Any(); meeting++)
        {
            if (meeting == 20) throw new InvestigationException("The finding was not refused.");
            await device.MeetAsync(office);
        }
        foreach (RefusedTransaction refused in device.Replica.Refusals()) Say($"{device.Name} is told: {refused.Code}: {refused.Reason}");
    }

    private async Task DecideAsync(Person vera)
    {
        JsonElement asked = await vera.AskAsync("""
            { conflicts { nodes { id path entity_id siblings { mutation_id value author created_at } } }
              refusals { nodes { mutation_id author reason work { domain entity_type entity_id path value } } } }
            """);
        JsonElement conflict = asked.GetProperty("conflicts").GetProperty("nodes").EnumerateArray().Single();
        JsonElement[] sides = [.. conflict.GetProperty("siblings").EnumerateArray()];
        Say($"{conflict.GetProperty("path")} of {conflict.GetProperty("entity_id")}: {string.Join(", ", sides.Select(s => $"'{s.GetProperty("value")}' says {s.GetProperty("author")}").Order(StringComparer.Ordinal))}");
        await vera.AskAsync("mutation($id: ID!, $sibling: UUID!, $seen: [UUID!]) { resolveConflict(id: $id, sibling: $sibling, seen: $seen) { status } }", new
        {
            id = conflict.GetProperty("id").GetString(),
            sibling = sides.Single(s => s.GetProperty("value").GetString() == "weapon").GetProperty("mutation_id").GetGuid(),
            seen = sides.Select(s => s.GetProperty("mutation_id").GetGuid()),
        });
        Say("vera: it is a weapon");
        JsonElement refused = asked.GetProperty("refusals").GetProperty("nodes").EnumerateArray().Single();
        await vera.AskAsync("mutation($id: UUID!, $c: [ChangeInput!]!) { editAndResubmit(mutation: $id, changes: $c) { status } }", new
        {
            id = refused.GetProperty("mutation_id").GetGuid(),
            c = new[] { new { domain = CaseBook.Domain, entity_type = CaseBook.CaseType, entity_id = Number, payload = new { finding = "death by accident, knife not involved" } } },
        });
        Say($"vera: what {refused.GetProperty("author")} meant is right, in other words; sent again in vera's name");
    }

    private async Task CheckAsync(FieldDevice tablet, FieldDevice laptop, Person vera)
    {
        ReplicaStatus one = await tablet.Replica.GetStatusAsync(), other = await laptop.Replica.GetStatusAsync();
        CaseFile file = laptop.Cases.Find(Number)!;
        Evidence knife = file.Evidence.Single();
        AuditReport audit = await laptop.Replica.AuditAsync();
        JsonElement history = (await vera.AskAsync($"{{ entity(domain: \"{CaseBook.Domain}\", entityType: \"{CaseBook.EvidenceType}\", entityId: \"{Number}.{Label}\") {{ history(first: 100) {{ nodes {{ created_at }} }} }} }}"))
            .GetProperty("entity").GetProperty("history").GetProperty("nodes");
        Expect(one.Digest == other.Digest, "The devices hold different states.");
        Expect(knife is { Classification: "weapon", SealedBy: "ida", Photographs: 13, Custody.Count: 2 }, $"The knife is not as it has to be: {knife}");
        Expect(file.Finding == "death by accident, knife not involved" && file.Tags.SequenceEqual(["harbour", "knife", "night"]), $"The case is not as it has to be: {file}");
        Expect(audit.Unaccounted.Count == 0 && one.Pending + other.Pending == 0, "Something is pending, or unaccounted for.");
        Say($"Equal digests on both devices, nothing pending, nothing unaccounted for; {history.GetArrayLength()} steps in the knife's history ({Knife}).");

        static void Expect(bool isSo, string otherwise)
        {
            if (!isSo) throw new InvestigationException(otherwise);
        }
    }

    private void Tell(FieldDevice device)
    {
        CaseFile file = device.Cases.Find(Number) ?? throw new InvestigationException($"{device.Name} does not know the case.");
        Say($"on the {device.Name}: {file.Number} {file.Title} [{string.Join(", ", file.Tags)}], finding: {file.Finding ?? "none yet"}");
        foreach (Assignment assignment in file.Assignments) Say($"  {assignment.Person}: {assignment.Task}");
        foreach (Evidence evidence in file.Evidence)
        {
            Say(string.Create(CultureInfo.InvariantCulture,
                $"  {evidence.Label} {evidence.Description}: {evidence.Classification ?? "not classified"}, sealed by {evidence.SealedBy ?? "nobody"}, {evidence.Photographs} photographs"));
            Say($"     {string.Join(" → ", evidence.Custody.Select(h => h.From).Append(evidence.Custody[^1].To))}");
        }
    }

    private void Title(string text) => output.WriteLine($"\n{text}");

    private void Say(string text) => output.WriteLine($"  {text}");
}
