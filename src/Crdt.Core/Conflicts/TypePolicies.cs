namespace Crdt;

/// <summary>How the fields of one type are read: the policies that hold for them, most exact match first, and the data
/// types that are known. Immutable.</summary>
internal sealed class TypePolicies(
    ConflictPolicy others, IReadOnlyDictionary<string, ConflictPolicy> fields, IReadOnlySet<string> touched,
    DataTypeTable? dataTypes = null)
{
    public static readonly TypePolicies Default = new(
        ConflictPolicy.LastWriteWins, new Dictionary<string, ConflictPolicy>(), new HashSet<string>());

    /// <summary>What decides between a delete and a concurrent write.</summary>
    public ExistencePolicy Existence { get; init; }

    private readonly bool isUniform = fields.Count == 0;

    /// <summary>Whether some field's policy asks a server for marks.</summary>
    public bool HasServerPolicies { get; } = IsOfServer(others) || fields.Values.Any(IsOfServer);

    /// <summary>The data types that this replica's users have registered.</summary>
    public DataTypeTable DataTypes { get; } = dataTypes ?? DataTypeTable.Empty;

    /// <summary>The policy of the field that <paramref name="path"/> lies in.</summary>
    public ConflictPolicy For(FieldPath path) => isUniform ? others : fields.GetValueOrDefault(TopName(path), others);

    /// <summary>Whether writes to that field alone leave the root register as it is (semantics 5).</summary>
    public bool IsTouch(FieldPath path) => touched.Count > 0 && touched.Contains(TopName(path));

    private static bool IsOfServer(ConflictPolicy policy) => policy is ConflictPolicy.ServerWins or ConflictPolicy.ClientWins;

    private static string TopName(FieldPath path) => path.Segments is [var top, ..] ? top.Name : "";
}
