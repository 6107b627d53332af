using System.Buffers;

namespace Crdt;

/// <content>Bundles: one delta, any road.</content>
public sealed partial class Replica
{
    /// <summary>What a replica is known to hold durably, by the newest that was heard from it.</summary>
    public VersionVector HeldBy(ReplicaId replica) => replica == Id ? Vector : writer.Acknowledgements.HeldBy(replica);

    /// <summary>Writes what somebody lacks into one file, for a courier: mutations, what servers are known to hold, fences.
    /// Commits go on meanwhile; what they write is not in it.</summary>
    /// <param name="output">The file. Nobody may read it before this completes.</param>
    /// <param name="since">What its reader holds already; <see cref="VersionVector.Empty"/> for everything.</param>
    /// <param name="reader">For whom it is meant, to be shown; anybody who holds <paramref name="since"/> can take it.</param>
    /// <param name="withBlobs">Whether to put the content of attachments in, as far as it is here: of those that were named behind
    /// <paramref name="since"/>.</param>
    /// <param name="cancellationToken">Gives up; what was written by then is no bundle.</param>
    /// <exception cref="InvalidOperationException">The replica has not met its space yet.</exception>
    public async ValueTask<Bundle> ExportBundleAsync(
        Stream output, VersionVector since, ReplicaId? reader = null, bool withBlobs = false,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(since);
        if (Vector.Count == 0)
            throw new InvalidOperationException("The replica has not met its space yet: there is nothing to put into a bundle.");
        await CloseRunAsync(cancellationToken).ConfigureAwait(false);
        using SyncSession session = SyncSession.OntoPaper(this, reader ?? default, since, out VersionVector until);
        var bundle = new Bundle(Space, Id, Options.Time.GetUtcNow(), reader, since, until);
        using var frames = new BundleWriter(output);
        await frames.BeginAsync(bundle, cancellationToken).ConfigureAwait(false);
        var buffer = new ArrayBufferWriter<byte>(1 << 16);
        while (await session.WriteNextOntoPaperAsync(buffer, cancellationToken).ConfigureAwait(false))
        {
            await frames.WriteFrameAsync(buffer.WrittenMemory, cancellationToken).ConfigureAwait(false);
            buffer.ResetWrittenCount();
        }
        if (withBlobs)
        {
            await foreach (PaperChunk chunk in Blobs.OntoPaperAsync(since, cancellationToken).ConfigureAwait(false))
            {
                chunk.Write(buffer);
                await frames.WriteFrameAsync(buffer.WrittenMemory, cancellationToken).ConfigureAwait(false);
                buffer.ResetWrittenCount();
            }
        }
        await frames.EndAsync(cancellationToken).ConfigureAwait(false);
        return bundle with { LengthBytes = frames.LengthBytes };
    }

    /// <summary>Takes what is in a bundle, durably. Taking it again changes nothing; after an interruption, whatever it was,
    /// taking it again goes on.</summary>
    /// <param name="input">The file.</param>
    /// <param name="cancellationToken">Gives up; what was taken by then stays, in whole transactions.</param>
    /// <exception cref="BundleException">It is no bundle of this space, or it begins behind what is held here: then nothing was
    /// taken. Or it is damaged: then what stands before the damage was.</exception>
    public async ValueTask<BundleImport> ImportBundleAsync(Stream input, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        long start = input.CanSeek ? input.Position : 0, news = 0;
        int blobs = 0;
        while (true)
        {
            using var frames = new BundleReader(input);
            Bundle bundle = await frames.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
            CheckBundle(bundle);
            using SyncSession session = SyncSession.FromPaper(this);
            try
            {
                while (await frames.ReadAsync(cancellationToken).ConfigureAwait(false) is { } message)
                {
                    if (PaperChunk.Read(message) is not { } chunk)
                        await session.TakeFromPaperAsync(message, cancellationToken).ConfigureAwait(false);
                    else if (await Blobs.TakeFromPaperAsync(chunk, cancellationToken).ConfigureAwait(false))
                        blobs++;
                }
                await session.EndPaperAsync(bundle, cancellationToken).ConfigureAwait(false);
            }
            catch (SyncException e) when (e.Error == SyncError.Rebuilt && input.CanSeek)
            {
                // A fence in it has changed what is held: once more, from the beginning.
                news += session.Progress.MutationsReceived;
                input.Position = start;
                continue;
            }
            catch (BlobException e)
            {
                throw new BundleException(BundleError.Refused, $"The bundle cannot be taken: {e.Message}", e);
            }
            catch (SyncException e)
            {
                throw new BundleException(
                    e.Error is SyncError.Gap ? BundleError.Gap : BundleError.Refused, $"The bundle cannot be taken: {e.Message}", e);
            }
            return new BundleImport(
                bundle with { LengthBytes = frames.LengthBytes }, news + session.Progress.MutationsReceived)
            { Blobs = blobs };
        }
    }

    private void CheckBundle(Bundle bundle)
    {
        if (bundle.Space != Space)
            throw new BundleException(BundleError.WrongSpace, $"The bundle is of space {bundle.Space}; this replica of {Space}.");
        VersionVector held = Vector;
        foreach (Dot dot in bundle.Since)
        {
            long needed = Math.Min(dot.Sequence, writer.Fences.Table.Of(dot.Replica)?.Sequence ?? long.MaxValue);
            if (held[dot.Replica] >= needed) continue;
            throw new BundleException(BundleError.Gap,
                $"The bundle goes on behind mutation {needed} of replica {dot.Replica}, of which this replica holds "
                + $"{(held[dot.Replica] == 0 ? "none" : $"those up to {held[dot.Replica]}")}. Nothing was taken.");
        }
    }
}
