using System.Globalization;

namespace Crdt.Bench.LoadRuns;

/// <summary><c>load</c>: a load run from the command line.</summary>
internal static class LoadCommand
{
    private const string Usage = "load [--servers N] [--thin N] [--full N] [--window N] [--seconds N] [--kill-every SECONDS, 0 for never] [--seed N]";

    public static async Task<int> RunAsync(string[] args)
    {
        string directory = Directory.CreateTempSubdirectory("crdt-load-").FullName;
        try
        {
            var options = new LoadOptions { Program = FindProgram(), Directory = directory };
            for (int i = 0; i < args.Length; i += 2)
            {
                if (i + 1 == args.Length || !double.TryParse(args[i + 1], CultureInfo.InvariantCulture, out double value)) throw new FormatException(Usage);
                options = args[i] switch
                {
                    "--servers" => options with { Servers = Math.Max(1, (int)value) },
                    "--thin" => options with { ThinClients = (int)value },
                    "--full" => options with { FullClients = (int)value },
                    "--window" => options with { Window = Math.Max(1, (int)value) },
                    "--seconds" => options with { Duration = TimeSpan.FromSeconds(value) },
                    "--kill-every" => options with { KillEvery = TimeSpan.FromSeconds(value) },
                    "--seed" => options with { Seed = (int)value },
                    _ => throw new FormatException(Usage),
                };
            }
            LoadReport report = await LoadRun.RunAsync(options);
            report.Print(Console.Out);
            return report.Losses.Count == 0 ? 0 : 1;
        }
        catch (FormatException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 2;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    // Where the server is built, from where this program is.
    private static string FindProgram()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        string program = Path.Combine(here.Parent!.Parent!.Parent!.Parent!.Parent!.FullName, "src", "Crdt.Server", "bin", here.Parent.Name, here.Name, "crdt-server.dll");
        return File.Exists(program) ? program : throw new FileNotFoundException($"The server is not built: '{program}'.");
    }
}
