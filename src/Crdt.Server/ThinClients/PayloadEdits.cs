using Crdt.Server.GraphQL;
using Crdt.Server.GraphQL.Types;

namespace Crdt.Server.ThinClients;

/// <summary>What a payload says shall be done to an entity: a JSON merge patch, in which an object of the members
/// <c>$increment</c>, <c>$add</c> or <c>$remove</c> counts, or changes a set.</summary>
internal static class PayloadEdits
{
    private const string Increment = "$increment", Add = "$add", Remove = "$remove";

    /// <exception cref="ApiError">The payload is none.</exception>
    public static void Apply(EntityEdit edit, MutationInput input)
    {
        if (input.Context is { IsNull: false } context
            && (context.Kind != ValueKind.Object || context.AsObject().Any(m => ThinOrigin.IsReserved(m.Key))))
        {
            throw new ApiError(ApiErrorCode.InvalidArgument, "A context is an object, without $device and $sequence.", ("argument", "context"));
        }
        if (input.Payload is not { IsNull: false } payload) return;
        if (input.Type == MutationType.Delete)
            throw new ApiError(ApiErrorCode.InvalidArgument, "A delete has no payload.", ("argument", "payload"));
        Apply(edit, payload);
    }

    /// <exception cref="ApiError">The payload is none.</exception>
    public static void Apply(EntityEdit edit, Value payload)
    {
        if (payload.Kind != ValueKind.Object)
            throw new ApiError(ApiErrorCode.InvalidArgument, "A payload is an object.", ("argument", "payload"));
        Value rest = Take(edit, FieldPath.Root, payload) ?? Value.EmptyObject;
        if (rest.AsObject().Count > 0) edit.Patch(rest);
    }

    /// <summary>Notes down what is no merge patch, and gives what is left; <see langword="null"/> when nothing.</summary>
    private static Value? Take(EntityEdit edit, FieldPath path, Value value)
    {
        if (value.Kind != ValueKind.Object || value.AsObject().Count == 0) return value;
        if (value.AsObject().Any(m => m.Key is Increment or Add or Remove))
        {
            foreach ((string name, Value of) in value.AsObject()) Operate(edit, path, name, of);
            return null;
        }
        var left = new List<KeyValuePair<string, Value>>();
        foreach ((string name, Value member) in value.AsObject())
        {
            if (Take(edit, path.Key(name), member) is { } rest) left.Add(new(name, rest));
        }
        return left.Count > 0 ? Value.ObjectOf(left) : (Value?)null;
    }

    private static void Operate(EntityEdit edit, FieldPath path, string name, Value value)
    {
        if (name == Increment && value.Kind == ValueKind.Integer) edit.Increment(path, value.AsInteger());
        else if (name is Add or Remove && value.Kind == ValueKind.Array && value.AsArray().All(v => v.Kind == ValueKind.String))
        {
            foreach (Value element in value.AsArray())
            {
                if (name == Add) edit.Add(path, element.AsString());
                else edit.Discard(path, element.AsString());
            }
        }
        else
        {
            throw new ApiError(ApiErrorCode.InvalidArgument,
                $"At '{path}': {Increment} takes a whole number, {Add} and {Remove} take lists of texts, and nothing else stands beside them.", ("argument", "payload"));
        }
    }
}
