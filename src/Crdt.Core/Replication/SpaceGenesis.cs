using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>The founding of a space: the batch that its authority wrote, with the name and the first policies. Its
/// chain head is the space's id, so nobody can found the same space differently. Given to every device that joins.</summary>
/// <remarks>An *open* space has no key: whoever reaches it writes, and roles are claims. A *keyed* one is founded with
/// the authority's key: only who is enrolled writes, and everything is signed.</remarks>
public sealed class SpaceGenesis
{
    internal const string SettingsType = "settings";
    internal const string NameField = "name";
    internal const string BatchFormatField = "batch_format";
    internal static readonly EntityKey SettingsKey = new(EntityKey.SpaceDomain, SettingsType, "space");

    private const int FormatVersion = 1;

    private readonly Founding founding;
    private readonly byte[] hash;

    private SpaceGenesis(Founding founding, ReadOnlyMemory<byte> batch)
    {
        (this.founding, Batch) = (founding, batch);
        hash = AuthorTable.ChainNext(AuthorTable.ChainStart(founding.Authority), batch.Span);
        Space = SpaceId.FromBytes(hash);
    }

    /// <summary>The space's identity.</summary>
    public SpaceId Space { get; }

    /// <summary>The replica id under which the authority writes.</summary>
    public ReplicaId Authority => founding.Authority;

    /// <summary>Whether only who is enrolled writes.</summary>
    public bool IsKeyed => founding.IsKeyed;

    /// <summary>Name of the scheme of signing; <see langword="null"/> in an open space.</summary>
    public string? SchemeName => founding.Scheme;

    /// <summary>The authority's public key; empty in an open space.</summary>
    public ReadOnlyMemory<byte> AuthorityKey => founding.Key;

    /// <summary>The authority's signature over the head of the genesis batch; empty in an open space.</summary>
    public ReadOnlyMemory<byte> Signature { get; private init; }

    /// <summary>The genesis batch, sequence 1 onwards of the authority.</summary>
    public ReadOnlyMemory<byte> Batch { get; }

    internal byte[] Head => [.. hash, .. Signature.Span];

    /// <summary>Founds a space.</summary>
    /// <param name="authority">A fresh id for the authority.</param>
    /// <param name="name">A name for people; 1 to 255 bytes of UTF-8.</param>
    /// <param name="policies">The first conflict policies, by scope.</param>
    /// <param name="time">Source of wall time.</param>
    /// <param name="key">The authority's key, for a keyed space; <see langword="null"/> founds an open one.</param>
    /// <param name="members">Who is enrolled from the beginning; needs <paramref name="key"/>. The authority itself
    /// always is.</param>
    /// <param name="existence">The first existence policies, by scope.</param>
    /// <exception cref="ArgumentException">The name breaks the rule of names, the id is empty, or a member is enrolled
    /// twice, is the authority, or has a key of another scheme.</exception>
    public static SpaceGenesis Create(
        ReplicaId authority, string name, IEnumerable<KeyValuePair<PolicyScope, ConflictPolicy>> policies,
        TimeProvider time, NodeKey? key = null, IEnumerable<Enrolment>? members = null,
        IEnumerable<KeyValuePair<PolicyScope, ExistencePolicy>>? existence = null)
    {
        ArgumentNullException.ThrowIfNull(policies);
        if (authority.IsEmpty) throw new ArgumentException("The authority's id is empty.", nameof(authority));
        Utf8Name.Check(name, "name of the space", nameof(name));
        var clock = new HybridLogicalClock(time, TimeSpan.Zero);
        var columns = new BatchColumns { Role = ReplicaRole.Authority };
        var settings = new List<KeyValuePair<FieldPath, Value>> { new(NameField, name) };
        if (key is not null)
        {
            settings.Add(new(Founding.SchemeField, key.Scheme.Name));
            settings.Add(new(Founding.KeyField, Value.From(key.PublicKey.Span)));
        }
        AddCreate(columns, clock, SettingsKey, settings);
        foreach ((EntityKey scope, List<KeyValuePair<FieldPath, Value>> fields) in PoliciesOf(policies, existence ?? []))
            AddCreate(columns, clock, scope, fields);
        foreach (Enrolment member in Checked(members ?? [], authority, key))
            AddCreate(columns, clock, member.Key, EnrolmentFields.Of(member));
        columns.Mutations[columns.MutationCount - 1].EndsTransaction = true;
        byte[] batch = new BatchWriter().Write(columns, 1);
        var genesis = new SpaceGenesis(Founding.Read(columns, authority)!, batch);
        return key is null ? genesis : new SpaceGenesis(genesis.founding, batch)
        {
            Signature = key.Sign(
                SignedBytes.OfHead(genesis.Space, authority, genesis.founding.Last, genesis.hash)),
        };
    }

    /// <summary>Reads what <see cref="ToBytes"/> wrote.</summary>
    /// <exception cref="BatchFormatException">The bytes are something else.</exception>
    public static SpaceGenesis FromBytes(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            var reader = new CanonicalReader(bytes);
            if (reader.ReadInt32(int.MaxValue, "The version of the founding") != FormatVersion)
                throw reader.Fail(BatchError.UnknownFormat, "The founding has a format that is not known here");
            ReplicaId authority = AcknowledgementCodec.ReadReplica(ref reader);
            byte[] batch = reader.ReadBytes(FormatLimits.BatchLengthBytesMax, "The genesis batch").ToArray();
            byte[] signature = reader.Remaining == 0
                ? [] : reader.ReadBytes(SignatureScheme.SignatureLengthBytesMax, "The signature").ToArray();
            if (reader.Remaining != 0) throw reader.Fail(BatchError.Trailing, "There is more after the founding");
            var columns = new BatchColumns();
            new BatchReader().Read(batch, authority, 1, columns);
            if (columns.Role != ReplicaRole.Authority)
                throw reader.Fail(BatchError.OutOfRange, "The genesis batch was not written by an authority");
            Founding founding = Founding.Read(columns, authority)
                ?? throw reader.Fail(BatchError.OutOfRange, "The genesis batch has a key and no scheme, or the other way round");
            if (founding.IsKeyed == (signature.Length == 0))
                throw reader.Fail(BatchError.OutOfRange, "The founding of a keyed space is signed, that of an open one is not");
            return new SpaceGenesis(founding, batch) { Signature = signature };
        }
        catch (Exception e) when (e is EndOfStreamException or MessagePackSerializationException
            or OverflowException or ArgumentException or InvalidOperationException)
        {
            throw new BatchFormatException(BatchError.Truncated, $"This is not the founding of a space: {e.Message}", e);
        }
    }

    /// <summary>Everything a device needs to join, to be handed over as a file or a message.</summary>
    public byte[] ToBytes()
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        writer.Write(FormatVersion);
        AcknowledgementCodec.WriteReplica(ref writer, Authority);
        writer.Write(Batch.Span);
        if (IsKeyed) writer.Write(Signature.Span);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Whether the authority has certified an enrolment in this space; nobody is enrolled in an open one.</summary>
    /// <param name="enrolment">As somebody shows it.</param>
    /// <param name="scheme">The scheme of signing that is known here.</param>
    public bool Certifies(Enrolment enrolment, SignatureScheme? scheme = null)
    {
        ArgumentNullException.ThrowIfNull(enrolment);
        scheme ??= EcdsaSignatures.Instance;
        return IsKeyed && scheme.Name == SchemeName && enrolment.Replica != Authority
            && scheme.IsPublicKey(enrolment.PublicKey.Span) && enrolment.IsCertifiedBy(scheme, AuthorityKey.Span, Space);
    }

    /// <summary>The founding as a run, to begin a replica with.</summary>
    internal BatchRun ToRun() => new(Authority, 1, [Batch], founding.Last, Head) { IsFounding = true };

    private static SortedDictionary<EntityKey, List<KeyValuePair<FieldPath, Value>>> PoliciesOf(
        IEnumerable<KeyValuePair<PolicyScope, ConflictPolicy>> policies,
        IEnumerable<KeyValuePair<PolicyScope, ExistencePolicy>> existence)
    {
        var byScope = new SortedDictionary<EntityKey, List<KeyValuePair<FieldPath, Value>>>();
        foreach ((PolicyScope scope, ConflictPolicy policy) in policies) Add(scope, PolicyTable.ConflictField, policy.ToString());
        foreach ((PolicyScope scope, ExistencePolicy policy) in existence) Add(scope, PolicyTable.ExistenceField, policy.ToString());
        return byScope;

        void Add(PolicyScope scope, string field, string policy)
        {
            if (!byScope.TryGetValue(scope.Key, out List<KeyValuePair<FieldPath, Value>>? fields)) byScope[scope.Key] = fields = [];
            fields.Add(new(field, policy));
        }
    }

    private static IEnumerable<Enrolment> Checked(IEnumerable<Enrolment> members, ReplicaId authority, NodeKey? key)
    {
        var enrolled = new HashSet<ReplicaId> { authority };
        foreach (Enrolment member in members.OrderBy(m => m.Replica))
        {
            if (key is null) throw new ArgumentException("In an open space nobody is enrolled.", nameof(members));
            if (!enrolled.Add(member.Replica))
                throw new ArgumentException($"{member.Replica} is enrolled twice, or is the authority.", nameof(members));
            if (!key.Scheme.IsPublicKey(member.PublicKey.Span))
                throw new ArgumentException($"The key of {member.Replica} is none of {key.Scheme.Name}.", nameof(members));
            yield return member;
        }
    }

    private static void AddCreate(
        BatchColumns columns, HybridLogicalClock clock, EntityKey key, IEnumerable<KeyValuePair<FieldPath, Value>> fields)
    {
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        row.Kind = MutationKind.Create;
        row.Timestamp = clock.Tick();
        row.Entity = columns.Entities.GetOrAdd(key);
        ref BatchColumns.ChangeRow root = ref columns.AddChange(BatchColumns.RootPath);
        (root.HasValue, root.Value) = (true, Value.True);
        foreach ((FieldPath field, Value value) in fields.OrderBy(f => f.Key))
        {
            ref BatchColumns.ChangeRow change = ref columns.AddChange(columns.Paths.GetOrAdd(field));
            (change.HasValue, change.Value) = (true, value);
        }
    }
}
