using System.Buffers;
using System.Text;
using MessagePack;

namespace Crdt;

/// <summary>Says who a replica is: the key that its node signs with, the role it writes in, the person it belongs to.
/// Certified by the space's authority, and so the same for everybody and for ever: another role or another key is
/// another replica id. A node whose id cannot be used any more goes on under a further one, by the same enrolment.</summary>
/// <remarks>Kept as the entity <c>$space/enrolment/{replica id}</c> (semantics 9 and 10).</remarks>
public sealed class Enrolment
{
    internal const string EntityType = "enrolment";

    /// <summary>Notes an enrolment down without a certificate: for the founding, which is itself the authority's word.</summary>
    /// <param name="replica">Who is enrolled.</param>
    /// <param name="publicKey">What its signatures are verified with.</param>
    /// <param name="role">The role it writes in.</param>
    /// <param name="owner">Whose it is: 1 to 255 bytes of UTF-8, or <see langword="null"/>.</param>
    /// <exception cref="ArgumentException">The id is empty, the key empty or longer than any scheme's, or the owner no
    /// name.</exception>
    public Enrolment(ReplicaId replica, ReadOnlyMemory<byte> publicKey, ReplicaRole role, string? owner = null)
        : this(replica, publicKey, role, owner, default)
    {
    }

    internal Enrolment(
        ReplicaId replica, ReadOnlyMemory<byte> publicKey, ReplicaRole role, string? owner, ReadOnlyMemory<byte> certificate)
    {
        if (replica.IsEmpty) throw new ArgumentException("The replica id is empty.", nameof(replica));
        if (publicKey.Length is 0 or > SignatureScheme.PublicKeyLengthBytesMax)
            throw new ArgumentException($"A public key of {publicKey.Length} bytes.", nameof(publicKey));
        if (!Enum.IsDefined(role)) throw new ArgumentException($"{role} is no role.", nameof(role));
        if (owner is not null) Utf8Name.Check(owner, "owner", nameof(owner));
        (Replica, PublicKey, Role, Owner, Certificate) = (replica, publicKey, role, owner, certificate);
    }

    /// <summary>Who is enrolled.</summary>
    public ReplicaId Replica { get; }

    /// <summary>What its signatures are verified with.</summary>
    public ReadOnlyMemory<byte> PublicKey { get; }

    /// <summary>The role it writes in.</summary>
    public ReplicaRole Role { get; }

    /// <summary>Whose it is; <see langword="null"/> when nobody is named.</summary>
    public string? Owner { get; }

    /// <summary>The authority's signature; empty in the founding, where none is needed.</summary>
    public ReadOnlyMemory<byte> Certificate { get; }

    internal EntityKey Key => KeyOf(Replica);

    /// <summary>Certifies an enrolment for a space.</summary>
    /// <param name="authority">The key of the space's authority.</param>
    /// <param name="space">The space: the certificate holds nowhere else.</param>
    /// <param name="replica">Who is enrolled, and nobody else.</param>
    /// <param name="publicKey">What its signatures are verified with.</param>
    /// <param name="role">The role it writes in.</param>
    /// <param name="owner">Whose it is: 1 to 255 bytes of UTF-8, or <see langword="null"/>.</param>
    /// <exception cref="ArgumentException">As for the constructor; or the key is none of the authority's scheme.</exception>
    public static Enrolment Issue(
        NodeKey authority, SpaceId space, ReplicaId replica, ReadOnlyMemory<byte> publicKey, ReplicaRole role,
        string? owner = null)
    {
        ArgumentNullException.ThrowIfNull(authority);
        var plain = new Enrolment(replica, publicKey, role, owner);
        if (!authority.Scheme.IsPublicKey(publicKey.Span))
            throw new ArgumentException($"This is no public key of {authority.Scheme.Name}.", nameof(publicKey));
        byte[] certificate = authority.Sign(SignedBytes.OfEnrolment(space, replica, role, owner, publicKey.Span));
        return new Enrolment(plain.Replica, plain.PublicKey, plain.Role, plain.Owner, certificate);
    }

    /// <summary>Reads what <see cref="ToBytes"/> wrote. Whether the certificate holds is another question.</summary>
    /// <exception cref="BatchFormatException">The bytes are something else.</exception>
    public static Enrolment FromBytes(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            var reader = new CanonicalReader(bytes);
            ReplicaId replica = AcknowledgementCodec.ReadReplica(ref reader);
            var role = (ReplicaRole)reader.ReadInt32((int)ReplicaRole.Authority, "A role");
            string owner = Encoding.UTF8.GetString(reader.ReadUtf8(FormatLimits.NameLengthBytesMax, "An owner's name"));
            byte[] key = reader.ReadBytes(SignatureScheme.PublicKeyLengthBytesMax, "A public key").ToArray();
            byte[] certificate = reader.ReadBytes(SignatureScheme.SignatureLengthBytesMax, "A certificate").ToArray();
            if (reader.Remaining != 0) throw reader.Fail(BatchError.Trailing, "There is more after the enrolment");
            return new Enrolment(replica, key, role, owner.Length == 0 ? null : owner, certificate);
        }
        catch (Exception e) when (e is EndOfStreamException or MessagePackSerializationException
            or OverflowException or ArgumentException or InvalidOperationException)
        {
            throw new BatchFormatException(BatchError.Truncated, $"This is no enrolment: {e.Message}", e);
        }
    }

    /// <summary>All of it (WF-7.5), to be shown to a node that has not heard of it.</summary>
    public byte[] ToBytes()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        var writer = new MessagePackWriter(buffer);
        AcknowledgementCodec.WriteReplica(ref writer, Replica);
        writer.Write((int)Role);
        writer.Write(Owner ?? "");
        writer.Write(PublicKey.Span);
        writer.Write(Certificate.Span);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The same, for a further id of the node.</summary>
    internal Enrolment For(ReplicaId id) =>
        id == Replica ? this : new Enrolment(id, PublicKey, Role, Owner, Certificate);

    internal static EntityKey KeyOf(ReplicaId replica) => new(EntityKey.SpaceDomain, EntityType, $"{replica}");

    /// <summary>Whether the authority's signature holds for this space.</summary>
    internal bool IsCertifiedBy(SignatureScheme scheme, ReadOnlySpan<byte> authorityKey, SpaceId space) => scheme.Verify(
        authorityKey, SignedBytes.OfEnrolment(space, Replica, Role, Owner, PublicKey.Span), Certificate.Span);
}
