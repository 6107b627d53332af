using Crdt;
using Crdt.Server.Hosting;
using Crdt.Store;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

// 'crdt serve' starts it, and says by the end of the input that it shall stop.
const string stopWithInput = "--stop-with-input";

try
{
    await using WebApplication app = await CrdtServer.CreateAsync([.. args.Where(a => a != stopWithInput)]);
    await app.StartAsync();
    CrdtServer.Announce(app, Console.Out);
    if (args.Contains(stopWithInput)) _ = Task.Run(() => StopAtEnd(app));
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception e) when (e is InvalidOperationException or StoreException or IOException or NodeKeyException or FormatException)
{
    await Console.Error.WriteLineAsync($"crdt-server: {e.Message}");
    return 1;
}

static void StopAtEnd(WebApplication app)
{
    while (Console.In.ReadLine() is not null)
    {
        // Nothing is said there.
    }
    app.Lifetime.StopApplication();
}
