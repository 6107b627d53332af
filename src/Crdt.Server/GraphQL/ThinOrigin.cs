namespace Crdt.Server.GraphQL;

/// <summary>Which thin client's a mutation is: kept in the mutation's context beside what the application put there, so that it
/// travels with it, is signed with it, and survives with it.</summary>
/// <param name="Device">The device.</param>
/// <param name="Sequence">Its place among that device's mutations, from 1.</param>
internal sealed record ThinOrigin(Guid Device, long Sequence)
{
    private const string DeviceMember = "$device", SequenceMember = "$sequence";

    /// <summary>Names that applications leave alone in their contexts.</summary>
    public static bool IsReserved(string member) => member is DeviceMember or SequenceMember;

    /// <summary>Reads it; <see langword="null"/> for what a replica wrote of its own.</summary>
    public static ThinOrigin? Of(Mutation mutation) => mutation.Origin?.RequestId is not null
        && mutation.Context.Kind == ValueKind.Object
        && mutation.Context.TryGetMember(DeviceMember, out Value device) && device.Kind == ValueKind.String
        && Guid.TryParseExact(device.AsString(), "D", out Guid id)
        && mutation.Context.TryGetMember(SequenceMember, out Value sequence) && sequence.Kind == ValueKind.Integer
            ? new ThinOrigin(id, sequence.AsInteger()) : null;

    /// <summary>What the application had put there; <see langword="null"/> when nothing.</summary>
    public static Value? ContextOf(Mutation mutation)
    {
        if (mutation.Context.IsNull) return null;
        if (Of(mutation) is null) return mutation.Context;
        KeyValuePair<string, Value>[] own = [.. mutation.Context.AsObject().Where(m => !IsReserved(m.Key))];
        return own.Length == 0 ? (Value?)null : Value.ObjectOf(own);
    }

    /// <summary>The context to be written.</summary>
    public Value Into(Value? context) => Value.ObjectOf(
    [
        .. context is { Kind: ValueKind.Object } own ? own.AsObject() : [],
        new(DeviceMember, Device.ToString("D")), new(SequenceMember, Sequence),
    ]);
}
