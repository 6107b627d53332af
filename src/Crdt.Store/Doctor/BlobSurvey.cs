using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.Doctor;

/// <summary>Reads all attachments of a replica, and tells what is damaged or missing.</summary>
internal sealed class BlobSurvey(IDisk disk, string directory, AtRestCipher? cipher)
{
    private const string AsideSuffix = ".damaged";

    private readonly string folder = FileReplicaStore.BlobDirectory(directory);

    public int Blobs { get; private set; }

    public long LengthBytes { get; private set; }

    /// <summary>Looks at every chunk and changes nothing.</summary>
    public async Task<IReadOnlyList<StoreFinding>> RunAsync(bool isInUse, CancellationToken cancellationToken)
    {
        var findings = new List<StoreFinding>();
        foreach (string name in disk.ListFiles(folder))
        {
            if (name.EndsWith(FileBlobStore.DraftSuffix, StringComparison.Ordinal) && !isInUse)
                findings.Add(new(StoreFindingKind.LeftOver, $"blobs/{name}", "Content that was not complete when its process ended.", "The next opening removes it."));
            else if (name.EndsWith(AsideSuffix, StringComparison.Ordinal))
                findings.Add(new(StoreFindingKind.LeftOver, $"blobs/{name}", "A damaged attachment that was moved aside.", "Remove it at will."));
        }
        FileBlobStore store = FileBlobStore.Open(new ReadOnlyDisk(disk), folder, cipher);
        await using (store.ConfigureAwait(false))
        {
            foreach (string name in store.Unreadable)
            {
                findings.Add(new(StoreFindingKind.BlobDamaged, $"blobs/{name}", "It cannot be read, its beginning and its end are damaged, or it has the name of another.",
                    "'crdt doctor --repair' moves it aside; peers that have the attachment send it again."));
            }
            foreach (BlobHolding before in store.List())
            {
                store.Verify(before.Root, cancellationToken);
                if (store.Find(before.Root) is { } after) Report(before, after, findings);
            }
        }
        return findings;
    }

    /// <summary>Gives up what is damaged, so that it comes again.</summary>
    public async Task<IReadOnlyList<string>> RepairAsync(CancellationToken cancellationToken)
    {
        var done = new List<string>();
        FileBlobStore store = FileBlobStore.Open(disk, folder, cipher);
        await using (store.ConfigureAwait(false))
        {
            foreach (string name in store.Unreadable)
            {
                string path = Path.Combine(folder, name);
                disk.Rename(path, path + AsideSuffix);
                done.Add($"'blobs/{name}' was moved aside.");
            }
            foreach (BlobHolding before in store.List())
            {
                store.Verify(before.Root, cancellationToken);
                if (store.Find(before.Root) is { } after && after.Damaged > before.Damaged)
                    done.Add($"Of the attachment {before.Root}, damaged chunks given up: {after.Damaged - before.Damaged}.");
            }
        }
        return done;
    }

    private void Report(BlobHolding before, BlobHolding after, List<StoreFinding> findings)
    {
        Blobs++;
        LengthBytes += after.IsWhole ? after.Size : Math.Min(after.Size, BlobTree.Offset(after.Chunks));
        int chunks = new BlobTree(after.Size).Chunks;
        if (after.Damaged > before.Damaged)
        {
            findings.Add(new(StoreFindingKind.BlobDamaged, $"attachment {after.Root}",
                $"Of its {chunks} chunks, {after.Damaged - before.Damaged} that should be there are damaged.",
                "'crdt doctor --repair' gives them up; peers that have the attachment send them again."));
        }
        else if (!after.IsWhole)
        {
            string damaged = after.Damaged > 0 ? $", {after.Damaged} were damaged" : "";
            findings.Add(new(StoreFindingKind.BlobIncomplete, $"attachment {after.Root}",
                $"Of its {chunks} chunks, {after.Chunks} are there{damaged}.", "Peers that have the attachment send the rest."));
        }
    }
}
