using Crdt.Integration.Docs;

namespace Crdt.Tiles.Tests;

public sealed class FieldMapTests
{
    private static string Chromium => ((string[])["/usr/bin/chromium", "/usr/bin/chromium-browser"]).FirstOrDefault(File.Exists) ?? "chromium";

    /// <summary>CRDT_PICTURES names a directory for what the browser shows.</summary>
    [ComponentFact("node", "npm", "chromium", "unshare", "ip", NeedsRoot = true)]
    public async Task In_a_real_browser_without_any_network_the_map_and_its_incidents_are_drawn_also_while_they_arrive()
    {
        string source = Path.Combine(RepositoryRoot.Path, "samples", "FieldMap"), copy = Path.Combine(AppContext.BaseDirectory, "field-map");
        (int exitCode, string output, string error) = await Component.RunAsync("bash", "-c", """
            set -euo pipefail
            mkdir -p "$2" && cd "$2"
            cmp -s "$1/package-lock.json" package-lock.json && [ -d node_modules ] || { cp "$1"/package*.json . && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error; }
            rm -rf page && cp -r "$1"/{page,build.mjs} . && node build.mjs build
            """, "bash", source, copy);
        Assert.True(exitCode == 0, output + error);
        string program = Path.Combine(source, "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "FieldMap.dll");
        string script = Path.Combine(await NodePackages.DirectoryAsync(), "fieldmap.mjs"), pictures = Environment.GetEnvironmentVariable("CRDT_PICTURES") ?? "";
        // A network of its own, that has nothing but its loopback.
        (exitCode, output, error) = await Component.RunAsync("unshare", "--net", "bash", "-c", "ip link set lo up && exec node \"$@\"", "bash",
            script, program, Path.Combine(copy, "build"), Chromium, pictures);
        Assert.True(exitCode == 0, output + error);
    }
}
