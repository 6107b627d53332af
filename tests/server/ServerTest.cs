using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Crdt.Server.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Crdt.Server.Tests;

/// <summary>A server peer of a new space in a directory of its own, on a real port, with a token issuer beside it.</summary>
public abstract class ServerTest : IAsyncLifetime
{
    protected const string Everything = "offline:read offline:write offline:resolve offline:admin";

    private readonly string directory = Path.Combine(Path.GetTempPath(), "crdt-server-" + Guid.NewGuid().ToString("N"));
    private static readonly HttpClient Client = new();

    private protected TestIssuer Issuer { get; private set; } = null!;

    private protected WebApplication App { get; private set; } = null!;

    private protected ServerSpace Space => App.Services.GetRequiredService<ServerSpace>();

    private protected Replica Replica => Space.Replica;

    protected string Address => App.Urls.First();

    /// <summary>Where devices replicate.</summary>
    private protected IPEndPoint Peers => App.Services.GetRequiredService<PeerHost>().Listening!;

    protected string Data => Path.Combine(directory, "space");

    /// <summary>Whose tokens are believed.</summary>
    protected virtual string[] IssuerArguments => ["--issuer", Issuer.Address];

    /// <summary>More of the command line.</summary>
    protected virtual string[] Arguments => [];

    /// <summary>Changes to the services.</summary>
    protected virtual void Configure(WebApplicationBuilder builder)
    {
    }

    public async Task InitializeAsync()
    {
        Issuer = await TestIssuer.StartAsync();
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await StopAsync();
        await Issuer.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    protected async Task StartAsync()
    {
        App = await CrdtServer.CreateAsync(
        [
            "--data", Data, "--space", "field", "--http", "http://127.0.0.1:0", .. IssuerArguments, "--Logging:LogLevel:Default=Warning", .. Arguments,
        ], Configure);
        await App.StartAsync();
    }

    protected async Task StopAsync()
    {
        await App.StopAsync();
        await App.DisposeAsync();
    }

    /// <summary>A token that the server believes.</summary>
    protected virtual Task<string> TokenAsync(string scope, string subject) => Task.FromResult(Issuer.Token(scope, subject));

    /// <summary>Asks, and expects no errors.</summary>
    protected async Task<JsonElement> AskAsync(string query, object? variables = null, string scope = Everything, string subject = "mia")
    {
        JsonElement answer = await PostAsync(query, variables, await TokenAsync(scope, subject));
        Assert.False(answer.TryGetProperty("errors", out JsonElement errors), errors.ToString());
        return answer.GetProperty("data");
    }

    /// <summary>Asks, and expects an error of this code.</summary>
    protected async Task<JsonElement> FailAsync(string code, string query, object? variables = null, string scope = Everything, string subject = "mia")
    {
        JsonElement answer = await PostAsync(query, variables, await TokenAsync(scope, subject));
        Assert.True(answer.TryGetProperty("errors", out JsonElement errors), answer.ToString());
        Assert.Equal(code, errors[0].GetProperty("extensions").GetProperty("code").GetString());
        return errors[0];
    }

    protected async Task<JsonElement> PostAsync(string query, object? variables, string token)
    {
        using HttpResponseMessage response = await SendAsync(query, variables, token);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    protected async Task<HttpResponseMessage> SendAsync(string query, object? variables, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Address + "/graphql") { Content = JsonContent.Create(new { query, variables }) };
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await Client.SendAsync(request);
    }

    /// <summary>Waits for something that is on its way, with a deadline.</summary>
    protected static Task UntilAsync(Func<bool> holds, TimeSpan? patience = null) => UntilAsync(() => Task.FromResult(holds()), patience);

    /// <summary>The same of something that has to be asked for.</summary>
    protected static async Task UntilAsync(Func<Task<bool>> holds, TimeSpan? patience = null)
    {
        using var over = new CancellationTokenSource(patience ?? TimeSpan.FromSeconds(30));
        while (!await holds()) await Task.Delay(20, over.Token);
    }

    /// <summary>Writes as the server's own replica.</summary>
    private protected async Task<CommitResult> WriteAsync(string key, Action<EntityEdit> edit, string user = "mia") =>
        await Replica.CommitAsync(tx => edit(tx.Upsert(EntityKey.Parse(key))), user);

    /// <summary>Two people write one field without knowing of each other.</summary>
    private protected async Task ContestAsync(string key, string field, Value first, Value second, bool isManual = true)
    {
        EntityKey entity = EntityKey.Parse(key);
        if (isManual) await Replica.CommitAsync(tx => tx.SetPolicy(new PolicyScope(entity.Domain, entity.Type, field), ConflictPolicy.Manual));
        await WriteAsync(key, e => e.Set("base", 1));
        Entity seen = Replica.Get(entity)!;
        await Replica.CommitAsync(tx => tx.Update(seen).Set(field, first), "ann");
        await Replica.CommitAsync(tx => tx.Update(seen).Set(field, second), "bob");
    }

    /// <summary>Enrols a device with a replica of its own; where peers are listened for.</summary>
    private protected async Task<Device> EnrolAsync(TimeProvider? time = null)
    {
        EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        Guid id = Guid.NewGuid();
        await AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id, public_key = Convert.ToBase64String(key.PublicKey.Span) } });
        Device device = await Device.OpenAsync(Space.Genesis!, new ReplicaId(id), key, time);
        // Once, so that its enrolment reaches it.
        device.Token = await TokenAsync("offline:read", "setup");
        await (await device.MeetAsync(Peers)).CloseAsync();
        return device;
    }
}
