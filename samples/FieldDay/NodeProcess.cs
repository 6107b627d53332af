using System.Diagnostics;
using System.Text.Json;

namespace FieldDay;

/// <summary>The organiser's handle on a node's process.</summary>
internal sealed class NodeProcess : IDisposable
{
    private readonly Process process;
    private bool isDisposed;

    private NodeProcess(string name, Process process) => (Name, this.process) = (name, process);

    public string Name { get; }

    public string ReplicaId { get; private set; } = "";

    public int ProcessId => process.Id;

    /// <param name="name">Who it is.</param>
    /// <param name="data">Where everybody's directories are.</param>
    /// <param name="invitation">Lets a device in that has no replica yet; empty for others.</param>
    public static async Task<NodeProcess> StartAsync(string name, string data, string invitation = "")
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        // Started as 'dotnet FieldDay.dll' the process is dotnet, and the assembly its first argument.
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(NodeProcess).Assembly.Location);
        foreach (string argument in (string[])["node", name, Path.Combine(data, name), invitation])
            start.ArgumentList.Add(argument);
        var node = new NodeProcess(name, Process.Start(start)!);
        Reply listening = await node.AskAsync(new Request("listen"));
        node.ReplicaId = listening.ReplicaId!;
        return node;
    }

    /// <summary>Asks, and waits for the answer.</summary>
    /// <param name="request">What to do.</param>
    /// <param name="progress">Told on the way; returning false kills the process where it stands.</param>
    /// <exception cref="FieldDayException">The node failed, or is gone.</exception>
    public async Task<Reply> AskAsync(Request request, Func<Reply, bool>? progress = null)
    {
        try
        {
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(request));
            await process.StandardInput.FlushAsync();
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                Reply reply = JsonSerializer.Deserialize<Reply>(line)!;
                if (!reply.IsProgress)
                    return reply.Error is null ? reply : throw new FieldDayException($"{Name}, {request.Do}: {reply.Error}");
                if (progress?.Invoke(reply) == false) Kill();
            }
        }
        catch (IOException)
        {
            // The pipe is broken: told below.
        }
        throw new FieldDayException(
            $"{Name}'s process is gone while it was to {request.Do}. Run again with the same --data to go on.");
    }

    /// <summary>As a flat battery would: at once, nothing is flushed.</summary>
    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>Lets it end by itself.</summary>
    public async Task StopAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (isDisposed) return;
        isDisposed = true;
        if (!process.HasExited) Kill();
        process.Dispose();
    }
}
