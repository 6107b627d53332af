namespace Crdt;

/// <summary>One session's end in the mesh of a replica. All of it is guarded by the <see cref="MeshTree"/>'s lock, except
/// what says otherwise.</summary>
/// <param name="changed">Called, under the lock, when there is something to tell, or runs are to be sent otherwise.</param>
internal sealed class MeshLink(Action changed)
{
    private volatile bool isEager = true, isFed = true;

    /// <summary>What the peer told last; <see langword="null"/> where it has told nothing.</summary>
    public TreeMessage? Heard { get; set; }

    /// <summary>What the peer was told last.</summary>
    public TreeMessage? Said { get; set; }

    /// <summary>Whether the peer is asked to send runs, though the link is not part of the tree.</summary>
    public bool IsGrafted { get; set; }

    /// <summary>Whether runs go to the peer as they arise; else it is told what there is. Read without the lock.</summary>
    public bool IsEager => isEager;

    /// <summary>Whether runs may be expected from the peer. Read without the lock.</summary>
    public bool IsFed => isFed;

    /// <summary>Takes what follows from the tree.</summary>
    /// <returns>Whether anything is different now.</returns>
    public bool Set(bool eager, bool fed)
    {
        bool isNews = isEager != eager || isFed != fed;
        (isEager, isFed) = (eager, fed);
        return isNews;
    }

    public void Tell() => changed();
}
