namespace Crdt;

/// <summary>Finds out what of a replica has no receipt.</summary>
internal sealed class CustodyCheck(ReplicaWriter writer, IEnumerable<ReplicaId> forked)
{
    private readonly FenceTable fences = writer.Fences.Table;

    /// <summary>What is known without the log. On the writer's turn, so that all of it is of one moment.</summary>
    public CustodyReport Run()
    {
        Acknowledgement[] receipts = [.. writer.Acknowledgements.Newest().Where(IsReceipt)];
        return new CustodyReport
        {
            IsSigned = writer.Trust.IsKeyedPublished,
            Receipts = receipts,
            Missing = Missing(receipts),
            CutOff = writer.PendingReissues,
            SetAside = 0,
            Forked = [.. forked.Where(a => writer.Authors.Vector[a] > 0).Concat(fences.Standing.Select(static f => f.Replica).Where(writer.Fences.IsOffBranch)).Distinct().Order()],
            Unwritten = Unwritten(),
            Blobs = [],
        };
    }

    /// <summary>Adds what the log alone tells; beside the writer's turn.</summary>
    public CustodyReport WithLog(CustodyReport report) => report with
    {
        CutOff = report.CutOff + OwnBeyondFence(),
        SetAside = SetAside(),
    };

    private bool IsReceipt(Acknowledgement statement) => statement.Role != ReplicaRole.Client
        && statement.By != writer.Identity.Replica && !writer.Fences.FormerIds.Contains(statement.By)
        && fences.Of(statement.By) is null && !writer.Trust.IsRevoked(statement.By, fences)
        && statement.Signature.IsEmpty != writer.Trust.IsKeyedPublished;

    private List<CustodyGap> Missing(Acknowledgement[] receipts)
    {
        var missing = new List<CustodyGap>();
        Dictionary<ReplicaId, ChainHead> heads = writer.Authors.Heads().ToDictionary(static h => h.Author);
        foreach ((ReplicaId author, long applied) in writer.Authors.Vector)
        {
            ChainHead head = heads.GetValueOrDefault(author, new ChainHead(author, 0, AuthorTable.ChainStart(author)));
            long kept = receipts.Length == 0 ? 0 : receipts.Max(r => writer.Acknowledgements.HeldBy(r.By, head, applied));
            if (kept < applied) missing.Add(new CustodyGap(author, kept + 1, applied));
        }
        return missing;
    }

    /// <summary>What this replica wrote under its present id and beyond the end of its log: it goes on under another one, or,
    /// where it may not, nobody writes it again.</summary>
    private long OwnBeyondFence()
    {
        if (writer.OwnFence is null) return 0;
        long count = 0;
        foreach (LoggedEntry logged in writer.Store.ReadLog(default))
        {
            if (logged.Entry.Kind == LogEntryKind.Batch && logged.Entry.Author == writer.Identity.Replica && writer.Fences.IsVoid(logged.Entry))
                count += logged.Entry.LastSequence - logged.Entry.FirstSequence + 1;
        }
        return count;
    }

    private long SetAside() => Reissue.OfSetAside(writer.Store, writer, writer.Fences.Asides.Select(static a => a.Author).ToHashSet())
        .Sum(static branch => branch.CountUnknown());

    private long Unwritten()
    {
        ServerDuties.Decisions decisions = writer.Postponed.All;
        return writer.Postponed.IsEmpty ? 0 : decisions.Annotations.Count + decisions.Refused.Count;
    }
}
