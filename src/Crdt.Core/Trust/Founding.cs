namespace Crdt;

/// <summary>What a space's genesis batch says about trust: bound, as all of it, by the space's id.</summary>
/// <param name="Authority">Who wrote it.</param>
/// <param name="Last">The genesis batch's last sequence: what stands in it needs no certificate.</param>
/// <param name="Scheme">Name of the scheme of signing; <see langword="null"/> in an open space.</param>
/// <param name="Key">The authority's public key; empty in an open space.</param>
internal sealed record Founding(ReplicaId Authority, long Last, string? Scheme, ReadOnlyMemory<byte> Key)
{
    public const string SchemeField = "scheme";
    public const string KeyField = "key";

    /// <summary>Whether everybody who writes has to be enrolled, and signs.</summary>
    public bool IsKeyed => Scheme is not null;

    /// <summary>Reads a genesis batch.</summary>
    /// <returns><see langword="null"/> when it names a scheme without a key, or the other way round.</returns>
    public static Founding? Read(BatchColumns columns, ReplicaId authority)
    {
        for (int m = 0; m < columns.MutationCount; m++)
        {
            if (columns.Entities[columns.Mutations[m].Entity] != SpaceGenesis.SettingsKey) continue;
            Value scheme = EnrolmentFields.Find(columns, m, SchemeField), key = EnrolmentFields.Find(columns, m, KeyField);
            if (scheme.IsNull && key.IsNull) break;
            return scheme.Kind == ValueKind.String && key.Kind == ValueKind.Bytes
                ? new Founding(authority, columns.MutationCount, scheme.AsString(), key.AsBytes())
                : null;
        }
        return new Founding(authority, columns.MutationCount, null, default);
    }
}
