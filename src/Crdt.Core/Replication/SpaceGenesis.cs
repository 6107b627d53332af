using System.Buffers;
using MessagePack;

namespace Crdt;

/// <summary>The founding of a space: the batch that its authority wrote, with the name and the first policies. Its
/// chain head is the space's id, so nobody can found the same space differently. Given to every device that joins.</summary>
/// <remarks>The authority's signature takes its place with the enrolment of node keys.</remarks>
public sealed class SpaceGenesis
{
    internal const string SettingsType = "settings";
    internal const string NameField = "name";
    internal static readonly EntityKey SettingsKey = new(EntityKey.SpaceDomain, SettingsType, "space");

    private const int FormatVersion = 1;

    private SpaceGenesis(ReplicaId authority, ReadOnlyMemory<byte> batch)
    {
        (Authority, Batch) = (authority, batch);
        Head = AuthorTable.ChainNext(AuthorTable.ChainStart(authority), batch.Span);
        Space = SpaceId.FromBytes(Head);
    }

    /// <summary>The space's identity.</summary>
    public SpaceId Space { get; }

    /// <summary>The replica id under which the authority writes.</summary>
    public ReplicaId Authority { get; }

    /// <summary>The genesis batch, sequence 1 onwards of the authority.</summary>
    public ReadOnlyMemory<byte> Batch { get; }

    internal byte[] Head { get; }

    /// <summary>Founds a space.</summary>
    /// <param name="authority">A fresh id for the authority.</param>
    /// <param name="name">A name for people; 1 to 255 bytes of UTF-8.</param>
    /// <param name="policies">The first conflict policies, by scope.</param>
    /// <param name="time">Source of wall time.</param>
    /// <exception cref="ArgumentException">The name breaks the rule of names, or the id is empty.</exception>
    public static SpaceGenesis Create(
        ReplicaId authority, string name, IEnumerable<KeyValuePair<PolicyScope, ConflictPolicy>> policies,
        TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(policies);
        if (authority.IsEmpty) throw new ArgumentException("The authority's id is empty.", nameof(authority));
        Utf8Name.Check(name, "name of the space", nameof(name));
        var clock = new HybridLogicalClock(time, TimeSpan.Zero);
        var columns = new BatchColumns { Role = ReplicaRole.Authority };
        AddCreate(columns, clock, SettingsKey, NameField, name);
        foreach ((PolicyScope scope, ConflictPolicy policy) in policies.OrderBy(p => p.Key.Key))
            AddCreate(columns, clock, scope.Key, PolicyTable.ConflictField, policy.ToString());
        columns.Mutations[columns.MutationCount - 1].EndsTransaction = true;
        return new SpaceGenesis(authority, new BatchWriter().Write(columns, 1));
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
            if (reader.Remaining != 0) throw reader.Fail(BatchError.Trailing, "There is more after the founding");
            var columns = new BatchColumns();
            new BatchReader().Read(batch, authority, 1, columns);
            if (columns.Role != ReplicaRole.Authority)
                throw reader.Fail(BatchError.OutOfRange, "The genesis batch was not written by an authority");
            return new SpaceGenesis(authority, batch);
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
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void AddCreate(BatchColumns columns, HybridLogicalClock clock, EntityKey key, string field, string value)
    {
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        row.Kind = MutationKind.Create;
        row.Timestamp = clock.Tick();
        row.Entity = columns.Entities.GetOrAdd(key);
        ref BatchColumns.ChangeRow root = ref columns.AddChange(BatchColumns.RootPath);
        (root.HasValue, root.Value) = (true, Value.True);
        ref BatchColumns.ChangeRow change = ref columns.AddChange(columns.Paths.GetOrAdd(field));
        (change.HasValue, change.Value) = (true, value);
    }
}
