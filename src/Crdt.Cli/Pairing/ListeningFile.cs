using System.Net;

namespace Crdt.Cli.Pairing;

/// <summary>Where 'crdt serve' listens, for 'crdt pair' beside it; there as long as it runs.</summary>
internal sealed class ListeningFile : IDisposable
{
    private readonly string path;

    public ListeningFile(string data, IPEndPoint endPoint)
    {
        path = PathIn(data);
        File.WriteAllText(path, endPoint.ToString());
    }

    /// <summary>Where the process that has the replica open listens; null when none does.</summary>
    public static IPEndPoint? Read(string data) =>
        File.Exists(PathIn(data)) && IPEndPoint.TryParse(File.ReadAllText(PathIn(data)), out IPEndPoint? endPoint) ? endPoint : null;

    public void Dispose() => File.Delete(path);

    private static string PathIn(string data) => Path.Combine(data, "listening");
}
