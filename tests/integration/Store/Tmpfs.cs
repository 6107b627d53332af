using System.Diagnostics;

namespace Crdt.Integration.Store;

/// <summary>A small disk of its own, in memory.</summary>
internal sealed class Tmpfs : IDisposable
{
    public Tmpfs(int sizeBytes)
    {
        Path = Directory.CreateTempSubdirectory("crdt-disk-").FullName;
        Run("mount", "-t", "tmpfs", "-o", $"size={sizeBytes}", "crdt-test", Path);
    }

    public string Path { get; }

    public void Remount(string option) => Run("mount", "-o", $"remount,{option}", Path);

    public void Dispose()
    {
        Run("umount", "-l", Path);
        Directory.Delete(Path);
    }

    private static void Run(string program, params string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', args)}: {error}");
    }
}
