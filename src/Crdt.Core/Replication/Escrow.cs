using System.Globalization;

namespace Crdt;

/// <summary>Refused transactions as entities of the space's own data: how they are written there and read back.</summary>
internal static class Escrow
{
    private const string AuthorField = "author", UserField = "user", CodeField = "code", ReasonField = "reason",
        ServerField = "refusedBy", TimeField = "refusedAt", WorkField = "work", HandlingField = "handling",
        HandlerField = "handledBy", AssigneeField = "assignee";

    private static readonly FieldPath HandledField = "handled";

    // What fits into a transaction with room for all else in it.
    private const int WorkLengthBytesMax = FormatLimits.BatchLengthBytesMax / 2;
    private const int ReasonLengthMax = 4_000;
    private const string PartlyField = "partly";

    public static EntityEdit Write(ServerDuties.RefusedWork refused, ReplicaId server, DateTimeOffset time)
    {
        var edit = new EntityEdit(RefusalTable.KeyOf(refused.First), EditKind.Upsert, null);
        edit.Set(AuthorField, refused.First.Replica.ToString()).Set(RefusalTable.LastField, refused.Last)
            .Set(CodeField, refused.Refusal.Code.ToString()).Set(ReasonField, Shorten(refused.Refusal.Reason))
            .Set(ServerField, server.ToString()).Set(TimeField, time);
        if (refused.User is { } user) edit.Set(UserField, user);
        long lengthBytes = 0;
        for (int i = 0; i < refused.Work.Count; i++)
        {
            EscrowedChange change = refused.Work[i];
            var told = new Dictionary<string, Value>
            {
                ["sequence"] = change.Dot.Sequence,
                ["key"] = change.Key.ToString(),
                ["kind"] = change.Kind.ToString(),
                ["path"] = Value.FromTrusted(change.Path.Bytes.ToArray()),
            };
            FieldPath place = FieldPath.Of(WorkField, i.ToString("D6", CultureInfo.InvariantCulture));
            Value what = Value.ObjectOf(told);
            // Beyond the room there is, the rest stays where it is in any case: in the log.
            lengthBytes += 128 + ValueCodec.LengthBytes(what, FormatLimits.ValueLengthBytesMax);
            if (lengthBytes > WorkLengthBytesMax) return edit.Set(PartlyField, true);
            edit.Set(place.Key("what"), what);
            if (change.Value is not { } value) continue;
            int more = 128 + ValueCodec.LengthBytes(value, FormatLimits.ValueLengthBytesMax);
            if (lengthBytes + more > WorkLengthBytesMax) continue;
            lengthBytes += more;
            edit.Set(place.Key("value"), value);
        }
        return edit;
    }

    private static string Shorten(string reason)
    {
        if (reason.Length <= ReasonLengthMax) return reason;
        return reason[..(char.IsHighSurrogate(reason[ReasonLengthMax - 1]) ? ReasonLengthMax - 1 : ReasonLengthMax)];
    }

    /// <summary>What a person decided: of the space's own data the one thing that is read of whoever writes it, and
    /// read here alone.</summary>
    public static EntityEdit Handle(RefusedTransaction refused, RefusalHandling handling, string? by, string? assignee)
    {
        var told = new Dictionary<string, Value> { [HandlingField] = handling.ToString() };
        if (by is not null) told[HandlerField] = by;
        if (assignee is not null) told[AssigneeField] = assignee;
        return new EntityEdit(RefusalTable.KeyOf(refused.First), EditKind.Update, null) { IsOfEscrow = true }
            .Set(HandledField, Value.ObjectOf(told));
    }

    /// <summary>Reads a refused transaction; <see langword="null"/> when the entity tells of none.</summary>
    public static RefusedTransaction? Read(Entity entity)
    {
        if (!entity.Exists || !RefusalTable.TryParse(entity.Key, out Dot first)
            || entity[RefusalTable.LastField] is not { Kind: ValueKind.Integer } last
            || !ReplicaId.TryParse(Text(entity, ServerField), out ReplicaId server)) return null;
        var work = new List<EscrowedChange>();
        for (int i = 0; ; i++)
        {
            FieldPath place = FieldPath.Of(WorkField, i.ToString("D6", CultureInfo.InvariantCulture));
            if (entity[place.Key("what")] is not { Kind: ValueKind.Object } what) break;
            if (ReadWork(what, entity[place.Key("value")], first.Replica) is { } change) work.Add(change);
        }
        (RefusalHandling handling, string? by, string? assignee) = ReadHandling(entity);
        return new RefusedTransaction(
            first, last.AsInteger(), Text(entity, UserField),
            Enum.TryParse(Text(entity, CodeField), out RefusalCode code) ? code : RefusalCode.Other,
            Text(entity, ReasonField) ?? "", server,
            entity[TimeField] is { Kind: ValueKind.Timestamp } time ? time.AsTimestamp() : default, work, handling, by, assignee)
        {
            HandledAt = handling == RefusalHandling.Open ? null : entity.Siblings(HandledField)[0].Timestamp.Time,
        };
    }

    /// <summary>Sends again what was meant.</summary>
    public static void Repeat(RefusedTransaction refused, Transaction transaction)
    {
        foreach (IGrouping<Dot, EscrowedChange> mutation in refused.Work.GroupBy(static w => w.Dot))
        {
            EscrowedChange first = mutation.First();
            EntityEdit edit = first.Kind == MutationKind.Delete ? transaction.Delete(first.Key) : transaction.Upsert(first.Key);
            edit.Origin = new MutationOrigin(null, mutation.Key);
            foreach (EscrowedChange change in mutation) Repeat(change, edit);
        }
    }

    private static void Repeat(EscrowedChange change, EntityEdit edit)
    {
        FieldPath path = change.Path;
        if (path.IsRoot) return;
        // It had been written again beyond a fence, and stood below the counter.
        if (path.IsOffset) path = path.Parent;
        if (path.IsCounter && change.Value is { Kind: ValueKind.Integer } by) edit.Increment(path.Parent.Key(path.Name), by.AsInteger());
        else if (path.Kind == PathKind.Element && change.Value is null) edit.Discard(path.Parent, path.Name);
        else if (path.Kind == PathKind.Element) edit.Add(path.Parent, path.Name);
        else if (path.Kind == PathKind.Key && change.Value is { } value) edit.Set(path, value);
        else if (path.Kind == PathKind.Key) edit.Remove(path);
    }

    private static EscrowedChange? ReadWork(Value what, Value? value, ReplicaId author)
    {
        if (!what.TryGetMember("sequence", out Value sequence) || sequence.Kind != ValueKind.Integer
            || !what.TryGetMember("key", out Value text) || text.Kind != ValueKind.String
            || !EntityKey.TryParse(text.AsString(), out EntityKey? key)
            || !what.TryGetMember("kind", out Value kind) || kind.Kind != ValueKind.String
            || !Enum.TryParse(kind.AsString(), out MutationKind known)
            || !what.TryGetMember("path", out Value path) || path.Kind != ValueKind.Bytes
            || !FieldPath.IsCanonical(path.AsBytes().Span)) return null;
        return new EscrowedChange(
            new Dot(author, sequence.AsInteger()), key, known, FieldPath.FromTrusted(path.AsBytes().Span), value);
    }

    private static (RefusalHandling, string?, string?) ReadHandling(Entity entity)
    {
        if (entity.Siblings(HandledField) is not [{ Value.Kind: ValueKind.Object } newest, ..]) return default;
        Value told = newest.Value;
        return (Member(HandlingField) is { } name && Enum.TryParse(name, out RefusalHandling known) ? known : default,
            Member(HandlerField), Member(AssigneeField));

        string? Member(string field) =>
            told.TryGetMember(field, out Value value) && value.Kind == ValueKind.String ? value.AsString() : null;
    }

    private static string? Text(Entity entity, FieldPath field) =>
        entity[field] is { Kind: ValueKind.String } text ? text.AsString() : null;
}
