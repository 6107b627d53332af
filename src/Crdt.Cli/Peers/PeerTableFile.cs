namespace Crdt.Cli.Peers;

/// <summary>Where 'crdt serve' tells 'crdt peers' beside it who is there, once a second where something has changed; there as
/// long as it runs.</summary>
internal sealed class PeerTableFile : IAsyncDisposable
{
    // Without a change it is written anew as often, so that a reader can tell a process that lives from one that was killed.
    public static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1), Unchanged = StaleAfter / 3;

    private readonly CancellationTokenSource stop = new();
    private readonly string path;
    private readonly Func<PeerTable> take;
    private readonly Task loop;

    public PeerTableFile(string data, Func<PeerTable> take)
    {
        path = PathIn(data);
        this.take = take;
        loop = RunAsync();
    }

    /// <summary>What the process that has the replica open told last; null when none does.</summary>
    public static PeerTable? Read(string data)
    {
        try
        {
            return PeerTable.FromJson(File.ReadAllText(PathIn(data)));
        }
        catch (IOException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await loop;
        File.Delete(path);
        stop.Dispose();
    }

    private static string PathIn(string data) => Path.Combine(data, "near.json");

    private static FileStream Create(string path) => OperatingSystem.IsWindows()
        ? new FileStream(path, FileMode.Create)
        : new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });

    private async Task RunAsync()
    {
        await Task.Yield();
        PeerTable? last = null;
        using var timer = new PeriodicTimer(Interval);
        try
        {
            do
            {
                PeerTable table = take();
                if (table.SaysTheSame(last) && table.At - last!.At < Unchanged) continue;
                last = table;
                try
                {
                    // In one step: a reader sees the one or the other. Its owner's alone: it names people's devices.
                    await using (var file = Create(path + ".new"))
                        await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(table.ToJson()), CancellationToken.None);
                    File.Move(path + ".new", path, overwrite: true);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // A full disk must not end serving; the next second tries again.
                }
            }
            while (await timer.WaitForNextTickAsync(stop.Token));
        }
        catch (OperationCanceledException)
        {
            // It is being disposed.
        }
    }
}
