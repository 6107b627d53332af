using System.Globalization;

namespace Crdt;

/// <summary>How a fence stands in the space's own data: entity <c>$space/fence/{replica id}</c>, field
/// <c>{sequence}-{hash in lower-case hex}</c>, the reason as its value (WF-2.16).</summary>
internal static class FenceEntity
{
    public const string EntityType = "fence";

    /// <summary>The greatest number of a reason, also of later versions.</summary>
    public const int ReasonMax = 255;

    private static readonly string[] Names = [.. Enum.GetValues<FenceReason>().Order().Select(static r => r.ToString().ToLowerInvariant())];

    public static EntityKey KeyOf(ReplicaId replica) => new(EntityKey.SpaceDomain, EntityType, replica.ToString());

    public static bool IsKey(EntityKey key) => key.IsSpaceData && key.Type == EntityType;

    public static FieldPath PathOf(in ChainHead head) => FieldPath.Field(
        $"{head.Sequence.ToString(CultureInfo.InvariantCulture)}-{Convert.ToHexStringLower(head.Hash.Span[..AuthorTable.HashLengthBytes])}");

    /// <summary>The reason; in a keyed space with the signature behind it.</summary>
    public static Value ValueOf(FenceReason reason, byte[] signature)
    {
        Value name = (int)reason < Names.Length ? Names[(int)reason] : (int)reason;
        return signature.Length == 0 ? name : Value.ArrayOf([name, signature]);
    }

    /// <summary>The fences that an entity states. What is no fence, or was not written in the server role, is passed over.</summary>
    public static IEnumerable<Fence> Read(EntityState state, ReplicaTable replicas)
    {
        if (!ReplicaId.TryParse(state.Key.Id, out ReplicaId replica) || replica.ToString() != state.Key.Id) yield break;
        for (int i = 0; i < state.Slots.Length; i++)
        {
            SiblingSlot slot = state.Slots[i];
            if (slot.Dot.Role == ReplicaRole.Client || !TryReadPlace(slot.Path, out long sequence, out byte[] hash)) continue;
            bool isSigned = slot.Value.Kind == ValueKind.Array && slot.Value.AsArray() is [{ Kind: ValueKind.String or ValueKind.Integer }, { Kind: ValueKind.Bytes }];
            yield return new Fence(new ChainHead(replica, sequence, hash),
                ReasonOf(isSigned ? slot.Value.AsArray()[0] : slot.Value), replicas.Resolve(slot.Dot))
            {
                Signature = isSigned ? slot.Value.AsArray()[1].AsBytes() : default,
            };
        }
    }

    /// <summary>The reason by its name; one of a later version, which has none here, by its number.</summary>
    public static FenceReason ReasonOf(Value value) => value.Kind switch
    {
        ValueKind.String when Array.IndexOf(Names, value.AsString().ToLowerInvariant()) is > 0 and int known => (FenceReason)known,
        ValueKind.Integer when value.AsInteger() is var later && later >= Names.Length && later <= ReasonMax => (FenceReason)later,
        _ => FenceReason.Other,
    };

    private static bool TryReadPlace(FieldPath path, out long sequence, out byte[] hash)
    {
        (sequence, hash) = (0, []);
        if (path.Depth != 1 || path.Kind != PathKind.Key) return false;
        string name = path.Name;
        int dash = name.IndexOf('-', StringComparison.Ordinal);
        if (dash < 1 || name.Length - dash - 1 != 2 * AuthorTable.HashLengthBytes
            || !long.TryParse(name.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out sequence)
            || sequence > Dot.SequenceMax) return false;
        hash = new byte[AuthorTable.HashLengthBytes];
        return Convert.FromHexString(name.AsSpan(dash + 1), hash, out _, out _) == System.Buffers.OperationStatus.Done
            && path.Equals(PathOf(new ChainHead(default, sequence, hash)));
    }
}
