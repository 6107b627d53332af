using System.Text;

namespace Crdt;

/// <summary>Enrolments and foundings as the fields of entities.</summary>
internal static class EnrolmentFields
{
    public const string Key = "key";
    public const string Role = "role";
    public const string Owner = "owner";
    public const string Certificate = "certificate";

    /// <summary>Written by the enrolled replica itself, first of all that it writes.</summary>
    public const string Joined = "joined";

    /// <summary>What an enrolment's entity consists of.</summary>
    public static IEnumerable<KeyValuePair<FieldPath, Value>> Of(Enrolment enrolment)
    {
        yield return new(Key, Value.From(enrolment.PublicKey.Span));
        yield return new(Role, NameOf(enrolment.Role));
        if (enrolment.Owner is { } owner) yield return new(Owner, owner);
        if (!enrolment.Certificate.IsEmpty) yield return new(Certificate, Value.From(enrolment.Certificate.Span));
    }

    /// <summary>The enrolment that a mutation writes; <see langword="null"/> when it writes none that holds together.</summary>
    public static Enrolment? Read(BatchColumns columns, int mutation)
    {
        ref readonly BatchColumns.MutationRow row = ref columns.Mutations[mutation];
        EntityKey key = columns.Entities[row.Entity];
        if (row.Kind != MutationKind.Create || key.Domain != EntityKey.SpaceDomain || key.Type != Enrolment.EntityType
            || !ReplicaId.TryParse(key.Id, out ReplicaId replica)) return null;
        return Build(replica, Find(columns, mutation, Key), Find(columns, mutation, Role), Find(columns, mutation, Owner),
            Find(columns, mutation, Certificate));
    }

    /// <summary>A certified enrolment as one value, for whoever begins to write by it.</summary>
    public static Value ToProof(Enrolment enrolment) =>
        Value.ObjectOf(Of(enrolment).Select(f => KeyValuePair.Create(f.Key.Name, f.Value)));

    /// <summary>Reads what <see cref="ToProof"/> made.</summary>
    /// <returns><see langword="null"/> when it does not hold together.</returns>
    public static Enrolment? FromProof(ReplicaId replica, Value proof)
    {
        if (proof.Kind != ValueKind.Object) return null;
        Value Member(string name) => proof.TryGetMember(name, out Value member) ? member : default;
        return Build(replica, Member(Key), Member(Role), Member(Owner), Member(Certificate));
    }

    private static Enrolment? Build(ReplicaId replica, Value publicKey, Value role, Value owner, Value certificate)
    {
        if (publicKey.Kind != ValueKind.Bytes || publicKey.AsBytes().Length is 0 or > SignatureScheme.PublicKeyLengthBytesMax
            || RoleOf(role) is not { } known || owner.Kind is not (ValueKind.Null or ValueKind.String)
            || certificate.Kind is not (ValueKind.Null or ValueKind.Bytes)) return null;
        if (!certificate.IsNull && certificate.AsBytes().Length > SignatureScheme.SignatureLengthBytesMax) return null;
        string? name = owner.IsNull ? null : owner.AsString();
        if (name is { Length: 0 } || (name is not null
            && Encoding.UTF8.GetByteCount(name) > FormatLimits.NameLengthBytesMax)) return null;
        return new Enrolment(
            replica, publicKey.AsBytes(), known, name, certificate.IsNull ? default : certificate.AsBytes());
    }

    /// <summary>The value that a mutation writes at a field; null when none.</summary>
    public static Value Find(BatchColumns columns, int mutation, FieldPath path)
    {
        for (int c = columns.ChangeStart(mutation); c < columns.Mutations[mutation].ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref columns.Changes[c];
            if (change.HasValue && columns.PathOf(change).Equals(path)) return change.Value;
        }
        return default;
    }

    private static string NameOf(ReplicaRole role) => role switch
    {
        ReplicaRole.Client => "client",
        ReplicaRole.Server => "server",
        _ => "authority",
    };

    private static ReplicaRole? RoleOf(Value name) => name.Kind != ValueKind.String ? null : name.AsString() switch
    {
        "client" => ReplicaRole.Client,
        "server" => ReplicaRole.Server,
        "authority" => ReplicaRole.Authority,
        _ => null,
    };
}
