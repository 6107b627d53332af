using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using MessagePack;

namespace Crdt.Properties;

/// <summary>Columns of tokens, packed and unpacked again.</summary>
[Trait("Law", "9")]
[Trait("Spec", "WF-2.2")]
public class PackingLaws
{
    private static readonly Arbitrary<int> Seeds = Arb.From(Gen.Choose(0, int.MaxValue));

    private readonly ColumnPacker packer = new();
    private readonly ColumnUnpacker unpacker = new();

    [Fact]
    public void Whatever_the_columns_hold_they_are_unpacked_as_they_were() => Law.Holds(Seeds, seed =>
    {
        byte[] plain = Columns(new Random(seed), out List<int> ends);
        CheckRoundTrip(plain, ends);
    });

    [Fact]
    public void Damaged_columns_are_refused_or_are_other_columns_of_that_length() => Law.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        byte[] plain = Columns(random, out List<int> ends);
        byte[] packed = [.. packer.Pack(plain, [.. ends], 0)];
        byte[] unpacked = new byte[plain.Length];
        for (int i = 0; i < 8 && packed.Length > 0; i++) unpacker.TryUnpack(Damage.Some(random, packed, from: 0), unpacked);
        byte[] noise = new byte[random.Next(200)];
        random.NextBytes(noise);
        unpacker.TryUnpack(noise, unpacked);
        if (packed.Length == 0) return;
        // An error leaves nothing behind.
        Assert.True(unpacker.TryUnpack(packed, unpacked));
        Assert.Equal(plain, unpacked);
        Assert.False(unpacker.TryUnpack([.. packed, 0], unpacked));
        Assert.False(unpacker.TryUnpack(packed.AsSpan(..^1), unpacked));
        Assert.False(unpacker.TryUnpack(packed, new byte[plain.Length + 1]));
        Assert.False(unpacker.TryUnpack(packed, new byte[plain.Length - 1]));
    });

    [Fact]
    public void A_code_of_counts_that_double_is_cut_to_the_longest_code_there_may_be()
    {
        byte[] row = [.. Enumerable.Range(0, 18).SelectMany(static s => Enumerable.Repeat((byte)(s * 3), 1 << s))];
        Random.Shared.Shuffle(row);
        var code = new HuffmanCode();
        int bits = code.Build(row);
        byte[] written = new byte[(bits / 8) + 16];
        var writer = new BitWriter(written);
        code.Write(ref writer, row);
        Assert.Equal(bits, writer.LengthBits);

        var table = new HuffmanTable();
        var reader = new BitReader(written.AsSpan(0, writer.Finish()));
        Assert.True(table.TryRead(ref reader));
        byte[] read = new byte[row.Length];
        table.ReadRow(ref reader, read);
        Assert.Equal(row, read);
        Assert.True(reader.IsAtEnd);
    }

    [Theory]
    [InlineData("all alike", 0.1)]
    [InlineData("32 letters", 0.66)]
    [InlineData("steps of one", 0.4)]
    [InlineData("a sentence over and over", 0.06)]
    [InlineData("anything", 1)]
    public void A_row_is_told_in_the_way_that_fits_it(string what, double part)
    {
        var random = new Random(7);
        byte[] content = [.. Enumerable.Range(0, 1_000).Select(i => what switch
        {
            "all alike" => (byte)'x',
            "32 letters" => (byte)('A' + random.Next(32)),
            "steps of one" => (byte)(i % 100),
            "a sentence over and over" => (byte)"What stands here stands here again, and again. "[i % 47],
            _ => (byte)random.Next(256),
        })];
        // Short texts, so that steps are tried; a long one for what repeats.
        int size = what == "steps of one" ? 400 : 1_000;
        byte[] plain = [0xDA, (byte)(size >> 8), (byte)size, .. content.AsSpan(0, size)];
        List<int> ends = [.. Enumerable.Repeat(0, ColumnPacker.ColumnCount - 1), plain.Length];
        int packed = CheckRoundTrip(plain, ends);
        Assert.InRange(packed, part == 1 ? 0 : 1, (int)(part * plain.Length));
    }

    private int CheckRoundTrip(byte[] plain, List<int> ends)
    {
        byte[] packed = [.. packer.Pack(plain, [.. ends], 0)];
        if (packed.Length == 0) return 0;
        Assert.InRange(packed.Length, 1, plain.Length);
        byte[] unpacked = new byte[plain.Length];
        Assert.True(unpacker.TryUnpack(packed, unpacked));
        Assert.Equal(plain, unpacked);
        return packed.Length;
    }

    /// <summary>Columns of tokens of every form, few or many, alike or not.</summary>
    private static byte[] Columns(Random random, out List<int> ends)
    {
        ends = [];
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        for (int column = 0; column < ColumnPacker.ColumnCount; column++)
        {
            int kinds = random.Next(1, 13), first = random.Next(13), tokens = random.Next(4) == 0 ? 0 : random.Next(1, random.Next(2) == 0 ? 8 : 120);
            for (int t = 0; t < tokens; t++) WriteToken(ref writer, random, (first + random.Next(kinds)) % 13);
            writer.Flush();
            ends.Add(buffer.WrittenCount);
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteToken(ref MessagePackWriter writer, Random random, int kind)
    {
        switch (kind)
        {
            case 0: writer.Write(random.Next(3)); break;
            case 1: writer.Write(random.NextInt64() >> random.Next(64)); break;
            case 2: writer.Write(-(random.NextInt64() >> random.Next(64))); break;
            case 3: writer.Write(random.NextDouble()); break;
            case 4: writer.Write(random.NextSingle()); break;
            case 5: writer.Write(Text(random, random.Next(12))); break;
            case 6: writer.Write(Text(random, random.Next(random.Next(500) == 0 ? 70_000 : 300))); break;
            case 7: writer.Write(new byte[random.Next(random.Next(500) == 0 ? 70_000 : 40)]); break;
            case 8: writer.WriteExtensionFormat(new ExtensionResult((sbyte)random.Next(-128, 128), new byte[random.Next(20)])); break;
            case 9: writer.WriteArrayHeader(random.Next(40)); break;
            case 10: writer.WriteMapHeader(random.Next(70_000)); break;
            case 11: writer.WriteNil(); break;
            default: writer.Write(random.Next(2) == 0); break;
        }
    }

    private static string Text(Random random, int length)
    {
        var text = new StringBuilder(length);
        while (text.Length < length) text.Append(random.Next(5) == 0 ? "gull at the window, " : $"{(char)('a' + random.Next(26))}");
        return text.ToString();
    }
}
