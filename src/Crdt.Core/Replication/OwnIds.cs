namespace Crdt;

/// <summary>The ids under which a replica has written, from its log: its present one last.</summary>
internal static class OwnIds
{
    public static HashSet<ReplicaId> Of(IReplicaStore store)
    {
        var ids = new HashSet<ReplicaId>();
        foreach (LoggedEntry logged in store.ReadLog(default))
        {
            if (logged.Entry.Kind == LogEntryKind.Identity) ids.Add(ReplicaId.FromBytes(logged.Entry.Payload.Span));
        }
        ids.Add(store.Identity.Replica);
        return ids;
    }
}
