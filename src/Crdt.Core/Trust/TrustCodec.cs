using MessagePack;

namespace Crdt;

/// <summary>Founding and members as MessagePack, for the replica's own checkpoint.</summary>
internal static class TrustCodec
{
    public static void Write(ref MessagePackWriter output, TrustTable trust)
    {
        Founding? founding = trust.PublishedFounding;
        output.Write(founding is not null);
        if (founding is null) return;
        AcknowledgementCodec.WriteReplica(ref output, founding.Authority);
        output.Write(founding.Last);
        output.Write(founding.IsKeyed);
        if (!founding.IsKeyed) return;
        output.Write(founding.Scheme!);
        output.Write(founding.Key.Span);
        WriteMembers(ref output, [.. trust.Members]);
    }

    /// <summary>Members in order of ids.</summary>
    public static void WriteMembers(
        ref MessagePackWriter output, IReadOnlyCollection<KeyValuePair<ReplicaId, Member>> members)
    {
        output.Write(members.Count);
        foreach ((ReplicaId replica, Member member) in members)
        {
            AcknowledgementCodec.WriteReplica(ref output, replica);
            output.Write(member.Joined is not null);
            if (member.Joined is { } joined) AcknowledgementCodec.WriteDot(ref output, joined);
            output.Write(member.Enrolments.Length);
            foreach ((Dot dot, Enrolment enrolment) in member.Enrolments)
            {
                AcknowledgementCodec.WriteDot(ref output, dot);
                AcknowledgementCodec.WriteReplica(ref output, enrolment.Replica);
                output.Write((int)enrolment.Role);
                output.Write(enrolment.PublicKey.Span);
                output.Write(enrolment.Owner ?? "");
                output.Write(enrolment.Certificate.Span);
            }
        }
    }

    public static void Read(ref CanonicalReader reader, TrustTable trust)
    {
        if (!reader.ReadBoolean()) return;
        ReplicaId authority = AcknowledgementCodec.ReadReplica(ref reader);
        long last = reader.ReadSequence();
        if (!reader.ReadBoolean())
        {
            trust.Restore(new Founding(authority, last, null, default), []);
            return;
        }
        string scheme = ReadText(ref reader);
        var founding = new Founding(authority, last, scheme, ReadKey(ref reader));
        trust.Restore(founding, ReadMembers(ref reader));
    }

    /// <summary>Reads back what <see cref="WriteMembers"/> wrote; whether the certificates hold is another question.</summary>
    public static List<KeyValuePair<ReplicaId, Member>> ReadMembers(ref CanonicalReader reader)
    {
        var members = new List<KeyValuePair<ReplicaId, Member>>();
        for (int i = reader.ReadCount("The number of members"); i > 0; i--)
        {
            ReplicaId replica = AcknowledgementCodec.ReadReplica(ref reader);
            if (members.Count > 0 && members[^1].Key >= replica)
                throw reader.Fail(BatchError.NotCanonical, "The members are not in order");
            Dot? joined = reader.ReadBoolean() ? AcknowledgementCodec.ReadDot(ref reader) : null;
            var member = new Member([], joined);
            for (int e = reader.ReadCount("The number of enrolments"); e > 0; e--)
            {
                Dot dot = AcknowledgementCodec.ReadDot(ref reader);
                ReplicaId enrolled = AcknowledgementCodec.ReadReplica(ref reader);
                var role = (ReplicaRole)reader.ReadInt32((int)ReplicaRole.Authority, "A role");
                ReadOnlyMemory<byte> key = ReadKey(ref reader);
                string owner = ReadText(ref reader);
                ReadOnlyMemory<byte> certificate =
                    reader.ReadMemory(SignatureScheme.SignatureLengthBytesMax, "A certificate");
                member = member.With(dot, new Enrolment(enrolled, key, role, owner.Length == 0 ? null : owner, certificate));
            }
            if (member.Enrolments.IsEmpty || (joined is { } named && member.Under(named) is null))
                throw reader.Fail(BatchError.OutOfRange, $"{replica} is no member");
            members.Add(new(replica, member));
        }
        return members;
    }

    private static ReadOnlyMemory<byte> ReadKey(ref CanonicalReader reader) =>
        reader.ReadMemory(SignatureScheme.PublicKeyLengthBytesMax, "A public key");

    private static string ReadText(ref CanonicalReader reader) =>
        System.Text.Encoding.UTF8.GetString(reader.ReadUtf8(FormatLimits.NameLengthBytesMax, "A name"));
}
