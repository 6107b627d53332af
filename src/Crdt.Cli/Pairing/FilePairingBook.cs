using System.Text.Json;
using Crdt.Store;
using Crdt.Transport.Pairing;
using Crdt.Transport.Security;

namespace Crdt.Cli.Pairing;

/// <summary>The invitations of a replica in a file beside its keys, so that 'crdt pair' can invite while 'crdt serve'
/// runs. Each call reads the file anew.</summary>
internal sealed class FilePairingBook(string path, TimeProvider time) : IPairingBook
{
    // So long a device is told that its invitation has ended or was used, rather than that there is none.
    private static readonly TimeSpan Remembered = TimeSpan.FromDays(1);

    private const int LocksTried = 200;
    private const int OffersMax = 256;

    public IReadOnlyList<PairingOffer> Offers => Read();

    /// <summary>The file of a replica.</summary>
    public static string PathIn(string data) => Path.Combine(Path.GetDirectoryName(NodeKeyFile.PathIn(data))!, "invitations.json");

    public void Add(PairingOffer offer) => Change(offers => [.. offers.TakeLast(OffersMax - 1), offer]);

    public void Update(PairingOffer offer) => Change(offers =>
        [.. offers.Select(held => held.Token.Span.SequenceEqual(offer.Token.Span) ? offer : held)]);

    private void Change(Func<List<PairingOffer>, List<PairingOffer>> change)
    {
        NodeKeyFile.CreateDirectory(Path.GetDirectoryName(path)!);
        using FileStream held = Lock();
        DateTimeOffset oldest = time.GetUtcNow() - Remembered;
        List<PairingOffer> kept = change([.. Read().Where(o => o.Expires > oldest)]);
        string fresh = path + ".new";
        File.Delete(fresh);
        NodeKeyFile.WriteSecret(fresh, JsonSerializer.SerializeToUtf8Bytes(kept.Select(o => new Entry(
            Convert.ToHexStringLower(o.Token.Span), o.Role, o.Owner, o.Expires, o.UsedBy?.ToString()))));
        File.Move(fresh, path, overwrite: true);
    }

    private FileStream Lock()
    {
        for (int i = 0; ; i++)
        {
            try
            {
                return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (i < LocksTried)
            {
                // Another process changes it, which takes a moment.
                Thread.Sleep(10);
            }
        }
    }

    private List<PairingOffer> Read()
    {
        try
        {
            if (!File.Exists(path)) return [];
            return [.. (JsonSerializer.Deserialize<Entry[]>(File.ReadAllBytes(path)) ?? []).Select(e => new PairingOffer(
                Convert.FromHexString(e.Token), e.Role, e.Owner, e.Expires)
            {
                UsedBy = NodeFingerprint.TryParse(e.UsedBy, out NodeFingerprint by) ? by : null,
            })];
        }
        catch (Exception e) when (e is JsonException or FormatException or FileNotFoundException)
        {
            // Damaged: no invitation is honoured, and the next one begins the file anew.
            return [];
        }
    }

    private sealed record Entry(string Token, ReplicaRole Role, string? Owner, DateTimeOffset Expires, string? UsedBy);
}
