namespace Crdt;

/// <summary>What would be lost with a replica: everything that it holds and for which it has no receipt. A receipt is the
/// statement of a server-role replica that it holds something durably, signed by that replica in a keyed space.</summary>
/// <remarks>A receipt tells what its maker held when it made it. It says nothing of what became of that server since, so a
/// server whose log was ended (<see cref="Replica.Fences"/>) gives none.</remarks>
public sealed record CustodyReport
{
    /// <summary>Whether each receipt is signed, so that it holds through however many others it came. In an open space
    /// it is not: there a receipt, and the role of its maker, are words of processes on this machine.</summary>
    public required bool IsSigned { get; init; }

    /// <summary>The newest receipt of every other server-role replica whose log has not been ended, in order of their
    /// ids.</summary>
    public required IReadOnlyList<Acknowledgement> Receipts { get; init; }

    /// <summary>What no receipt includes of what counts here, of whichever author; in order of authors. A receipt of a keyed space
    /// names each author's log, and includes nothing of another log of the same id.</summary>
    public required IReadOnlyList<CustodyGap> Missing { get; init; }

    /// <summary>This replica's own mutations that a fence has cut off and that have not been written again.</summary>
    public required long CutOff { get; init; }

    /// <summary>Mutations of others that a fence has cut off, that are kept aside here, and of which this replica does not
    /// know that they were written again.</summary>
    public required long SetAside { get; init; }

    /// <summary>Authors whose ids are in use twice as far as is known here, in order of ids: what of their logs will count is
    /// open.</summary>
    public required IReadOnlyList<ReplicaId> Forked { get; init; }

    /// <summary>Refusals and marks that this replica has decided on in the server role, and could not write yet.</summary>
    public required long Unwritten { get; init; }

    /// <summary>Attachments of which content is here and no other replica in the server role has said that it holds all of
    /// it.</summary>
    public required IReadOnlyList<Blob> Blobs { get; init; }

    /// <summary>How many mutations no receipt includes.</summary>
    public long MissingCount => Missing.Sum(static m => m.Count);

    /// <summary>Whether everything on this replica has a receipt: its own mutations, under whatever id, and those of
    /// others.</summary>
    public bool IsSafeToWipe => Missing.Count == 0 && CutOff == 0 && SetAside == 0 && Forked.Count == 0 && Unwritten == 0 && Blobs.Count == 0;
}
