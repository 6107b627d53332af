using System.Collections.Concurrent;
using System.Globalization;
using Crdt.Server.GraphQL;
using Crdt.Server.Hosting;
using LiteDB;
using Microsoft.Extensions.Logging;

namespace Crdt.Server.ThinClients;

/// <summary>Which request of a thin client became which mutation: so that one that is sent again is answered, and not done again.</summary>
/// <remarks>A projection of the log, which is the truth: the request's id, device and sequence are part of the mutation. What was
/// committed and is not in the file yet, since somebody pulled the plug, is found in the log at the next start. Only requests that changed
/// nothing stand in the file alone. Safe for concurrent use.</remarks>
internal sealed class RequestBook : IDisposable
{
    private const string FileName = "requests.db", IdField = "_id", PlaceField = "place", DeviceField = "k", ReplicaField = "a", SequenceField = "s";

    // How many pages of the log are followed before the place is noted, where they held nothing for the book.
    private const int IdlePagesMax = 100;

    private readonly LiteDatabase database;
    private readonly ILiteCollection<BsonDocument> requests, state;
    private readonly ConcurrentDictionary<Guid, BookedRequest> fresh = [];
    private int idlePages;

    public RequestBook(ServerSpace space, ILogger<RequestBook> logger)
    {
        string path = Path.Combine(space.Data, FileName);
        try
        {
            database = Open(path);
        }
        catch (Exception e) when (e is LiteException or InvalidCastException or IOException)
        {
            logger.LogError(e, "The book of requests is damaged; it is made anew from the log, and the old one kept beside it.");
            File.Move(path, path + ".damaged", overwrite: true);
            database = Open(path);
        }
        requests = database.GetCollection("requests");
        state = database.GetCollection("state");
    }

    /// <summary>Up to where the log was followed; <see langword="null"/> for not at all.</summary>
    public MutationCursor? Place => state.FindById(PlaceField) is { } noted && MutationCursor.TryParse(noted[PlaceField].AsString, out MutationCursor place)
        ? place : null;

    public BookedRequest? Find(Guid request)
    {
        // In this order: what leaves the one is in the other by then.
        if (fresh.TryGetValue(request, out BookedRequest? found)) return found;
        return requests.FindById(request) is { } document ? Read(document) : null;
    }

    /// <summary>The last sequence of a device; 0 for none.</summary>
    public long LastOf(Guid device)
    {
        // In this order: what leaves the one is in the other by then.
        long added = fresh.Values.Where(r => r.Device == device).Select(r => r.Sequence).DefaultIfEmpty().Max();
        long stored = requests.Query().Where(Range(device)).OrderByDescending(DeviceField).Limit(1).FirstOrDefault() is { } last ? Read(last).Sequence : 0;
        return Math.Max(stored, added);
    }

    /// <summary>The request that stands at a place of a device.</summary>
    public BookedRequest? FindAt(Guid device, long sequence) => fresh.Values.FirstOrDefault(r => r.Device == device && r.Sequence == sequence)
        ?? (requests.FindOne(LiteDB.Query.EQ(DeviceField, KeyOf(device, sequence))) is { } found ? Read(found) : null);

    /// <summary>Notes what was committed a moment ago, until it is followed in the log.</summary>
    public void Add(BookedRequest request) => fresh[request.RequestId] = request;

    /// <summary>Notes a request that had nothing to change: the log has nothing of it.</summary>
    public void AddIdle(BookedRequest request)
    {
        requests.Upsert(Write(request));
        database.Checkpoint();
    }

    /// <summary>Takes in a stretch of the log.</summary>
    /// <param name="items">Its mutations, in order.</param>
    /// <param name="place">Where it ends.</param>
    public void Take(IReadOnlyList<QueuedMutation> items, MutationCursor place)
    {
        BookedRequest[] found = [.. items.Select(Read).OfType<BookedRequest>()];
        if (found.Length == 0 && ++idlePages < IdlePagesMax) return;
        idlePages = 0;
        database.BeginTrans();
        try
        {
            foreach (BookedRequest request in found) requests.Upsert(Write(request));
            state.Upsert(new BsonDocument { [IdField] = PlaceField, [PlaceField] = place.ToString() });
            database.Commit();
        }
        catch
        {
            database.Rollback();
            throw;
        }
        foreach (BookedRequest request in found) fresh.TryRemove(request.RequestId, out _);
    }

    public void Dispose() => database.Dispose();

    private static LiteDatabase Open(string path)
    {
        var opened = new LiteDatabase(new ConnectionString { Filename = path, Connection = ConnectionType.Direct });
        try
        {
            opened.GetCollection("requests").EnsureIndex(DeviceField);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    private static BookedRequest? Read(QueuedMutation queued) => ThinOrigin.Of(queued.Mutation) is { } origin
        ? new BookedRequest(queued.Mutation.Origin!.RequestId!.Value, origin.Device, origin.Sequence, queued.Mutation.Dot) : null;

    private static BsonDocument Write(BookedRequest request) => new()
    {
        [IdField] = request.RequestId,
        [DeviceField] = KeyOf(request.Device, request.Sequence),
        [ReplicaField] = request.Mutation.Replica.Value,
        [SequenceField] = request.Mutation.Sequence,
    };

    private static BookedRequest Read(BsonDocument document)
    {
        string key = document[DeviceField].AsString;
        return new BookedRequest(document[IdField].AsGuid, Guid.ParseExact(key[..32], "N"),
            long.Parse(key.AsSpan(33), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
            new Dot(new ReplicaId(document[ReplicaField].AsGuid), document[SequenceField].AsInt64));
    }

    // Texts in the order of device and sequence: one index serves for both.
    private static string KeyOf(Guid device, long sequence) => string.Create(CultureInfo.InvariantCulture, $"{device:N}-{sequence:x16}");

    private static BsonExpression Range(Guid device) => LiteDB.Query.Between(DeviceField, KeyOf(device, 0), KeyOf(device, long.MaxValue));
}
