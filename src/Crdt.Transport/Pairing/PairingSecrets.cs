using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Crdt.Transport.Pairing;

/// <summary>What pairing proves, and by what (WF-10). All of it is bound to the keys that TLS has proved on this very
/// connection, and to the replica id that is applied for: who stands in between has other keys, and gets other results.
/// </summary>
/// <param name="applicantKey">The public key of who wants to be let in.</param>
/// <param name="deskKey">The public key of who lets in.</param>
/// <param name="replica">The id that is applied for.</param>
internal sealed class PairingSecrets(ReadOnlyMemory<byte> applicantKey, ReadOnlyMemory<byte> deskKey, ReplicaId replica)
{
    public const int NonceLengthBytes = 32;
    public const int HashLengthBytes = 32;

    private const ulong Codes = 1_000_000;

    private static ReadOnlySpan<byte> TokenTag => "crdt/1 pair token\0"u8;

    private static ReadOnlySpan<byte> CommitmentTag => "crdt/1 pair commitment\0"u8;

    private static ReadOnlySpan<byte> CodeTag => "crdt/1 pair code\0"u8;

    /// <summary>That the applicant holds the token, without telling it.</summary>
    public byte[] Proof(ReadOnlySpan<byte> token) => HMACSHA256.HashData(token, Bound(TokenTag));

    /// <summary>What the applicant says before it has seen the desk's nonce, so that it cannot choose its own by that.
    /// </summary>
    public byte[] Commitment(ReadOnlySpan<byte> applicantNonce) =>
        SHA256.HashData([.. Bound(CommitmentTag), .. applicantNonce]);

    /// <summary>The six digits.</summary>
    public string Code(ReadOnlySpan<byte> applicantNonce, ReadOnlySpan<byte> deskNonce)
    {
        Span<byte> number = stackalloc byte[sizeof(ulong)];
        HKDF.DeriveKey(
            HashAlgorithmName.SHA256, [.. applicantNonce, .. deskNonce], number, salt: default, info: Bound(CodeTag));
        return (BinaryPrimitives.ReadUInt64BigEndian(number) % Codes).ToString("D6", CultureInfo.InvariantCulture);
    }

    private byte[] Bound(ReadOnlySpan<byte> tag)
    {
        Span<byte> id = stackalloc byte[ReplicaId.LengthBytes];
        replica.WriteBytes(id);
        return [.. tag, .. applicantKey.Span, .. deskKey.Span, .. id];
    }
}
