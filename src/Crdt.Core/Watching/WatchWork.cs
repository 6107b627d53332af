namespace Crdt;

/// <summary>Something that was noticed about another replica, to be kept.</summary>
internal sealed class WatchWork(WatchNote note) : WorkItem
{
    public override void Prepare(ReplicaWriter writer)
    {
        if (writer.Watch.IsNews(note)) writer.AddNote(note.Encode());
    }

    public override void Finish(ReplicaWriter writer) => writer.TakeNote(note);
}
