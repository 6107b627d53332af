namespace Crdt.Testing.Simulation;

// What has to hold of attachments.
internal sealed partial class InvariantChecks
{
    /// <summary>What a server says that it holds, it holds, and all of it.</summary>
    public void CheckClaims(SimulatedDevice device)
    {
        if (!run.Setup.HasAttachments || device.Replica is not { Role: not ReplicaRole.Client } replica) return;
        foreach (SimulatedContent content in run.Contents)
        {
            if (!replica.ClaimsBlob(content.Blob.Root) || device.Store.Blobs.Find(content.Blob.Root) is { IsWhole: true }) continue;
            throw new ViolationException("claim", "",
                $"{device.Name} says that it holds {content.Blob.Name}, and has {device.Store.Blobs.Find(content.Blob.Root)?.Chunks ?? 0} chunks of it.");
        }
    }

    /// <summary>After everything healed: whoever takes what fields name has it whole if somebody whom it met has it, as it was
    /// taken in, and none of it is nowhere.</summary>
    /// <param name="links">Who met whom.</param>
    public void CheckAttachments(IReadOnlyList<LinkSetup> links)
    {
        foreach (SimulatedDevice device in run.Devices) CheckClaims(device);
        IReadOnlyList<BlobState> named = run.Devices[0].Replica!.Blobs.List();
        foreach (SimulatedContent content in run.Contents.Where(c => c.Bytes.Length > 0))
        {
            BlobHash root = content.Blob.Root;
            foreach (SimulatedDevice device in run.Devices) CheckContent(device, content);
            if (!named.Any(n => n.Blob.Root == root)) continue;
            if (!run.Setup.HasForks && run.Kept.Contains(root) && !run.Devices.Exists(d => IsWhole(d, root)))
                throw new ViolationException("content-lost", "", $"{content.Blob.Name} was taken in, fields name it, and nobody has it.");
            foreach (LinkSetup link in links)
            {
                CheckPassed(run.Devices[link.A], run.Devices[link.B], content.Blob);
                CheckPassed(run.Devices[link.B], run.Devices[link.A], content.Blob);
            }
        }
    }

    private void CheckPassed(SimulatedDevice from, SimulatedDevice to, Blob blob)
    {
        if (!IsWhole(from, blob.Root) || IsWhole(to, blob.Root)) return;
        ReplicaBlobs blobs = to.Replica!.Blobs;
        bool isThumbnail = blobs.PlacesOf(blob.Root).Any(p => p.Path.Name == ReplicaBlobs.Named.ThumbnailField);
        bool takes = blobs.Policy.For(blob) switch
        {
            BlobFetch.Never => false,
            BlobFetch.OnDemand => isThumbnail,
            _ => true,
        };
        var tree = new BlobTree(blob.Size);
        long missing = 0;
        for (int chunk = 0; (chunk = to.Store.Blobs.FindNext(blob.Root, chunk, isThere: false)) < tree.Chunks; chunk++) missing += tree.LengthOf(chunk);
        if (!takes || (run.Evicted.Contains(blob.Root) && blobs.IsEvicted(blob.Root)) || missing > blobs.Policy.QuotaBytes - blobs.UsedBytes) return;
        throw new ViolationException("content-missing", "",
            $"Everything healed; {to.Name} met {from.Name}, which has all of {blob.Name}, and has not: {blobs.Find(blob.Root)}.");
    }

    private void CheckContent(SimulatedDevice device, SimulatedContent content)
    {
        if (!IsWhole(device, content.Blob.Root)) return;
        run.Figures.ContentChecks++;
        using Stream stream = device.Replica!.Blobs.OpenRead(content.Blob);
        byte[] read = new byte[content.Bytes.Length];
        stream.ReadExactly(read);
        if (!read.AsSpan().SequenceEqual(content.Bytes))
            throw new ViolationException("content", "", $"{device.Name} has other bytes of {content.Blob.Name} than were taken in.");
    }

    private static bool IsWhole(SimulatedDevice device, BlobHash root) => device.Store.Blobs.Find(root) is { IsWhole: true };
}
