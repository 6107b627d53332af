using System.Buffers;
using Crdt.Store.AtRest;
using Crdt.Store.Blobs;
using Crdt.Store.Disk;

namespace Crdt.Store;

/// <summary>The content of blobs in a directory: a file for each, with its chunks, their hash tree, and which of them are there.</summary>
/// <remarks>
/// <para>A chunk that is read is verified up to the blob's root. In an encrypted replica chunks, hashes and names of files are
/// under its key. Memory does not grow with the size of a blob, and a bounded number of files is open.</para>
/// <para>Opening reads the beginning and the end of each file, not the chunks.</para>
/// <para>Failures of the environment are <see cref="StoreException"/>; a draft that met one takes nothing any more.</para>
/// </remarks>
public sealed class FileBlobStore : IBlobStore
{
    internal const string DirectoryName = "blobs", Suffix = ".blob", DraftSuffix = ".tmp";

    private const string LockName = "lock";

    // So much of what came from elsewhere is lost with the power at most: 16 MiB.
    private const int UnsyncedMax = 256;

    private const int FilesMax = 64;

    private readonly IDisk disk;
    private readonly string directory;
    private readonly AtRestCipher? cipher;
    private readonly int unsyncedMax;
    private readonly FilePool pool;
    private readonly Lock gate = new();
    private readonly Dictionary<BlobHash, StoredBlob> blobs = [];
    private readonly List<string> unreadable = [];
    private Owned? owned;
    private long quotaBytes = long.MaxValue, usedBytes, reservedBytes;
    private bool isClosed, hasDirectory;

    // Set while a removal may come back with a power cut.
    private volatile bool isDirectoryBehind;

    private FileBlobStore(IDisk disk, string directory, AtRestCipher? cipher, int filesMax, int unsyncedMax)
    {
        (this.disk, this.directory, this.cipher, this.unsyncedMax) = (disk, directory, cipher, unsyncedMax);
        pool = new FilePool(disk, filesMax);
    }

    /// <inheritdoc/>
    public long QuotaBytes
    {
        get => Interlocked.Read(ref quotaBytes);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            Interlocked.Exchange(ref quotaBytes, value);
        }
    }

    /// <inheritdoc/>
    public long UsedBytes => Interlocked.Read(ref usedBytes);

    /// <summary>Files that should hold a blob and cannot be read, by name: their beginning and end are damaged, or they are under
    /// the name of another. They stay where they are until the blob comes again.</summary>
    internal IReadOnlyList<string> Unreadable => unreadable;

    /// <summary>How many files are open.</summary>
    internal int OpenFiles => pool.Count;

    /// <summary>Opens a store of its own, for this process alone: that of a replica which keeps its log elsewhere.</summary>
    /// <param name="directory">Takes <c>blobs/</c>, and <c>store.key</c> where it is encrypted; created when the first content
    /// comes.</param>
    /// <param name="key">Encrypts the content; <see langword="null"/> for content that everybody reads who reads the disk. Not needed any
    /// more when this returns.</param>
    /// <exception cref="StoreException"><see cref="StoreError.InUse"/>, <see cref="StoreError.KeyRequired"/>,
    /// <see cref="StoreError.WrongKey"/>, <see cref="StoreError.NotEncrypted"/>, <see cref="StoreError.KeyDamaged"/>,
    /// <see cref="StoreError.UnsupportedFormat"/>, <see cref="StoreError.ReadFailed"/>, <see cref="StoreError.DiskFull"/>,
    /// <see cref="StoreError.WriteFailed"/>.</exception>
    public static FileBlobStore Open(string directory, StoreKey? key = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        RealDisk disk = RealDisk.Instance;
        string place = Path.Combine(directory, DirectoryName);
        IDisposable? held = null;
        AtRestCipher? cipher = null;
        try
        {
            disk.CreateDirectory(place);
            held = disk.Lock(Path.Combine(place, LockName));
            cipher = OpenKey(disk, directory, key);
            FileBlobStore store = Open(disk, place, cipher);
            store.owned = new Owned(held, cipher);
            return store;
        }
        catch (Exception e)
        {
            cipher?.Dispose();
            held?.Dispose();
            if (StoreException.IsEnvironmental(e)) throw StoreException.FromWrite($"Opening the attachments in '{directory}'", e);
            throw;
        }
    }

    /// <summary>Opens a store in a directory that nobody else has.</summary>
    internal static FileBlobStore Open(
        IDisk disk, string directory, AtRestCipher? cipher, int filesMax = FilesMax, int unsyncedMax = UnsyncedMax)
    {
        var store = new FileBlobStore(disk, directory, cipher, filesMax, unsyncedMax);
        try
        {
            store.Scan();
            return store;
        }
        catch (Exception e)
        {
            store.pool.Dispose();
            if (StoreException.IsEnvironmental(e))
                throw new StoreException(StoreError.ReadFailed, $"The attachments in '{directory}' could not be read: {e.Message}", e);
            throw;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<BlobHolding> List()
    {
        lock (gate) return [.. blobs.Values.Where(b => b.IsStored).Select(b => b.Holding).OrderBy(h => h.Root)];
    }

    /// <inheritdoc/>
    public BlobHolding? Find(BlobHash root) =>
        FindStored(root)?.Holding ?? (root == BlobTree.EmptyRoot ? new BlobHolding(root, 0, 0, 0, 0) : null);

    /// <inheritdoc/>
    public int FindNext(BlobHash root, int from, bool isThere)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        return FindStored(root)?.FindNext(from, isThere) ?? (isThere ? int.MaxValue : from);
    }

    /// <inheritdoc/>
    public async ValueTask<IBlobDraft> CreateAsync(CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        return await Task.Run(() => Guarded<IBlobDraft>("Taking content in", () =>
        {
            EnsureDirectory();
            return new BlobDraft(this, BlobFormat.Create(cipher));
        }), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> WriteAsync(
        BlobHash root, long size, int chunk, ReadOnlyMemory<byte> content, ReadOnlyMemory<BlobHash> proof, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        return await Task.Run(() => Guarded("Writing a chunk", () => Write(root, new BlobTree(size), chunk, content.Span, proof.Span)), cancellationToken)
            .ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<int> ReadAsync(BlobHash root, int chunk, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        if (FindStored(root) is not { } blob || !blob.Holds(chunk, out _)) return -1;
        int length = blob.Tree.LengthOf(chunk);
        if (buffer.Length < length) throw new ArgumentException($"The chunk has {length} bytes; there is room for {buffer.Length}.", nameof(buffer));
        return await Task.Run(() => Reading(blob, () => Read(blob, chunk, buffer.Span) ? length : -1, -1), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public BlobHash[]? ReadProof(BlobHash root, int chunk)
    {
        ThrowIfClosed();
        if (FindStored(root) is not { } blob || !blob.Holds(chunk, out _)) return null;
        return Reading(blob, () =>
        {
            using OpenBlob open = pool.Rent(blob);
            return new BlobReader(blob, open).Prove(chunk);
        }, null);
    }

    /// <inheritdoc/>
    public BlobHash? FindSha256(BlobHash root) => FindStored(root) is { } blob ? blob.Sha256 : BlobTree.EmptySha256Of(root);

    /// <inheritdoc/>
    public async ValueTask NoteSha256Async(BlobHash root, BlobHash sha256, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        if (FindStored(root) is not { } blob || blob.Sha256 == sha256) return;
        await Task.Run(() => Guarded("Keeping what is known of a blob", () =>
        {
            lock (blob.Writing)
            {
                if (blob.IsGone || !blob.IsStored) return false;
                using OpenBlob open = pool.Rent(blob);
                open.File.Write(open.Format.SealSha256(sha256), open.Format.LengthOf(blob.Tree));
                blob.Sha256 = sha256;
                return true;
            }
        }), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask SyncAsync(BlobHash root, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        if (FindStored(root) is not { } blob) return;
        await Task.Run(() => Guarded("Making a blob durable", () =>
        {
            lock (blob.Writing) Sync(blob);
            return true;
        }), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RemoveAsync(BlobHash root, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        StoredBlob? blob = FindStored(root);
        if (blob is null && !isDirectoryBehind) return false;
        return await Task.Run(() => Guarded("Removing a blob", () =>
        {
            bool isRemoved = blob is not null && Remove(blob);
            if (isDirectoryBehind) disk.SyncDirectory(directory);
            isDirectoryBehind = false;
            return isRemoved;
        }), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes durable what came last, and closes the files. Drafts that are not complete take nothing more.</summary>
    public async ValueTask DisposeAsync()
    {
        StoredBlob[] stored;
        lock (gate)
        {
            if (isClosed) return;
            isClosed = true;
            stored = [.. blobs.Values];
        }
        await Task.Run(() =>
        {
            try
            {
                foreach (StoredBlob blob in stored)
                {
                    lock (blob.Writing) Guarded("Making a blob durable", () => Sync(blob));
                }
            }
            finally
            {
                pool.Dispose();
                owned?.Dispose();
            }
        }).ConfigureAwait(false);
    }

    /// <summary>Reads every chunk that is there of a blob, and gives up those that are damaged.</summary>
    internal void Verify(BlobHash root, CancellationToken cancellationToken)
    {
        if (FindStored(root) is not { } blob) return;
        byte[] buffer = new byte[BlobTree.ChunkLengthBytes];
        for (int chunk = blob.FindNext(0, isThere: true); chunk < blob.Tree.Chunks; chunk = blob.FindNext(chunk + 1, isThere: true))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Reading(blob, () => Read(blob, chunk, buffer), false);
        }
    }

    internal IDisk Disk => disk;

    internal string NewDraftPath() => Path.Combine(directory, Guid.NewGuid().ToString("N") + DraftSuffix);

    internal void Reserve(int lengthBytes)
    {
        lock (gate)
        {
            if (usedBytes + reservedBytes > quotaBytes - lengthBytes)
                throw BlobException.OverQuota(quotaBytes, usedBytes + reservedBytes, lengthBytes);
            reservedBytes += lengthBytes;
        }
    }

    internal void Release(long lengthBytes)
    {
        lock (gate) reservedBytes -= lengthBytes;
    }

    internal void ThrowIfClosed()
    {
        if (isClosed) throw new StoreException(StoreError.Closed, "The store of attachments was closed.");
    }

    /// <summary>Takes a complete, durable file in; what was there of the blob is replaced by it.</summary>
    internal void Adopt(BlobHash root, BlobHash sha256, BlobTree tree, BlobFormat format, string draft)
    {
        while (true)
        {
            StoredBlob blob = FindOrAdd(root, tree);
            lock (blob.Writing)
            {
                if (blob.IsGone) continue;
                bool isNew = !blob.IsStored;
                try
                {
                    disk.Rename(draft, blob.Path);
                    disk.SyncDirectory(directory);
                }
                catch when (isNew)
                {
                    Discard(blob.Path);
                    Forget(blob);
                    throw;
                }
                pool.Replace(blob, format);
                lock (gate)
                {
                    Interlocked.Add(ref usedBytes, tree.Size - (isNew ? 0 : blob.LengthBytes));
                    reservedBytes -= tree.Size;
                    blob.Adopt(ChunkSet.Full(tree.Chunks), null);
                    blob.Sha256 = sha256;
                }
                return;
            }
        }
    }

    internal void Discard(string path)
    {
        try
        {
            if (disk.Exists(path)) disk.Delete(path);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            // What is left is cleared at the next opening.
        }
    }

    internal static T Guarded<T>(string action, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw StoreException.FromWrite(action, e);
        }
    }

    private static AtRestCipher? OpenKey(RealDisk disk, string directory, StoreKey? key)
    {
        bool hasFile = disk.Exists(KeyFile.PathIn(directory));
        if (key is null)
        {
            return !hasFile ? null
                : throw new StoreException(StoreError.KeyRequired, $"The attachments in '{directory}' are encrypted: a key is needed.");
        }
        if (hasFile) return KeyFile.Open(disk, directory, key);
        if (disk.ListFiles(Path.Combine(directory, DirectoryName)).Any(f => f.EndsWith(Suffix, StringComparison.Ordinal)))
            throw new StoreException(StoreError.NotEncrypted, $"The attachments in '{directory}' are not encrypted, and a key was given.");
        return KeyFile.Create(disk, directory, key);
    }

    private StoredBlob? FindStored(BlobHash root)
    {
        lock (gate) return blobs.TryGetValue(root, out StoredBlob? blob) && blob.IsStored ? blob : null;
    }

    private StoredBlob FindOrAdd(BlobHash root, BlobTree tree)
    {
        lock (gate)
        {
            if (!blobs.TryGetValue(root, out StoredBlob? blob))
                blobs.Add(root, blob = new StoredBlob(root, tree, BlobFormat.Create(cipher), Path.Combine(directory, NameOf(root))));
            return blob;
        }
    }

    private string NameOf(BlobHash root)
    {
        byte[] name = new byte[BlobHash.LengthBytes];
        root.WriteBytes(name);
        return Convert.ToHexStringLower(cipher?.NameOf(name) ?? name) + Suffix;
    }

    private void Forget(StoredBlob blob)
    {
        lock (gate)
        {
            blob.IsGone = true;
            blob.IsStored = false;
            blobs.Remove(blob.Root);
        }
    }

    private void EnsureDirectory()
    {
        if (hasDirectory) return;
        disk.CreateDirectory(directory);
        if (Path.GetDirectoryName(directory) is { Length: > 0 } above) disk.SyncDirectory(above);
        hasDirectory = true;
    }

    private void Scan()
    {
        var incomplete = new List<StoredBlob>();
        foreach (string name in disk.ListFiles(directory))
        {
            if (name.EndsWith(DraftSuffix, StringComparison.Ordinal)) disk.Delete(Path.Combine(directory, name));
            else if (name.EndsWith(Suffix, StringComparison.Ordinal) && !TryTakeIfReadable(name, incomplete)) unreadable.Add(name);
        }
        // Its end is missing, and with it what was there: every chunk tells that itself.
        foreach (StoredBlob blob in incomplete) Verify(blob.Root, CancellationToken.None);
    }

    // What cannot be read of a beginning or an end costs the blob that lies there, and no other.
    private bool TryTakeIfReadable(string name, List<StoredBlob> incomplete)
    {
        try
        {
            return TryTake(name, incomplete);
        }
        catch (IOException e) when (IsUnreadable(e))
        {
            return false;
        }
    }

    /// <summary>Whether it says that the medium could not be read: EIO on Unix, ERROR_CRC on Windows.</summary>
    private static bool IsUnreadable(IOException e) => e is { HResult: 5 or unchecked((int)0x80070017) };

    private bool TryTake(string name, List<StoredBlob> incomplete)
    {
        string path = Path.Combine(directory, name);
        using IDiskFile file = disk.Open(path, DiskOpenMode.Read);
        long length = file.Length;
        int behind = BlobFormat.NodeLengthBytesOf(cipher);
        if ((ReadHeader(file, 0, name, out BlobHash root, out long size)
            ?? ReadHeader(file, length - BlobFormat.HeaderLengthBytes - behind, name, out root, out size)
            ?? ReadHeader(file, length - BlobFormat.HeaderLengthBytes, name, out root, out size)) is not { } format) return false;
        if (NameOf(root) != name) return false;
        var tree = new BlobTree(size);
        var blob = new StoredBlob(root, tree, format, path);
        int half = ChunkSet.LengthBytesOf(tree.Chunks);
        byte[] sets = new byte[2 * half];
        if (file.Read(sets, format.OffsetOfTail(tree)) == sets.Length)
        {
            var damaged = ChunkSet.Read(tree.Chunks, sets.AsSpan(half));
            blob.Adopt(ChunkSet.Read(tree.Chunks, sets.AsSpan(0, half)), damaged.Count > 0 ? damaged : null);
        }
        else
        {
            blob.Adopt(ChunkSet.Full(tree.Chunks), null);
            incomplete.Add(blob);
        }
        byte[] sha256 = new byte[behind];
        if (file.Read(sha256, format.LengthOf(tree)) == behind && format.TryOpenSha256(sha256, out BlobHash whole)) blob.Sha256 = whole;
        blobs.Add(root, blob);
        usedBytes += blob.LengthBytes;
        return true;
    }

    private BlobFormat? ReadHeader(IDiskFile file, long offset, string name, out BlobHash root, out long size)
    {
        (root, size) = (default, 0);
        Span<byte> header = stackalloc byte[BlobFormat.HeaderLengthBytes];
        return offset >= 0 && file.Read(header, offset) == header.Length ? BlobFormat.Read(header, cipher, name, out root, out size) : null;
    }

    private bool Write(BlobHash root, BlobTree tree, int chunk, ReadOnlySpan<byte> content, ReadOnlySpan<BlobHash> proof)
    {
        BlobHash leaf = tree.Check(root, chunk, content, proof);
        while (true)
        {
            StoredBlob blob = FindOrAdd(root, tree);
            lock (blob.Writing)
            {
                if (blob.IsGone) continue;
                if (blob.Holds(chunk, out _)) return false;
                try
                {
                    Reserve(content.Length);
                    try
                    {
                        Write(blob, chunk, leaf, content, proof);
                    }
                    finally
                    {
                        Release(content.Length);
                    }
                }
                catch when (!blob.IsStored)
                {
                    Forget(blob);
                    throw;
                }
                return true;
            }
        }
    }

    private void Write(StoredBlob blob, int chunk, BlobHash leaf, ReadOnlySpan<byte> content, ReadOnlySpan<BlobHash> proof)
    {
        bool wasDamaged = blob.IsDamaged(chunk), isNew = !blob.IsStored;
        if (isNew)
        {
            Begin(blob, chunk, leaf, content, proof);
            Interlocked.Add(ref usedBytes, content.Length);
            return;
        }
        using (OpenBlob open = pool.Rent(blob)) Place(blob, open, chunk, leaf, content, proof);
        blob.Add(chunk);
        Interlocked.Add(ref usedBytes, content.Length);
        blob.Unsynced++;
        try
        {
            if (blob.IsWhole || blob.Unsynced >= unsyncedMax) Sync(blob);
        }
        catch
        {
            blob.Withdraw(chunk, wasDamaged);
            Interlocked.Add(ref usedBytes, -content.Length);
            throw;
        }
    }

    /// <summary>Makes the file of a blob, with its first chunk: it appears under its name when all of that is durable.</summary>
    private void Begin(StoredBlob blob, int chunk, BlobHash leaf, ReadOnlySpan<byte> content, ReadOnlySpan<BlobHash> proof)
    {
        EnsureDirectory();
        string draft = NewDraftPath();
        bool isNamed = false;
        try
        {
            BlobFormat format = blob.Format;
            using (IDiskFile file = disk.Open(draft, DiskOpenMode.Create))
            {
                byte[] header = new byte[BlobFormat.HeaderLengthBytes];
                format.WriteHeader(header, blob.Root, blob.Tree.Size);
                file.Write(header, 0);
                Place(blob, new OpenBlob(pool, format, file), chunk, leaf, content, proof);
                blob.Add(chunk);
                file.Write(blob.Tail(format), format.OffsetOfTail(blob.Tree));
                file.Flush();
            }
            disk.Rename(draft, blob.Path);
            isNamed = true;
            disk.SyncDirectory(directory);
            lock (gate) blob.IsStored = true;
        }
        catch
        {
            Discard(isNamed ? blob.Path : draft);
            throw;
        }
    }

    private static void Place(
        StoredBlob blob, OpenBlob open, int chunk, BlobHash leaf, ReadOnlySpan<byte> content, ReadOnlySpan<BlobHash> proof)
    {
        BlobFormat format = open.Format;
        var reader = new BlobReader(blob, open);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(format.LeafAndChunkLengthBytes);
        try
        {
            long leafPosition = 2L * chunk;
            Span<byte> both = buffer.AsSpan(0, format.NodeLengthBytes + content.Length + format.EnvelopeLengthBytes);
            content.CopyTo(both[format.NodeLengthBytes..]);
            format.SealChunk(both[format.NodeLengthBytes..], chunk);
            // A neighbour's proof may have brought the leaf, and may be durable: it is not touched again.
            if (reader.TryReadNode(leafPosition, out BlobHash known) && known == leaf)
                open.File.Write(both[format.NodeLengthBytes..], format.OffsetOfChunk(chunk));
            else
            {
                format.SealNode(both, leafPosition, leaf);
                open.File.Write(both, format.OffsetOfLeaf(chunk));
                blob.KeepNode(leafPosition, leaf);
            }
            blob.Tree.Place(chunk, leaf, proof, (position, hash) => StoreNode(blob, open, reader, position, hash));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: false);
        }
    }

    private static void StoreNode(StoredBlob blob, OpenBlob open, BlobReader reader, long position, BlobHash hash)
    {
        if (reader.TryReadNode(position, out BlobHash known) && known == hash) return;
        Span<byte> node = stackalloc byte[open.Format.NodeLengthBytes];
        open.Format.SealNode(node, position, hash);
        open.File.Write(node, open.Format.OffsetOfNode(position));
        blob.KeepNode(position, hash);
    }

    private bool Sync(StoredBlob blob)
    {
        if (blob.Unsynced == 0 || !blob.IsStored) return false;
        using OpenBlob open = pool.Rent(blob);
        // A chunk counts as there on the disk only after it is.
        open.File.Flush();
        byte[] tail = blob.Tail(open.Format);
        open.File.Write(tail.AsSpan(..^BlobFormat.HeaderLengthBytes), open.Format.OffsetOfTail(blob.Tree));
        open.File.Flush();
        blob.Unsynced = 0;
        return true;
    }

    private bool Read(StoredBlob blob, int chunk, Span<byte> buffer)
    {
        while (blob.Holds(chunk, out int version))
        {
            using OpenBlob open = pool.Rent(blob);
            var reader = new BlobReader(blob, open);
            if (reader.TryRead(chunk, buffer))
            {
                if (reader.Recomputed.Count > 0) Mend(blob, open, reader);
                return true;
            }
            lock (blob.Writing)
            {
                if (blob.IsGone) return false;
                if (!blob.TryGiveUp(chunk, version)) continue;
                Interlocked.Add(ref usedBytes, -blob.Tree.LengthOf(chunk));
                NoteDamage(blob, open, chunk);
                return false;
            }
        }
        return false;
    }

    // What the disk says of the others stays as it is: some of them may not be durable yet.
    private static void NoteDamage(StoredBlob blob, OpenBlob open, int chunk)
    {
        try
        {
            long there = open.Format.OffsetOfTail(blob.Tree) + (chunk / 8), damaged = there + ChunkSet.LengthBytesOf(blob.Tree.Chunks);
            byte bit = (byte)(1 << (chunk % 8));
            Span<byte> bits = stackalloc byte[1];
            if (open.File.Read(bits, there) < 1) return;
            bits[0] &= (byte)~bit;
            open.File.Write(bits, there);
            if (open.File.Read(bits, damaged) < 1) return;
            bits[0] |= bit;
            open.File.Write(bits, damaged);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            // Whoever reads it after the next opening finds it damaged again.
        }
    }

    private static void Mend(StoredBlob blob, OpenBlob open, BlobReader reader)
    {
        lock (blob.Writing)
        {
            if (blob.IsGone || blob.Format != open.Format) return;
            try
            {
                foreach ((long position, BlobHash hash) in reader.Recomputed) StoreNode(blob, open, reader, position, hash);
            }
            catch (Exception e) when (StoreException.IsEnvironmental(e))
            {
                // They come out again at the next reading.
            }
        }
    }

    private bool Remove(StoredBlob blob)
    {
        lock (blob.Writing)
        {
            if (blob.IsGone || !blob.IsStored) return false;
            blob.IsGone = true;
            try
            {
                disk.Delete(blob.Path);
            }
            catch
            {
                blob.IsGone = false;
                throw;
            }
            Interlocked.Add(ref usedBytes, -blob.LengthBytes);
            Forget(blob);
            pool.Replace(blob, blob.Format);
            isDirectoryBehind = true;
            return true;
        }
    }

    private static T Reading<T>(StoredBlob blob, Func<T> read, T none)
    {
        try
        {
            return read();
        }
        catch (FileNotFoundException) when (blob.IsGone)
        {
            return none;
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw new StoreException(StoreError.ReadFailed, $"The blob {blob.Root} could not be read: {e.Message}", e);
        }
    }

    private sealed class Owned(IDisposable held, AtRestCipher? cipher) : IDisposable
    {
        public void Dispose()
        {
            cipher?.Dispose();
            held.Dispose();
        }
    }
}
