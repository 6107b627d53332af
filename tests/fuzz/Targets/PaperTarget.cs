using System.Security.Cryptography;
using System.Text;
using Crdt.Testing;
using Crdt.Transport.Pairing;

namespace Crdt.Fuzz;

/// <summary>What comes by other ways than a connection: foundings, enrolments, invitations, proofs.</summary>
internal sealed class PaperTarget : FuzzTarget
{
    private readonly byte[] authority = DeterministicSignatures.KeyOf(Team.AuthorityId).PublicKey.ToArray();

    public PaperTarget() => Seeds = MakeAsync().GetAwaiter().GetResult();

    public override string Name => "paper";

    public override IReadOnlyList<byte[]> Seeds { get; }

    public override long AllocatedBytesMax(int lengthBytes) => (4L * FormatLimits.BatchLengthBytesMax) + (64L * lengthBytes);

    public override bool Run(byte[] input)
    {
        bool isTaken = Try(() => SpaceGenesis.FromBytes(input)) | Try(() => Enrolment.FromBytes(input));
        isTaken |= PairingInvitation.TryParse(Encoding.Latin1.GetString(input), out _);
        // With the checksum put right: it finds damage, and stops nobody.
        if (input.Length >= 34) SHA256.HashData(input.AsSpan(..^34)).CopyTo(input.AsSpan(^32..));
        try
        {
            EntityProof.Verify(input, authority, DeterministicSignatures.Instance);
            isTaken = true;
        }
        catch (ProofException)
        {
            // The one error for it.
        }
        return isTaken;
    }

    private static bool Try(Action read)
    {
        try
        {
            read();
            return true;
        }
        catch (BatchFormatException)
        {
            return false;
        }
    }

    private static async Task<IReadOnlyList<byte[]>> MakeAsync()
    {
        await using Team team = await Team.CreateAsync(new TeamOptions { Devices = 1, Servers = 1, IsKeyed = true });
        var key = new EntityKey("incident", "strike", "42");
        await team[0].CommitAsync(tx => tx.Create(key).Set("species", "gull").Add("tags", "night"));
        await team.MeetAsync(0, 1);
        var enrolment = Enrolment.Issue(Team.AuthorityKey, team.Genesis.Space, Team.IdOf(9), DeterministicSignatures.KeyOf(Team.IdOf(9)).PublicKey, ReplicaRole.Client, "ana");
        return
        [
            team.Genesis.ToBytes(), enrolment.ToBytes(), (await team[0].ProveAsync(key)).ToArray(),
            Encoding.Latin1.GetBytes($"crdt-pair:1?id={new string('A', 52)}&t={new string('B', 26)}&a=127.0.0.1:7370&exp=1893456000"), .. Corpus.Found("paper"),
        ];
    }
}
