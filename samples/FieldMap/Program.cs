using System.Globalization;
using System.Net;
using Crdt;
using Crdt.Tiles;
using Crdt.Transport;
using FieldMap;
using FieldMap.Geo;
using Microsoft.AspNetCore.Builder;

// FieldMap [BUILD] [--http URL] [--budget BYTES]: BUILD is what 'node build.mjs' made; the budget is how much of attachments the first
// connection bears. Reads its input: 'strikes N' has the office file N more reports, 'meet BYTES' lets the two meet again with another
// budget, the end of the input ends it.
const string packName = "world";
const int filedBefore = 400;

string build = args is [var first, ..] && !first.StartsWith("--", StringComparison.Ordinal) ? first : "build";
string url = Option("--http") ?? "http://127.0.0.1:8090";
long budgetAtFirst = Option("--budget") is { } bytesAtFirst ? long.Parse(bytesAtFirst, CultureInfo.InvariantCulture) : long.MaxValue;
string data = Directory.CreateTempSubdirectory("crdt-field-map-").FullName;
try
{
    (Station office, Station tablet) = await Station.FoundAsync(data);
    await using Station _ = office, also = tablet;

    await MakeMapAsync();
    List<KeyValuePair<string, string>[]> reports = Reports.Read();
    int filed = 0;
    await FileAsync(filedBefore);

    IPEndPoint reach = await office.Node.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0));
    PeerConnection? connection = null;
    await MeetAsync(budgetAtFirst);
    await using WebApplication page = await MapHost.StartAsync(tablet, packName, Path.Combine(build, "page"), url);
    Console.WriteLine($"http {page.Urls.First()}");
    while (await Console.In.ReadLineAsync() is { } line)
    {
        switch (line.Split(' '))
        {
            case ["strikes", var count]:
                await FileAsync(int.Parse(count, CultureInfo.InvariantCulture));
                break;
            case ["meet", var bytes]:
                await MeetAsync(long.Parse(bytes, CultureInfo.InvariantCulture));
                break;
        }
    }
    await page.StopAsync();
    return 0;

    // The office makes the map, and says of it what everybody knows before it has arrived.
    async Task MakeMapAsync()
    {
        using var made = new MemoryStream();
        long tiles = await MapMaker.MakeAsync(Path.Combine(build, "atlas"), Reports.Airports().Values, made);
        Console.WriteLine($"map of {tiles} tiles, {made.Length} bytes");
        made.Position = 0;
        await TilePack.AddAsync(office.Replica, packName, made, user: "office");
    }

    // The tablet comes into reach of the office, over a link that bears so many bytes of attachments; what comes beside them, the
    // reports, comes first in any case.
    async Task MeetAsync(long budget)
    {
        if (connection is not null) await connection.CloseAsync();
        tablet.Replica.Blobs.Policy = new BlobPolicy { BytesPerConnectionMax = budget };
        connection = await tablet.Node.ConnectAsync(reach);
        await connection.WaitForSyncAsync();
    }

    async Task FileAsync(int count)
    {
        for (int end = Math.Min(reports.Count, filed + count); filed < end; filed++)
        {
            KeyValuePair<string, string>[] report = reports[filed];
            await office.Replica.CommitAsync(tx =>
            {
                EntityEdit strike = tx.Create(Reports.KeyOf(filed + 1));
                foreach ((string name, string value) in report) strike.Set(name, value);
            }, user: "office");
        }
    }
}
finally
{
    Directory.Delete(data, recursive: true);
}

string? Option(string name) => args.SkipWhile(a => a != name).Skip(1).FirstOrDefault();
