namespace Crdt;

/// <summary>Something that was noticed about another replica, to be kept.</summary>
internal sealed class WatchWork(WatchNote note) : WorkItem
{
    public override void Prepare(ReplicaWriter writer)
    {
        if (note is StandingNote { Statement: var statement })
        {
            if (writer.Standing.IsNews(statement))
                writer.AddNote(new StandingNote(writer.Standing.DifferenceOf(statement)).Encode());
        }
        else if (writer.Watch.IsNews(note)) writer.AddNote(note.Encode());
    }

    public override void Finish(ReplicaWriter writer) => writer.TakeNote(note);
}
