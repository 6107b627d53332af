using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt blob policy</c>: which attachments this device takes by itself.</summary>
internal static class BlobPolicyCommand
{
    public static (Command, Func<CliContext, Task<ExitCode>>) Create()
    {
        var policy = new Command("policy", "Shows which attachments this device takes by itself, after setting what the options say; as 'crdt sync', 'serve' and 'join' set it, too. "
            + "It lasts until it is said anew.");
        BlobOptions.AddTo(policy);
        return (policy, RunAsync);
    }

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        _ = BlobOptions.Read(context); // a mistake is told before anything is opened
        await using CliHost host = await context.OpenAsync();
        await BlobOptions.SetAsync(context, host.Replica);
        BlobPolicy kept = host.Replica.Blobs.Policy;
        IEnumerable<KeyValuePair<string, BlobFetch>> types = kept.ByMediaType.OrderBy(t => t.Key, StringComparer.Ordinal);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("fetch", Shown.Camel(kept.Fetch));
                w.WriteStartObject("by_media_type");
                foreach ((string type, BlobFetch fetch) in types) w.WriteString(type, Shown.Camel(fetch));
                w.WriteEndObject();
                if (kept.QuotaBytes != long.MaxValue) w.WriteNumber("quota_bytes", kept.QuotaBytes);
                if (kept.BytesPerConnectionMax != long.MaxValue) w.WriteNumber("bytes_per_connection", kept.BytesPerConnectionMax);
                w.WriteNumber("used", host.Replica.Blobs.UsedBytes);
            });
            return ExitCode.Ok;
        }
        context.Output.Line($"attachments        {BlobOptions.NameOf(kept.Fetch)}");
        foreach ((string type, BlobFetch fetch) in types) context.Output.Line($"  {Shown.OneLine(type),-16} {BlobOptions.NameOf(fetch)}");
        context.Output.Line($"quota              {Limit(kept.QuotaBytes)}, {Shown.Bytes(host.Replica.Blobs.UsedBytes)} used");
        context.Output.Line($"over a connection  {Limit(kept.BytesPerConnectionMax)}");
        return ExitCode.Ok;
    }

    private static string Limit(long bytes) => bytes == long.MaxValue ? BlobOptions.NoLimit : Shown.Bytes(bytes);
}
