using System.Text.Json;
using Crdt.Store;

namespace Crdt.Integration.Cli;

public sealed class InitTests : CliTest
{
    [Fact]
    public async Task A_new_space_has_the_name_the_policies_and_an_invitation()
    {
        CliResult made = (await RunAsync("a", "--json", "init", "--space", "Field work", "--policy", "incident=manual",
            "--policy", "incident/strike/notes=Merge")).Succeeded();
        Assert.Equal("Field work", made.Json.GetProperty("name").GetString());
        Assert.Equal("server", made.Json.GetProperty("role").GetString());
        Assert.False(made.Json.GetProperty("open").GetBoolean());
        Assert.True(Guid.TryParse(made.Json.GetProperty("replica").GetString(), out Guid id));
        Assert.Equal(4, id.Version);
        Assert.True(File.Exists(made.Json.GetProperty("invite").GetString()));
        Assert.Equal(
            [("incident", "Manual"), ("incident/strike/notes", "Merge")],
            (await RunAsync("a", "--json", "policy", "list")).JsonLines
                .Select(p => (p.GetProperty("scope").GetString()!, p.GetProperty("policy").GetString()!)));
    }

    [Fact]
    public async Task The_space_is_named_after_the_directory_when_nobody_names_it()
    {
        Assert.Contains("'otters'", (await OkAsync("otters", "init")).Output);
        Assert.Contains("'weasels'", (await OkAsync(Path.Combine("weasels", ".crdt"), "init")).Output);
    }

    [Fact]
    public async Task Whoever_joins_has_the_space_its_policies_and_an_identity_of_its_own()
    {
        await InitAsync("a", ["incident=Manual"], "server");
        JsonElement a = await StatusAsync("a"), server = await StatusAsync("server");
        Assert.Equal(a.GetProperty("space").GetString(), server.GetProperty("space").GetString());
        Assert.Equal("field", server.GetProperty("name").GetString());
        Assert.Equal("server", server.GetProperty("role").GetString());
        Assert.NotEqual(a.GetProperty("replica").GetString(), server.GetProperty("replica").GetString());
        Assert.Contains("incident", (await RunAsync("server", "policy", "list")).Output);
        (await RunAsync("b", "init", "--join", Path.Combine(PathOf("server"), "invite.crdt"))).Succeeded();
    }

    [Fact]
    public async Task A_directory_that_is_a_replica_is_refused_and_left_as_it_is()
    {
        await InitAsync("a");
        string before = (await RunAsync("a", "status")).Output;
        (await RunAsync("a", "init")).Failed(6, "already");
        Assert.Equal(before, (await RunAsync("a", "status")).Output);
    }

    [Fact]
    public async Task An_invitation_that_exists_is_not_written_over()
    {
        string file = Write("invite", "precious");
        (await RunAsync("a", "init", "--invite", file)).Failed(6, "exists already");
        Assert.Equal("precious", File.ReadAllText(file));
        (await RunAsync("a", "status")).Failed(5, "no replica");
    }

    [Fact]
    public async Task A_creation_that_was_interrupted_before_the_founding_is_finished_by_the_next_command()
    {
        await InitAsync("a");
        byte[] invitation = File.ReadAllBytes(Path.Combine(PathOf("a"), "invite.crdt"));
        var genesis = SpaceGenesis.FromBytes(invitation);
        var identity = new ReplicaIdentity(genesis.Space, new ReplicaId(Guid.NewGuid()), ReplicaRole.Client);
        await using (FileReplicaStore.Create(PathOf("b"), identity))
            File.WriteAllBytes(Path.Combine(PathOf("b"), "invite.crdt"), invitation);
        await OkAsync("b", "put", "incident/strike/1", "x=1");
        Assert.Equal("field", (await StatusAsync("b")).GetProperty("name").GetString());
    }

    [Theory]
    [InlineData("--policy", "incident=Sometimes")]
    [InlineData("--existence", "incident=Sometimes")]
    [InlineData("--existence", "incident/strike/field=Manual")]
    [InlineData("--policy", "incident")]
    [InlineData("--policy", "a/b/c/d=Merge")]
    [InlineData("--role", "authority")]
    [InlineData("--role", "client")]
    [InlineData("--space", "")]
    [InlineData("--join", "no-such-file")]
    public async Task What_makes_no_sense_makes_no_replica(string option, string value)
    {
        Assert.Equal(2, (await RunAsync("a", "init", option, value)).ExitCode);
        Assert.False(Directory.Exists(PathOf("a")));
    }

    [Fact]
    public async Task What_is_no_invitation_is_said_to_be_none()
    {
        string file = Write("invite", "not one");
        (await RunAsync("a", "init", "--join", file)).Failed(2, "is not an invitation");
        Assert.False(Directory.Exists(PathOf("a")));
    }
}
