using System.Buffers;

namespace Crdt;

/// <content>Half a session, on paper: what would be sent to a peer goes into a file for a courier, and is taken from one as
/// if the peer had sent it. Nobody answers, so nothing is asked and nothing waits for credit.</content>
public sealed partial class SyncSession
{
    private bool isOnPaper;
    private LogPosition? paperEnd;
    private int paperChunk;
    private VersionVector paperHeads = VersionVector.Empty;

    /// <summary>A session that tells everything that a holder of <paramref name="held"/> lacks.</summary>
    /// <param name="replica">Who tells; its own run is closed.</param>
    /// <param name="reader">For whom; empty for anybody.</param>
    /// <param name="held">What its reader holds.</param>
    /// <param name="until">What its reader will hold.</param>
    internal static SyncSession OntoPaper(Replica replica, ReplicaId reader, VersionVector held, out VersionVector until)
    {
        var session = new SyncSession(replica)
        {
            isOnPaper = true,
            peer = reader,
            isPeerKnown = true,
            mustTellHeads = true,
            mustTellFences = true,
            mustTellStatements = true,
            // Who judges a statement needs its maker's enrolment first.
            areStatementsHeldBack = true,
            sendCredit = long.MaxValue,
        };
        // First the vector, then the end: what lies between is more than was promised, never less.
        until = VectorOf(replica.Heads);
        session.paperEnd = replica.Writer.PublishedEnd;
        foreach (Dot dot in held) Raise(session.acknowledged, dot.Replica, dot.Sequence);
        session.cursor = replica.Store.FindStart(held);
        return session;
    }

    /// <summary>A session that takes what another one told.</summary>
    internal static SyncSession FromPaper(Replica replica) => new(replica) { isOnPaper = true };

    /// <summary>Writes the next message.</summary>
    /// <returns><see langword="false"/> when everything was told.</returns>
    internal async ValueTask<bool> WriteNextOntoPaperAsync(IBufferWriter<byte> output, CancellationToken cancellationToken)
    {
        if (await WriteNextAsync(output, cancellationToken).ConfigureAwait(false)) return true;
        if (!areStatementsHeldBack) return false;
        areStatementsHeldBack = false;
        return await WriteNextAsync(output, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes the next message.</summary>
    /// <exception cref="SyncException">It is none that belongs there, or cannot be believed.</exception>
    internal async ValueTask TakeFromPaperAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        CheckStale();
        if (ownHave is null) await StartAsync(cancellationToken).ConfigureAwait(false);
        SyncMessage received = incoming.Read(new ReadOnlySequence<byte>(message));
        bool isPassedOver;
        lock (gate) isPassedOver = IsPassedOver(received);
        if (!isPassedOver)
        {
            try
            {
                await TakeAsync(received, cancellationToken).ConfigureAwait(false);
            }
            catch (SyncException) when (IsStale)
            {
                // What the message was judged by is no more.
                CheckStale();
            }
        }
        lock (gate)
        {
            // What would be the answer: it grants as much as was taken.
            TakeAck();
            wanted = null;
            mustTellHeads = false;
            chainsToTell.Clear();
        }
    }

    /// <summary>Everything was taken: what the maker held then, it holds, too.</summary>
    internal async ValueTask EndPaperAsync(Bundle bundle, CancellationToken cancellationToken)
    {
        CheckStale();
        if (peer is not { } maker || maker == replica.Id || IsKeyed) return;
        VersionVector own = replica.Vector;
        var held = VersionVector.From(paperHeads
            .Select(d => new Dot(d.Replica, Math.Min(d.Sequence, own[d.Replica]))).Where(d => d.Sequence > 0));
        if (held.Count == 0) return;
        await replica.AcknowledgeAsync(new Acknowledgement(maker, peerRole, bundle.MadeAt, held), cancellationToken)
            .ConfigureAwait(false);
    }

    private static VersionVector VectorOf(IEnumerable<ChainHead> heads) =>
        VersionVector.From(heads.Select(static h => new Dot(h.Author, h.Sequence)));

    private bool IsPassedOver(SyncMessage received)
    {
        switch (received)
        {
            case HaveMessage or RunMessage or StatementsMessage or FencesMessage or AsideMessage:
                return false;
            case HeadsMessage heads:
                paperHeads = VectorOf(heads.Heads);
                return !mustHearHeads;
            case SnapshotMessage:
                paperChunk = 0;
                return false;
            case ChunkMessage:
                return inbox is null || paperChunk++ != inbox.Next;
            default:
                throw new SyncException(SyncError.UnexpectedMessage,
                    $"A {received.GetType().Name} answers something: it has no place in a bundle.");
        }
    }
}
