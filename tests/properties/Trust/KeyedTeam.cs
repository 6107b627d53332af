using Crdt.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties;

/// <summary>What the tests of trust have in common.</summary>
internal static class KeyedTeam
{
    public static readonly EntityKey Strike = new("incident", "strike", "42");

    public static Task<Team> CreateAsync(int devices, int servers = 0) =>
        Team.CreateAsync(devices, servers, isProjecting: false, [], isKeyed: true);

    public static NodeKey KeyOf(int number) => DeterministicSignatures.KeyOf(Team.IdOf(number));

    /// <summary>A replica of the team's space that its founding does not enrol.</summary>
    public static async Task<Replica> OpenOtherAsync(
        Team team, int number, ReplicaRole role = ReplicaRole.Client, NodeKey? key = null, bool hasKey = true) =>
        await Replica.OpenAsync(new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(number), role)),
            OptionsOf(team, hasKey ? key ?? KeyOf(number) : null));

    /// <summary>The authority's own replica.</summary>
    public static async Task<Replica> OpenAuthorityAsync(Team team) => await Replica.OpenAsync(
        new MemoryReplicaStore(new(team.Genesis.Space, Team.AuthorityId, ReplicaRole.Authority)),
        OptionsOf(team, Team.AuthorityKey));

    public static ReplicaOptions OptionsOf(Team team, NodeKey? key) => new()
    {
        Time = new FakeTimeProvider(Team.Start),
        Genesis = team.Genesis,
        Signatures = DeterministicSignatures.Instance,
        Key = key,
    };

    public static Enrolment Issue(Team team, int number, ReplicaRole role = ReplicaRole.Client, string? owner = null) =>
        Enrolment.Issue(Team.AuthorityKey, team.Genesis.Space, Team.IdOf(number), KeyOf(number).PublicKey, role, owner);
}
