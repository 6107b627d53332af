namespace Crdt;

/// <summary>Something that was noticed about another replica, to be kept.</summary>
internal sealed class WatchWork(WatchNote note) : WorkItem
{
    private StandingNote? toTake;

    public override void Prepare(ReplicaWriter writer)
    {
        if (note is StandingNote { Statement: var statement })
        {
            if (!writer.Standing.IsNews(statement)) return;
            toTake = new StandingNote(writer.Standing.DifferenceOf(statement));
            writer.AddNote(toTake.Encode());
        }
        else if (writer.Watch.IsNews(note)) writer.AddNote(note.Encode());
    }

    public override void Finish(ReplicaWriter writer)
    {
        // What was known may be more by now: it counts what stands in the log.
        if (note is not StandingNote) writer.TakeNote(note);
        else if (toTake is not null) writer.TakeNote(toTake);
    }
}
