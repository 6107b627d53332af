using System.Buffers.Binary;
using System.Globalization;
using Crdt;

namespace FieldDay;

/// <summary>What is recorded in the field beside the reports: notes of one to nine seconds, as WAV files. There are no real ones
/// to be had, so each is noise that follows from its number.</summary>
internal static class VoiceNotes
{
    public const int Count = 200;

    private const int SamplesPerSecond = 8_000;
    private const int HeaderLengthBytes = 44;

    public static EntityKey Key(int number) => new("incident", "note", number.ToString("D3", CultureInfo.InvariantCulture));

    public static MemoryStream Record(int number)
    {
        var random = new Random(number);
        byte[] wav = new byte[HeaderLengthBytes + random.Next(SamplesPerSecond, 9 * SamplesPerSecond)];
        random.NextBytes(wav.AsSpan(HeaderLengthBytes));
        "RIFF"u8.CopyTo(wav);
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(4), wav.Length - 8);
        "WAVEfmt "u8.CopyTo(wav.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(20), 1); // PCM
        BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(22), 1); // one channel
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(24), SamplesPerSecond);
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(28), SamplesPerSecond);
        BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(32), 1);
        BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(34), 8); // bits a sample
        "data"u8.CopyTo(wav.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(40), wav.Length - HeaderLengthBytes);
        return new MemoryStream(wav);
    }
}
