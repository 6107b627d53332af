namespace Crdt;

/// <summary>Joins a snapshot's state into the replica's: keeps a sibling that both hold, or that one holds and the other's
/// vector does not cover; unites the marks of one that both hold (semantics 3.4). Runs on the writer's turn.</summary>
/// <remarks>Joining again after it was given up half-way leads to the same state, so a long one may be published in
/// steps where nobody reads yet. Laws: 1, 2, 3.</remarks>
internal sealed class SnapshotJoin
{
    private readonly ReplicaWriter writer;
    private readonly SnapshotManifest manifest;
    private readonly int[] authors;
    private readonly long[] ours;
    private readonly SiblingJoin siblings;

    private SnapshotJoin(ReplicaWriter writer, SnapshotManifest manifest)
    {
        (this.writer, this.manifest) = (writer, manifest);
        authors = [.. manifest.Heads.Select(h => writer.Authors.IndexOf(h.Author))];
        ours = [.. Enumerable.Range(0, writer.Authors.Ids.Count).Select(i => writer.Authors[i].Applied)];
        long[] theirs = new long[ours.Length];
        for (int i = 0; i < authors.Length; i++) theirs[authors[i]] = manifest.Heads[i].Sequence;
        siblings = new SiblingJoin(ours, theirs, writer.Authors.Ids);
    }

    /// <summary>Joins, entity by entity; at the end the vector and the heads follow.</summary>
    /// <param name="writer">Takes the state.</param>
    /// <param name="manifest">A manifest that can be believed.</param>
    /// <param name="chunks">Its chunks, in order.</param>
    /// <returns>A step for each entity looked at.</returns>
    /// <exception cref="ApplyException">The chunks are not what the manifest says.</exception>
    public static IEnumerable<EntityKey> Run(
        ReplicaWriter writer, SnapshotManifest manifest, IEnumerable<ReadOnlyMemory<byte>> chunks) =>
        new SnapshotJoin(writer, manifest).Run(chunks);

    private IEnumerable<EntityKey> Run(IEnumerable<ReadOnlyMemory<byte>> chunks)
    {
        var reader = new SnapshotReader(manifest.Heads, authors, writer.Authors.Ids, writer.Authors.IndexOf);
        UInt128 digest = 0;
        using IEnumerator<EntityKey> own = writer.Cache.CurrentKeys().GetEnumerator();
        bool hasOwn = own.MoveNext();
        foreach (EntityState state in Read(reader, chunks))
        {
            digest += StateDigest.Of(state, writer.Authors.Ids);
            for (; hasOwn && own.Current.CompareTo(state.Key) < 0; hasOwn = own.MoveNext())
            {
                Join(own.Current, null);
                yield return own.Current;
            }
            if (hasOwn && own.Current.Equals(state.Key)) hasOwn = own.MoveNext();
            Join(state.Key, state);
            yield return state.Key;
        }
        for (; hasOwn; hasOwn = own.MoveNext())
        {
            Join(own.Current, null);
            yield return own.Current;
        }
        if (digest != manifest.Digest) throw Fail("Its chunks do not add up to the digest that it states");
        for (int i = 0; i < authors.Length; i++)
        {
            if (manifest.Heads[i].Sequence > ours[authors[i]]) writer.Authors.Advance(authors[i], manifest.Heads[i].ToState());
        }
        writer.Trust.TakeOver(manifest);
        writer.Clock.Witness(reader.Latest);
    }

    private IEnumerable<EntityState> Read(SnapshotReader reader, IEnumerable<ReadOnlyMemory<byte>> chunks)
    {
        var complete = new List<EntityState>();
        foreach (ReadOnlyMemory<byte> chunk in chunks)
        {
            try
            {
                reader.Read(chunk, complete);
            }
            catch (BatchFormatException e)
            {
                throw Fail(e.Message, e);
            }
            foreach (EntityState state in complete) yield return state;
            complete.Clear();
        }
        if (reader.Finish() is { } last) yield return last;
    }

    private void Join(EntityKey key, EntityState? their)
    {
        EntityState? own = writer.Cache.Peek(key);
        if (!siblings.TryJoin(own is null ? default : own.Slots, their is null ? default : their.Slots)) return;
        EntitySlot slot = writer.Cache.GetOrLoad(key);
        EntityState working = writer.Cache.ToWorking(slot, Math.Max(0, siblings.Joined.Count - slot.Current.Slots.Length));
        working.Clear();
        foreach (SiblingSlot sibling in siblings.Joined) working.Append(sibling);
    }

    private ApplyException Fail(string message, Exception? inner = null) =>
        new(ApplyError.BadSnapshot, manifest.Maker, 0, $"The snapshot of {manifest.Maker} is not sound: {message}", inner);
}
