using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Crdt.Transport.Discovery.Mdns;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Xunit.Abstractions;

namespace Crdt.Integration.Discovery;

/// <summary>DNS messages: what is written is read, and what is not one costs little and does no harm.</summary>
public sealed class DnsCodecTests(ITestOutputHelper output)
{
    // A run for the record: CRDT_FUZZ_INPUTS=10000000.
    private const int FuzzInputs = 200_000;

    private static readonly DnsName Host = DnsName.Of("0123456789abcdef", "local");

    [Property(MaxTest = 500)]
    public Property What_is_written_is_read() => Prop.ForAll(Records().ArrayOf().ToArbitrary(), records =>
    {
        var writer = new DnsWriter(isResponse: true);
        writer.TryAdd(new DnsQuestion(MdnsLab.ServiceType, DnsType.Ptr));
        DnsRecord[] fitting = [.. records.TakeWhile(r => writer.TryAdd(DnsWriter.Section.Answer, r))];
        DnsMessage read = DnsReader.TryRead(writer.ToArray())!;
        return read.IsResponse && read.Questions.Single() == new DnsQuestion(MdnsLab.ServiceType, DnsType.Ptr)
            && read.Answers.Count == fitting.Length
            && read.Answers.Zip(fitting).All(p => p.First.Says(p.Second) && p.First.TtlSeconds == p.Second.TtlSeconds
                && p.First.IsUnique == p.Second.IsUnique);
    });

    [Fact]
    public void Names_are_compared_without_case_and_may_hold_dots()
    {
        Assert.Equal(DnsName.Of("A.b", "LOCAL"), DnsName.Of("a.B", "local"));
        Assert.Equal(DnsName.Of("A.b", "LOCAL").GetHashCode(), DnsName.Of("a.B", "local").GetHashCode());
        Assert.NotEqual(DnsName.Of("a.b", "local"), DnsName.Of("a", "b", "local"));
        Assert.Equal("a.b", DnsName.Of("a.b", "local").FirstLabel);
        Assert.Throws<ArgumentException>(() => DnsName.Of(new string('x', 64)));
        Assert.Throws<ArgumentException>(() => DnsName.Of([.. Enumerable.Repeat(new string('x', 63), 4)]));
    }

    [Fact]
    public void Ports_that_look_like_letters_are_told_apart() =>
        Assert.False(DnsRecord.Srv(Host, 0x4141, Host).Says(DnsRecord.Srv(Host, 0x6161, Host)));

    [Theory]
    [InlineData("itself", "C00C")]
    [InlineData("forwards", "C010")]
    [InlineData("into the header", "C004")]
    [InlineData("a label of unknown kind", "8001")]
    [InlineData("a label that ends behind the message", "3F61")]
    [InlineData("nothing", "")]
    public void A_name_that_leads_nowhere_is_refused(string what, string name)
    {
        byte[] message = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. Convert.FromHexString(name), 0, 12, 0, 1];
        Assert.True(DnsReader.TryRead(message) is null, what);
    }

    [Fact]
    public void More_than_255_bytes_by_pointers_are_refused()
    {
        // Five times 60 bytes, each pointing to the one before.
        var message = new List<byte> { 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0 };
        int before = -1;
        for (int i = 0; i < 5; i++)
        {
            int at = message.Count;
            message.Add(60);
            message.AddRange(new byte[60].Select(_ => (byte)'x'));
            if (before < 0) message.Add(0);
            else message.AddRange([(byte)(0xC0 | (before >> 8)), (byte)before]);
            message.AddRange([0, 12, 0, 1]);
            before = at;
        }
        Assert.Null(DnsReader.TryRead([.. message]));
    }

    [Fact]
    public void A_full_datagram_of_one_byte_labels_or_of_pointers_costs_next_to_nothing()
    {
        byte[] labels = new byte[DnsReader.LengthBytesMax];
        for (int i = 12; i < labels.Length; i += 2) labels[i] = 1;
        BinaryPrimitives.WriteUInt16BigEndian(labels.AsSpan(4), 200);
        byte[] pointers = new byte[DnsReader.LengthBytesMax];
        BinaryPrimitives.WriteUInt16BigEndian(pointers.AsSpan(4), 250);
        for (int i = 14; i + 1 < pointers.Length; i += 2)
            BinaryPrimitives.WriteUInt16BigEndian(pointers.AsSpan(i), (ushort)(0xC000 | (i - 2)));
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < 1_000; i++)
        {
            Assert.Null(DnsReader.TryRead(labels));
            DnsReader.TryRead(pointers);
        }
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 5);
    }

    [Fact]
    public void Too_long_too_many_or_of_another_kind_is_refused()
    {
        Assert.Null(DnsReader.TryRead(new byte[11]));
        Assert.NotNull(DnsReader.TryRead(new byte[12]));
        Assert.Null(DnsReader.TryRead(new byte[DnsReader.LengthBytesMax + 1]));
        Assert.Null(DnsReader.TryRead([0, 0, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Null(DnsReader.TryRead([0, 0, 0x80, 3, 0, 0, 0, 0, 0, 0, 0, 0]));
        byte[] many = new byte[12 + (257 * 5)];
        (many[4], many[5]) = (1, 1);
        Assert.Null(DnsReader.TryRead(many));
    }

    [Fact]
    public void Text_without_an_equals_sign_or_twice_or_cut_off_is_what_the_standard_says()
    {
        DnsRecord text = new(Host, DnsType.Txt, 10, true, [3, (byte)'a', (byte)'=', (byte)'1', 3, (byte)'A', (byte)'=', (byte)'2', 1, (byte)'b', 0]);
        Assert.Equal([new("a", "1")], text.Properties());
        var writer = new DnsWriter(isResponse: true);
        writer.TryAdd(DnsWriter.Section.Answer, text with { Data = [5, (byte)'a'] });
        Assert.Null(DnsReader.TryRead(writer.ToArray()));
    }

    [Fact]
    public void The_corpus_is_read_as_it_was_when_it_was_kept()
    {
        byte[][] seeds = DnsSeeds.Read();
        Assert.InRange(seeds.Length, 8, 1_000);
        Assert.All(seeds, seed => Assert.NotNull(DnsReader.TryRead(seed)));
    }

    [Fact]
    public void Mutated_messages_are_read_or_refused_and_nothing_else_happens()
    {
        int inputs = int.TryParse(Environment.GetEnvironmentVariable("CRDT_FUZZ_INPUTS"), NumberStyles.None, CultureInfo.InvariantCulture, out int asked)
            ? asked : FuzzInputs;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("CRDT_FUZZ_SEED"), out int given) ? given : 20261123;
        var random = new Random(seed);
        byte[][] seeds = DnsSeeds.Read();
        int read = 0;
        long readingTicks = 0, slowest = 0;
        for (int i = 0; i < inputs; i++)
        {
            byte[] input = DnsSeeds.Mutate(seeds[random.Next(seeds.Length)], random);
            long started = Stopwatch.GetTimestamp();
            DnsMessage? message = null;
            try
            {
                message = DnsReader.TryRead(input);
                foreach (DnsRecord record in message?.Answers.Concat(message.Authorities).Concat(message.Additionals) ?? [])
                    Use(record);
            }
            catch (Exception e)
            {
                Assert.Fail($"Seed {seed}, input {i}: {Convert.ToHexString(input)}: {e}");
            }
            long took = Stopwatch.GetTimestamp() - started;
            readingTicks += took;
            slowest = Math.Max(slowest, took);
            if (message is not null) read++;
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{inputs} inputs, {read} read: {Stopwatch.GetElapsedTime(0, readingTicks).TotalMicroseconds / inputs:0.00} µs each, the slowest {Stopwatch.GetElapsedTime(0, slowest).TotalMilliseconds:0.0} ms"));
        Assert.InRange(read, inputs / 20, inputs);
    }

    // What discovery does with a record, whatever is in it.
    private static void Use(DnsRecord record)
    {
        _ = record.Name.ToString() + record.Name.FirstLabel;
        switch (record.Type)
        {
            case DnsType.Ptr:
                Assert.InRange(record.Target.Wire.Length, 1, DnsName.LengthBytesMax);
                _ = record.Target.Parent.FirstLabel;
                break;
            case DnsType.Srv:
                _ = record.Port + record.Target.ToString();
                break;
            case DnsType.Txt:
                _ = record.Properties().Count;
                break;
            case DnsType.A or DnsType.Aaaa:
                _ = record.Address.ToString();
                break;
        }
    }

    private static Gen<DnsRecord> Records() => Gen.OneOf(
        Names().Select(n => DnsRecord.Ptr(MdnsLab.ServiceType, n)),
        Names().SelectMany(n => Gen.Choose(0, 65_535).Select(port => DnsRecord.Srv(n, (ushort)port, Host))),
        Names().SelectMany(n => Gen.Choose(0, 40).Select(length => DnsRecord.Txt(n, new Dictionary<string, string> { ["k"] = new string('v', length) }))),
        Gen.Choose(1, 254).Select(b => DnsRecord.Host(Host, new IPAddress([10, 0, 0, (byte)b]))),
        Gen.Choose(1, 254).Select(b => DnsRecord.Host(Host, IPAddress.Parse($"fe80::{b:x}"))));

    private static Gen<DnsName> Names() => Gen.Elements("a", "A", "device.one", "mit Leerzeichen", "ü", new string('x', 63))
        .SelectMany(label => Gen.Elements(MdnsLab.ServiceType, DnsName.Of("local"), Host).Select(parent => parent.Under(label)));
}
