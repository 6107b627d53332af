using System.Security.Cryptography;
using Crdt.Store;

namespace Crdt.Cli.Arguments;

/// <summary>Finds the key of an encrypted replica: in a file, or as a passphrase in the environment.</summary>
internal static class KeyArgument
{
    /// <summary>Reads it.</summary>
    /// <param name="file">The file that was named, if any.</param>
    /// <param name="variable">The variable that may hold a passphrase.</param>
    /// <returns>Null when neither is there.</returns>
    public static StoreKey? Read(string? file, string variable)
    {
        string? passphrase = GlobalOptions.Named(variable);
        if (file is null) return passphrase is null ? null : FromPassphrase(passphrase, variable);
        if (passphrase is not null)
            throw CliException.Usage($"A key file and {variable} are both given.", "One of them opens the replica: leave the other out.");
        byte[] bytes = ReadFile(file);
        try
        {
            if (bytes.Length == StoreKey.LengthBytes) return StoreKey.FromBytes(bytes);
            byte[] key = Convert.FromHexString(System.Text.Encoding.ASCII.GetString(bytes).Trim());
            StoreKey read = StoreKey.FromBytes(key);
            CryptographicOperations.ZeroMemory(key);
            return read;
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw CliException.Usage($"'{file}' holds no key: {StoreKey.LengthBytes} bytes are expected, or "
                + $"{2 * StoreKey.LengthBytes} hexadecimal digits.", inner: e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static StoreKey FromPassphrase(string passphrase, string variable)
    {
        try
        {
            return StoreKey.FromPassphrase(passphrase);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e, $"{variable}: ");
        }
    }

    private static byte[] ReadFile(string file)
    {
        try
        {
            return new FileInfo(file).Length <= 1_000 ? File.ReadAllBytes(file) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"'{file}' cannot be read: {e.Message}", inner: e);
        }
    }
}
