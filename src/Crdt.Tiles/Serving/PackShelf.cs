namespace Crdt.Tiles.Serving;

/// <summary>Packs that stay open between requests, within a budget of memory; one that is being read is not closed.</summary>
internal sealed class PackShelf(long bytesMax) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Place> places = new(StringComparer.Ordinal);
    private long clock;

    /// <summary>Uses an open pack, or opens it.</summary>
    public async ValueTask<T> UseAsync<T>(
        PackContent content, Func<IPackSource, CancellationToken, ValueTask<ITilePack>> open, Func<ITilePack, ValueTask<T>> use, CancellationToken cancellation)
    {
        Place place = Take(content, open);
        try
        {
            ITilePack pack;
            try
            {
                pack = await place.Pack.Value.WaitAsync(cancellation).ConfigureAwait(false);
            }
            catch when (place.Pack.Value.IsFaulted)
            {
                // Bytes that had not arrived may be there the next time.
                Forget(content.Tag, place);
                throw;
            }
            return await use(pack).ConfigureAwait(false);
        }
        finally
        {
            GiveBack(place);
        }
    }

    public void Dispose()
    {
        foreach (string tag in places.Keys.ToArray()) Forget(tag, places[tag]);
    }

    private Place Take(PackContent content, Func<IPackSource, CancellationToken, ValueTask<ITilePack>> open)
    {
        List<Place> closing = [];
        Place place;
        lock (gate)
        {
            if (!places.TryGetValue(content.Tag, out place!))
            {
                // Opened for everybody who waits for it: nobody's leaving ends it.
                place = new Place(new Lazy<Task<ITilePack>>(() => open(content.Source, CancellationToken.None).AsTask()), content.Source.Length);
                places.Add(content.Tag, place);
            }
            (place.Users, place.UsedAt) = (place.Users + 1, ++clock);
            foreach ((string tag, Place other) in places.Where(p => p.Value != place).OrderBy(p => p.Value.UsedAt).ToArray())
            {
                if (places.Values.Sum(p => p.Cost) <= bytesMax) break;
                places.Remove(tag);
                other.IsForgotten = true;
                if (other.Users == 0) closing.Add(other);
            }
        }
        foreach (Place other in closing) other.Close();
        return place;
    }

    private void Forget(string tag, Place place)
    {
        bool isClosing;
        lock (gate)
        {
            if (places.GetValueOrDefault(tag) == place) places.Remove(tag);
            isClosing = !place.IsForgotten && place.Users == 0;
            place.IsForgotten = true;
        }
        if (isClosing) place.Close();
    }

    private void GiveBack(Place place)
    {
        bool isClosing;
        lock (gate) isClosing = --place.Users == 0 && place.IsForgotten;
        if (isClosing) place.Close();
    }

    private sealed class Place(Lazy<Task<ITilePack>> pack, long length)
    {
        // What a pack that is read in ranges holds: its directories.
        private const long RangesBytes = 8 << 20;

        public Lazy<Task<ITilePack>> Pack { get; } = pack;

        public int Users { get; set; }

        public long UsedAt { get; set; }

        public bool IsForgotten { get; set; }

        /// <summary>Memory it takes; until it is open, as much as it could.</summary>
        public long Cost => Pack is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true, Result: PmTiles.PmTilesPack } } ? RangesBytes : length;

        public void Close()
        {
            if (Pack is { IsValueCreated: true, Value.IsCompletedSuccessfully: true }) Pack.Value.Result.Dispose();
        }
    }
}
