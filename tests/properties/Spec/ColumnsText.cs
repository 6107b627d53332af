using System.Globalization;
using System.Text.Json.Nodes;

namespace Crdt.Properties.Spec;

/// <summary>A decoded batch as JSON for people and programs in other languages; 64-bit numbers as text.</summary>
internal static class ColumnsText
{
    public static JsonObject Of(BatchColumns columns, ReplicaId author, long first)
    {
        var mutations = new JsonArray();
        for (int m = 0; m < columns.MutationCount; m++) mutations.Add((JsonNode)OfMutation(columns, m, author, first + m));
        return new JsonObject { ["role"] = columns.Role.ToString(), ["mutations"] = mutations };
    }

    public static JsonNode? OfValue(Value value) => value.Kind switch
    {
        ValueKind.Null => null,
        ValueKind.Boolean => value.AsBoolean(),
        ValueKind.String => value.AsString(),
        ValueKind.Integer => new JsonObject { ["integer"] = Number(value.AsInteger()) },
        ValueKind.Double => new JsonObject { ["double"] = value.AsDouble().ToString("R", CultureInfo.InvariantCulture) },
        ValueKind.Bytes => new JsonObject { ["bytes"] = Convert.ToHexStringLower(value.AsBytes().Span) },
        ValueKind.Timestamp => new JsonObject
        {
            ["timestamp"] = value.AsTimestamp().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture),
        },
        ValueKind.Blob => new JsonObject { ["blob"] = JsonNode.Parse(value.AsBlob().Describe().ToJson()) },
        ValueKind.Array => new JsonObject { ["array"] = new JsonArray([.. value.AsArray().Select(OfValue)]) },
        _ => new JsonObject
        {
            ["object"] = new JsonObject(value.AsObject().Select(m => KeyValuePair.Create(m.Key, OfValue(m.Value)))),
        },
    };

    public static JsonNode OfDot(Dot dot) => new JsonArray(dot.Replica.ToString(), Number(dot.Sequence));

    public static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static JsonObject OfMutation(BatchColumns columns, int mutation, ReplicaId author, long sequence)
    {
        ref readonly BatchColumns.MutationRow row = ref columns.Mutations[mutation];
        var json = new JsonObject
        {
            ["sequence"] = Number(sequence),
            ["id"] = MutationId.Of(new Dot(author, sequence)).ToString(),
            ["kind"] = row.Kind.ToString(),
            ["entity"] = columns.Entities[row.Entity].ToString(),
            ["timestamp"] = row.Timestamp.Bits.ToString(CultureInfo.InvariantCulture),
        };
        if (row.EndsTransaction) json["endsTransaction"] = true;
        if (row.User >= 0) json["user"] = columns.Users[row.User];
        if (row.Origin?.RequestId is { } request) json["requestId"] = request.ToString();
        if (row.Origin?.Reissued is { } reissued) json["reissued"] = OfDot(reissued);
        if (!row.Context.IsNull) json["context"] = OfValue(row.Context);
        var changes = new JsonArray();
        for (int c = columns.ChangeStart(mutation); c < row.ChangeEnd; c++)
            changes.Add((JsonNode)OfChange(columns, c, author));
        json["changes"] = changes;
        return json;
    }

    private static JsonObject OfMark(MarkContent mark) => new()
    {
        ["kind"] = mark.Kind.ToString(),
        ["code"] = (int)mark.Code,
        ["siblings"] = new JsonArray([.. mark.Siblings.Select(s => new JsonObject
        {
            ["dot"] = OfDot(s.Dot),
            ["role"] = s.Role.ToString(),
            ["timestamp"] = s.Timestamp.Bits.ToString(CultureInfo.InvariantCulture),
            ["claim"] = s.Claim.Bits.ToString(CultureInfo.InvariantCulture),
            ["lost"] = s.IsLost,
            ["replaced"] = new JsonArray([.. s.Replaced.Select(OfDot)]),
            ["value"] = OfValue(s.Value),
        })]),
    };

    private static JsonObject OfChange(BatchColumns columns, int index, ReplicaId author)
    {
        ref readonly BatchColumns.ChangeRow change = ref columns.Changes[index];
        FieldPath path = columns.PathOf(change);
        var json = new JsonObject { ["path"] = Convert.ToHexStringLower(path.Bytes) };
        if (!path.IsRoot) json["name"] = path.ToString();
        if (change.Mark is { } mark) json["mark"] = OfMark(mark);
        else if (change.HasValue) json["value"] = OfValue(change.Value);
        if (change.Remembered is { } remembered) json["remembers"] = new JsonArray([.. remembered.Select(OfDot)]);
        if (change.Claim != default) json["claim"] = change.Claim.Bits.ToString(CultureInfo.InvariantCulture);
        if (change.CounterStart != 0) json["counterStart"] = Number(change.CounterStart);
        var observed = new JsonArray();
        for (int d = columns.DotStart(index); d < change.DotEnd; d++)
        {
            int replica = columns.DotReplica[d];
            observed.Add(OfDot(new Dot(
                replica == BatchColumns.Self ? author : columns.Others[replica - 1], columns.DotSequence[d])));
        }
        json["observed"] = observed;
        return json;
    }
}
