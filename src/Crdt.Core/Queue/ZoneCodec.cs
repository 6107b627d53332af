using System.Buffers;
using System.Text;
using MessagePack;

namespace Crdt;

/// <summary>A zone's content as bytes for the replica's own store.</summary>
internal static class ZoneCodec
{
    private const int FormatVersion = 1;
    private const int NamesLengthBytesMax = 1 << 24;

    public static byte[] Encode(ZoneSummary zone)
    {
        var buffer = new ArrayBufferWriter<byte>(1_024);
        var writer = new MessagePackWriter(buffer);
        writer.Write(FormatVersion);
        writer.Write(zone.Mutations);
        writer.Write(zone.FirstMs);
        writer.Write(zone.LastMs);
        writer.Write(zone.Kinds);
        writer.WriteArrayHeader(zone.Authors.Count);
        foreach ((ReplicaId author, long first, long last) in zone.Authors)
        {
            AcknowledgementCodec.WriteReplica(ref writer, author);
            writer.Write(first);
            writer.Write(last);
        }
        writer.WriteArrayHeader(zone.Types.Count);
        foreach ((string domain, string type) in zone.Types)
        {
            writer.Write(domain);
            writer.Write(type);
        }
        writer.WriteArrayHeader(zone.Users.Count);
        // No user's name is empty.
        foreach (string? user in zone.Users) writer.Write(user ?? "");
        writer.WriteArrayHeader(zone.Writers.Count);
        foreach ((int author, int user, int mutations) in zone.Writers)
        {
            writer.Write(author);
            writer.Write(user);
            writer.Write(mutations);
        }
        writer.Write(zone.Names.Span);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a zone back; <see langword="null"/> when it was written by another version.</summary>
    /// <param name="zone">What the store kept.</param>
    /// <param name="intern">Gives equal strings one place in memory.</param>
    public static ZoneSummary? Decode(LogZone zone, Func<string, string> intern)
    {
        var reader = new CanonicalReader(zone.Content);
        if (reader.ReadInt32(int.MaxValue, "The version") != FormatVersion) return null;
        int mutations = reader.ReadInt32(int.MaxValue, "The number of mutations");
        long firstMs = reader.ReadInt64(), lastMs = reader.ReadInt64();
        int kinds = reader.ReadInt32(int.MaxValue, "The kinds");
        var authors = new ZoneSummary.AuthorRange[reader.ReadArrayHeader("The authors")];
        for (int i = 0; i < authors.Length; i++)
        {
            authors[i] = new ZoneSummary.AuthorRange(
                AcknowledgementCodec.ReadReplica(ref reader), reader.ReadSequence(), reader.ReadSequence());
        }
        var types = new (string, string)[reader.ReadArrayHeader("The types")];
        for (int i = 0; i < types.Length; i++) types[i] = (Text(ref reader), Text(ref reader));
        var users = new string?[reader.ReadArrayHeader("The users")];
        for (int i = 0; i < users.Length; i++) users[i] = Text(ref reader) is { Length: > 0 } user ? user : null;
        var writers = new ZoneSummary.Writer[reader.ReadArrayHeader("The writers")];
        for (int i = 0; i < writers.Length; i++)
        {
            writers[i] = new ZoneSummary.Writer(
                reader.ReadInt32(authors.Length - 1, "An author"), reader.ReadInt32(users.Length - 1, "A user"),
                reader.ReadInt32(mutations, "A number of mutations"));
        }
        byte[] names = reader.ReadBytes(NamesLengthBytesMax, "The names").ToArray();
        return new ZoneSummary(zone.From, zone.To, mutations, firstMs, lastMs, kinds, authors, types, users, writers, names);

        string Text(ref CanonicalReader from) =>
            intern(Encoding.UTF8.GetString(from.ReadUtf8(FormatLimits.NameLengthBytesMax, "A name")));
    }
}
