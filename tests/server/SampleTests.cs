using System.Text.Json;
using Crdt.Integration.Docs;
using Crdt.Server.DevIssuer;

namespace Crdt.Server.Tests;

public sealed class SampleTests : ServerTest
{
    protected override string[] IssuerArguments => ["--dev"];

    [ComponentFact("curl")]
    public async Task The_thin_client_of_curl_sends_once_what_it_sends_twice()
    {
        (int exitCode, string output, string error) = await Component.RunAsync(
            "bash", Path.Combine(RepositoryRoot.Path, "samples", "ThinClient", "thin-client.sh"), Address, DevIssuerSetup.SecretIn(Data));
        Assert.True(exitCode == 0, output + error);
        string[] answers = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, answers.Length);
        Assert.Contains("\"state\":\"ACTIVE\"", answers[0]);
        Assert.Contains("\"is_repeated\":false", answers[1]);
        Assert.Contains("\"is_repeated\":true", answers[2]);
        Assert.Contains("""{"seen":1,"species":"kestrel","tags":["night"]}""", answers[2]);
        Assert.Contains("""{"mutations":1,"pending":0,"synced":1}""", answers[3]);
    }

    [Fact]
    public async Task The_investigation_ends_as_it_has_to_with_what_was_refused_sent_again_and_the_conflict_decided()
    {
        string program = Path.Combine(RepositoryRoot.Path, "samples", "Investigation", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "Investigation.dll");
        (int exitCode, string output, string error) = await Component.RunAsync("dotnet", program);
        Assert.True(exitCode == 0, output + error);
        Assert.Contains("laptop is told: ScopeMissing: 'ida' may not do that: 'offline:write:investigation:case:2026-114' is not among the grants.", output);
        Assert.Contains("classification of 2026-114.E1: 'fishing tool' says ida, 'weapon' says jonas", output);
        Assert.Contains("finding: death by accident, knife not involved", output);
        Assert.Contains("E1 knife, 11 cm: weapon, sealed by ida, 13 photographs", output);
        Assert.Contains("Equal digests on both devices, nothing pending, nothing unaccounted for", output);
    }

    [ComponentFact("node", "npm")]
    public async Task The_thin_client_of_TypeScript_is_generated_from_the_schema_sends_once_and_is_told()
    {
        string source = Path.Combine(RepositoryRoot.Path, "samples", "ThinClient", "typescript"), directory = Path.Combine(AppContext.BaseDirectory, "thin-client");
        (int exitCode, string output, string error) = await Component.RunAsync("bash", "-c", """
            set -euo pipefail
            mkdir -p "$2" && cd "$2"
            cmp -s "$1/package-lock.json" package-lock.json && [ -d node_modules ] || { cp "$1"/package*.json . && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error; }
            rm -rf src build && cp -r "$1"/{src,generate.mjs,tsconfig.json} . && rm -rf src/generated
            node generate.mjs "$3" && node_modules/.bin/tsc
            """, "bash", source, directory, Path.Combine(RepositoryRoot.Path, "src", "Crdt.Server", "schema.graphql"));
        Assert.True(exitCode == 0, output + error);
        string outbox = Path.Combine(Data, "outbox.json");
        (exitCode, output, error) = await Component.RunAsync("node", Path.Combine(directory, "build", "main.js"), Address, DevIssuerSetup.SecretIn(Data), outbox);
        Assert.True(exitCode == 0, output + error);
        string[] told =
        [
            """{"waiting":2}""", """{"sent":[[1,false],[2,false]]}""", """{"again":[[1,true],[2,true]]}""", """{"told":2}""",
            """{"status":{"mutations":2,"pending":0,"synced":2,"conflict":0,"failed":0,"oldest_pending_at":null}}""", """{"fate":"SYNCED"}""",
            """{"fields":{"seen":2,"species":"kestrel","tags":["night"]}}""", """{"species":"hobby"}""", """{"refused":"FORBIDDEN"}""",
        ];
        Assert.Equal(told, output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        using JsonDocument kept = JsonDocument.Parse(await File.ReadAllTextAsync(outbox));
        Assert.Equal("payroll", Assert.Single(kept.RootElement.GetProperty("waiting").EnumerateArray()).GetProperty("domain").GetString());
    }
}
