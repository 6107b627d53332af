using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;
using Crdt.Store.Disk;

namespace Crdt.Store.AtRest;

/// <summary>The file that holds a replica's data key, wrapped under the key or passphrase of its user.</summary>
/// <remarks>
/// Little-endian, twice: at 0 and at 4,096, so that one bad sector does not cost everything. Magic 8 · format version 2 ·
/// kind 1 (1 key, 2 passphrase) · zero 1 · iterations of PBKDF2 4 · salt 16 · data key, sealed 32 · nonce and tag 40 ·
/// XxHash3 of all before 8. What stands before the data key is sealed with it.
/// </remarks>
internal static class KeyFile
{
    public const string Name = "store.key";
    public const int FormatVersion = 1;

    private const int SecondCopy = 4096;
    private const int HeadLengthBytes = 8 + 2 + 1 + 1 + 4 + StoreKey.SaltLengthBytes;
    private const int LengthBytes = HeadLengthBytes + AtRestCipher.KeyLengthBytes + AtRestCipher.EnvelopeLengthBytes + 8;

    // "CRDTKEY" and a byte that a text-mode copy would change.
    private static ReadOnlySpan<byte> Magic => "CRDTKEY\x1a"u8;

    public static string PathIn(string directory) => Path.Combine(directory, Name);

    /// <summary>Makes a new data key and writes it, wrapped. A file that is there is kept under another name.</summary>
    public static AtRestCipher Create(IDisk disk, string directory, StoreKey key)
    {
        string path = PathIn(directory);
        if (disk.Exists(path))
        {
            int number = 1;
            while (disk.Exists($"{path}.{number}")) number++;
            disk.Rename(path, $"{path}.{number}");
        }
        Span<byte> data = stackalloc byte[AtRestCipher.KeyLengthBytes];
        RandomNumberGenerator.Fill(data);
        Write(disk, directory, key, data);
        var cipher = new AtRestCipher(data);
        CryptographicOperations.ZeroMemory(data);
        return cipher;
    }

    /// <summary>Reads the data key.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.WrongKey"/>, <see cref="StoreError.KeyDamaged"/>,
    /// <see cref="StoreError.UnsupportedFormat"/>.</exception>
    public static AtRestCipher Open(IDisk disk, string directory, StoreKey key)
    {
        Span<byte> data = stackalloc byte[AtRestCipher.KeyLengthBytes];
        Unwrap(disk, directory, key, data);
        var cipher = new AtRestCipher(data);
        CryptographicOperations.ZeroMemory(data);
        return cipher;
    }

    /// <summary>Wraps the data key anew.</summary>
    public static void Change(IDisk disk, string directory, StoreKey from, StoreKey to)
    {
        Span<byte> data = stackalloc byte[AtRestCipher.KeyLengthBytes];
        Unwrap(disk, directory, from, data);
        Write(disk, directory, to, data);
        CryptographicOperations.ZeroMemory(data);
    }

    /// <summary>Whether one of the two copies cannot be read; both can where nothing is wrong.</summary>
    public static bool HasDamagedCopy(IDisk disk, string directory)
    {
        using IDiskFile file = disk.Open(PathIn(directory), DiskOpenMode.Read);
        byte[] record = new byte[LengthBytes];
        return !TryReadCopy(file, 0, record) || !TryReadCopy(file, SecondCopy, record);
    }

    private static void Unwrap(IDisk disk, string directory, StoreKey key, Span<byte> data)
    {
        byte[] record = new byte[LengthBytes];
        using (IDiskFile file = disk.Open(PathIn(directory), DiskOpenMode.Read))
        {
            if (!TryReadCopy(file, 0, record) && !TryReadCopy(file, SecondCopy, record))
            {
                throw new StoreException(StoreError.KeyDamaged,
                    $"'{Name}' is damaged in both of its copies. Without it nothing can be read: bring it back from a backup.");
            }
        }
        bool isPassphrase = record[10] == 2;
        int iterations = BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(12));
        bool isPossible = isPassphrase ? iterations is > 0 and <= StoreKey.IterationsMax : iterations == 0;
        if (!isPossible) throw new StoreException(StoreError.KeyDamaged, $"'{Name}' asks for {iterations} iterations.");
        if (isPassphrase != key.IsPassphrase)
        {
            throw new StoreException(StoreError.WrongKey, isPassphrase
                ? "The replica is encrypted under a passphrase, and a key was given."
                : "The replica is encrypted under a key, and a passphrase was given.");
        }
        using AtRestCipher cipher = key.ToWrappingCipher(record.AsSpan(16, StoreKey.SaltLengthBytes), iterations);
        record.AsSpan(HeadLengthBytes, data.Length).CopyTo(data);
        if (!cipher.TryOpen(data, record.AsSpan(HeadLengthBytes + data.Length, AtRestCipher.EnvelopeLengthBytes),
            record.AsSpan(0, HeadLengthBytes)))
            throw new StoreException(StoreError.WrongKey, $"The {(isPassphrase ? "passphrase" : "key")} is not this replica's.");
    }

    private static bool TryReadCopy(IDiskFile file, long offset, Span<byte> record)
    {
        if (file.Read(record, offset) < LengthBytes || !record[..8].SequenceEqual(Magic)
            || XxHash3.HashToUInt64(record[..^8]) != BinaryPrimitives.ReadUInt64LittleEndian(record[^8..])) return false;
        int version = BinaryPrimitives.ReadUInt16LittleEndian(record[8..]);
        return version <= FormatVersion ? true : throw StoreException.Unsupported($"'{Name}'", version, FormatVersion);
    }

    private static void Write(IDisk disk, string directory, StoreKey key, ReadOnlySpan<byte> data)
    {
        byte[] file = new byte[SecondCopy + LengthBytes];
        Span<byte> record = file.AsSpan(0, LengthBytes);
        Magic.CopyTo(record);
        BinaryPrimitives.WriteUInt16LittleEndian(record[8..], FormatVersion);
        record[10] = key.IsPassphrase ? (byte)2 : (byte)1;
        BinaryPrimitives.WriteInt32LittleEndian(record[12..], key.Iterations);
        Span<byte> salt = record.Slice(16, StoreKey.SaltLengthBytes);
        RandomNumberGenerator.Fill(salt);
        Span<byte> wrapped = record.Slice(HeadLengthBytes, data.Length);
        data.CopyTo(wrapped);
        using (AtRestCipher cipher = key.ToWrappingCipher(salt, key.Iterations))
        {
            cipher.Seal(wrapped, record.Slice(HeadLengthBytes + data.Length, AtRestCipher.EnvelopeLengthBytes),
                record[..HeadLengthBytes]);
        }
        BinaryPrimitives.WriteUInt64LittleEndian(record[^8..], XxHash3.HashToUInt64(record[..^8]));
        record.CopyTo(file.AsSpan(SecondCopy));

        string path = PathIn(directory);
        using (IDiskFile draft = disk.Open(path + ".tmp", DiskOpenMode.Create))
        {
            draft.Write(file, 0);
            draft.Flush();
        }
        disk.Rename(path + ".tmp", path);
        disk.SyncDirectory(directory);
    }
}
