using System.Runtime.Versioning;
using System.Security.AccessControl;
using System.Security.Cryptography;
using System.Security.Principal;
using System.Text;

namespace Crdt.Store;

/// <summary>A private key in a file that its owner alone may read: PKCS#8 as PEM, which other tools read as well;
/// encrypted under the replica's passphrase or key, where it has one.</summary>
/// <remarks>Its directory, too, is its owner's alone. On Unix a file that others may read is refused: whoever has read it
/// can sign as this node.</remarks>
public static class NodeKeyFile
{
    private const int LengthBytesMax = 16 << 10;
    private const int IterationsOfKey = 1_000; // a key of 32 random bytes needs no slowing down
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnersDirectory = OwnersFile | UnixFileMode.UserExecute;

    /// <summary>Where a replica's directory holds the key that its node signs and connects with.</summary>
    public static string PathIn(string directory) => Path.Combine(directory, "keys", "node.key");

    /// <summary>Where a replica's directory holds the key of its space's authority, if it is this device that enrols others.
    /// </summary>
    public static string AuthorityPathIn(string directory) => Path.Combine(directory, "keys", "authority.key");

    /// <summary>Makes a key, and its file.</summary>
    /// <param name="path">The file; its directory is made if missing.</param>
    /// <param name="protect">Encrypts it; <see langword="null"/> where the file system's protection is to do.</param>
    /// <returns>The key; the caller disposes of it.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.AlreadyExists"/>, <see cref="StoreError.DiskFull"/>, <see
    /// cref="StoreError.WriteFailed"/>.</exception>
    public static EcdsaNodeKey Create(string path, StoreKey? protect = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        try
        {
            Write(path, key, protect);
            return key;
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>Reads a key.</summary>
    /// <param name="path">The file.</param>
    /// <param name="protect">What it is encrypted under; not looked at where it is not encrypted.</param>
    /// <returns>The key; the caller disposes of it.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.NotFound"/>, <see cref="StoreError.KeyExposed"/>, <see
    /// cref="StoreError.KeyRequired"/>, <see cref="StoreError.WrongKey"/>, <see cref="StoreError.KeyDamaged"/>, <see
    /// cref="StoreError.ReadFailed"/>.</exception>
    public static EcdsaNodeKey Open(string path, StoreKey? protect = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
            throw new StoreException(StoreError.NotFound, $"There is no key '{path}'.");
        CheckMode(path);
        string pem = Read(path);
        bool isEncrypted = pem.Contains("ENCRYPTED PRIVATE KEY", StringComparison.Ordinal);
        if (isEncrypted && protect is null)
            throw new StoreException(StoreError.KeyRequired, $"The key '{path}' is encrypted, and nothing was given to open it.");
        using ECDsa read = ECDsa.Create();
        byte[] pkcs8 = [];
        try
        {
            if (isEncrypted) read.ImportFromEncryptedPem(pem, Password(protect!));
            else read.ImportFromPem(pem);
            pkcs8 = read.ExportPkcs8PrivateKey();
            return EcdsaSignatures.ImportKey(pkcs8);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw isEncrypted && e is CryptographicException
                ? new StoreException(StoreError.WrongKey, $"The key '{path}' is not opened by what was given, or is damaged.", e)
                : new StoreException(StoreError.KeyDamaged, $"'{path}' holds no private key of a node: {e.Message}", e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pkcs8);
        }
    }

    /// <summary>Encrypts a key under something else. A crash leaves the old file or the new one.</summary>
    /// <exception cref="StoreException">As for <see cref="Open"/> and <see cref="Create"/>.</exception>
    public static void ChangeKey(string path, StoreKey from, StoreKey to)
    {
        ArgumentNullException.ThrowIfNull(to);
        using EcdsaNodeKey key = Open(path, from);
        string fresh = path + ".new";
        File.Delete(fresh);
        Write(fresh, key, to);
        File.Move(fresh, path, overwrite: true);
    }

    /// <summary>Makes a directory that its owner alone may look into.</summary>
    public static void CreateDirectory(string directory)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(directory);
        else
            Directory.CreateDirectory(directory, OwnersDirectory);
    }

    /// <summary>Writes a file that its owner alone may read, durably.</summary>
    /// <exception cref="IOException">It exists, or could not be written.</exception>
    public static void WriteSecret(string path, ReadOnlySpan<byte> content)
    {
        CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        using FileStream file = OperatingSystem.IsWindows()
            ? CreateOnWindows(path)
            : new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = OwnersFile,
            });
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    private static void Write(string path, EcdsaNodeKey key, StoreKey? protect)
    {
        byte[] pkcs8 = key.ExportPkcs8();
        byte[] pem = [];
        try
        {
            if (File.Exists(path))
                throw new StoreException(StoreError.AlreadyExists, $"There is a key '{path}' already.");
            using ECDsa ecdsa = ECDsa.Create();
            ecdsa.ImportPkcs8PrivateKey(pkcs8, out _);
            pem = Encoding.ASCII.GetBytes(protect is null
                ? ecdsa.ExportPkcs8PrivateKeyPem()
                : ecdsa.ExportEncryptedPkcs8PrivateKeyPem(Password(protect), new PbeParameters(
                    PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256,
                    protect.IsPassphrase ? protect.Iterations : IterationsOfKey)));
            WriteSecret(path, [.. pem, (byte)'\n']);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw StoreException.FromWrite($"Writing the key '{path}'", e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pkcs8);
            CryptographicOperations.ZeroMemory(pem);
        }
    }

    private static string Read(string path)
    {
        try
        {
            return new FileInfo(path).Length <= LengthBytesMax ? File.ReadAllText(path, Encoding.ASCII) : "";
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw new StoreException(StoreError.ReadFailed, $"The key '{path}' could not be read: {e.Message}", e);
        }
    }

    private static void CheckMode(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        UnixFileMode mode = File.GetUnixFileMode(path);
        if ((mode & ~OwnersDirectory) == 0)
            return;
        throw new StoreException(StoreError.KeyExposed,
            $"The private key '{path}' may be read or written by others than its owner (mode {Convert.ToString((int)mode, 8)}): "
            + "make it 600, and have the device revoked and paired anew if somebody may have read it.");
    }

    private static string Password(StoreKey key) => key.ToPassword();

    [SupportedOSPlatform("windows")]
    private static FileStream CreateOnWindows(string path)
    {
        using WindowsIdentity owner = WindowsIdentity.GetCurrent();
        var security = new FileSecurity();
        security.SetAccessRuleProtection(isProtected: true, preserveInheritance: false);
        security.AddAccessRule(new FileSystemAccessRule(owner.User!, FileSystemRights.FullControl, AccessControlType.Allow));
        return new FileInfo(path).Create(
            FileMode.CreateNew, FileSystemRights.Write, FileShare.None, bufferSize: 4_096, FileOptions.None, security);
    }
}
