using Crdt;

namespace Investigation.Domain;

/// <summary>The domain on top of the library: what people do with cases, in their words, on whichever device. Each call is one transaction, durable
/// when it returns, whether anybody is in reach or not.</summary>
/// <param name="replica">This device's copy of the office's space.</param>
/// <param name="user">Who uses the device.</param>
internal sealed class CaseBook(Replica replica, string user)
{
    public const string Domain = "investigation", CaseType = "case", EvidenceType = "evidence", AssignmentType = "assignment";

    /// <summary>How concurrent writes are settled: what is a matter of judgement waits for a person, who was first stays first, all else as it comes.</summary>
    public static readonly IReadOnlyList<(string Scope, string Strategy)> Policies =
    [
        ($"{Domain}/{EvidenceType}/classification", "MANUAL"),
        ($"{Domain}/{CaseType}/finding", "MANUAL"),
        ($"{Domain}/{EvidenceType}/sealed_by", "FIRST_WRITE_WINS"),
    ];

    public static EntityKey CaseKey(string number) => new(Domain, CaseType, number);

    public static EntityKey EvidenceKey(string number, string label) => new(Domain, EvidenceType, $"{number}.{label}");

    /// <summary>The case with everything that belongs to it; null where this device has not heard of it.</summary>
    public CaseFile? Find(string number)
    {
        // One moment for all of it: what is read fits together, whatever arrives meanwhile.
        using ReplicaView view = replica.View();
        if (view.Get(CaseKey(number)) is not { } held) return null;
        return new CaseFile(number, held.GetString("title") ?? "", held.GetString("finding"), held.GetSet("tags"),
            [.. Of(EvidenceType).Select(Read)],
            [.. Of(AssignmentType).Select(e => new Assignment(e.GetString("person") ?? "", e.GetString("task") ?? "", e.GetBoolean("done") ?? false))]);

        IEnumerable<Entity> Of(string type) => replica.Keys(Domain, type).Select(view.Get).OfType<Entity>().Where(e => e.GetString("case") == number);
    }

    /// <summary>Secures something, into one's own hands.</summary>
    public ValueTask<CommitResult> SecureAsync(string number, string label, string description, string place) => CommitAsync(tx =>
    {
        EntityEdit evidence = tx.Create(EvidenceKey(number, label)).Set("case", number).Set("description", description);
        Hand(evidence, "scene", user, place);
    });

    /// <summary>Gives it to somebody.</summary>
    public ValueTask<CommitResult> HandOverAsync(string number, string label, string to, string place) =>
        CommitAsync(tx => Hand(tx.Update(EvidenceKey(number, label)), user, to, place));

    /// <summary>Says what it counts as.</summary>
    public ValueTask<CommitResult> ClassifyAsync(string number, string label, string classification) =>
        CommitAsync(tx => tx.Update(EvidenceKey(number, label)).Set("classification", classification));

    /// <summary>Seals its bag.</summary>
    public ValueTask<CommitResult> SealAsync(string number, string label) =>
        CommitAsync(tx => tx.Update(EvidenceKey(number, label)).Set("sealed_by", user));

    /// <summary>Counts photographs that were taken.</summary>
    public ValueTask<CommitResult> PhotographAsync(string number, string label, int count) =>
        CommitAsync(tx => tx.Update(EvidenceKey(number, label)).Increment("photographs", count));

    /// <summary>Adds words by which a case is found.</summary>
    public ValueTask<CommitResult> TagAsync(string number, params string[] words) => CommitAsync(tx =>
    {
        EntityEdit held = tx.Update(CaseKey(number));
        foreach (string word in words) held.Add("tags", word);
    });

    /// <summary>Says what the investigation came to.</summary>
    public ValueTask<CommitResult> FindAsync(string number, string finding) => CommitAsync(tx => tx.Update(CaseKey(number)).Set("finding", finding));

    private ValueTask<CommitResult> CommitAsync(Action<Transaction> edits) => replica.CommitAsync(edits, user);

    // Under the time and a random name: two that happen at once on two devices both stay, and show that the chain is broken.
    private static void Hand(EntityEdit evidence, string from, string to, string place) => evidence.Set(
        FieldPath.Parse("custody").Key($"{DateTimeOffset.UtcNow:yyyyMMdd'T'HHmmss.fff}-{Guid.NewGuid():N}"),
        Value.ParseJson($$"""{"at":"{{DateTimeOffset.UtcNow:O}}","from":{{Json(from)}},"to":{{Json(to)}},"place":{{Json(place)}}}"""));

    private static string Json(string text) => System.Text.Json.JsonSerializer.Serialize(text);

    private static Evidence Read(Entity held) => new(held.Key.Id[(held.Key.Id.IndexOf('.', StringComparison.Ordinal) + 1)..], held.GetString("description") ?? "", held.GetString("classification"),
        held.GetString("sealed_by"), (long)held.GetCounter("photographs"),
        [.. (held["custody"] is { Kind: ValueKind.Object } steps ? steps.AsObject() : []).OrderBy(s => s.Key, StringComparer.Ordinal)
            .Select(s => s.Value.AsObject().ToDictionary(m => m.Key, m => m.Value.AsString()))
            .Select(s => new Handover(DateTimeOffset.Parse(s["at"], System.Globalization.CultureInfo.InvariantCulture), s["from"], s["to"], s["place"]))]);
}
