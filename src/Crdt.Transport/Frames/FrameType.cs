namespace Crdt.Transport.Frames;

/// <summary>What a frame is; the numbers are the format's.</summary>
internal enum FrameType : byte
{
    /// <summary>The greeting: first frame of each side.</summary>
    Hello = 1,

    /// <summary>No session: code, detail, text.</summary>
    Reject = 2,

    /// <summary>The session ends: code, detail, text.</summary>
    Bye = 3,

    /// <summary>Are you there?</summary>
    Ping = 4,

    /// <summary>Answer to <see cref="Ping"/>, with the wall clock.</summary>
    Pong = 5,

    /// <summary>More spaces than the greeting declared.</summary>
    Spaces = 6,

    /// <summary>What the sender shows of its enrolment in a space, where it was asked to.</summary>
    Proof = 7,

    /// <summary>A step of pairing.</summary>
    Pair = 8,

    /// <summary>What the sender wants of the spaces: their turns, what rests, and what may still be sent.</summary>
    Lanes = 9,

    /// <summary>One replication message of one space.</summary>
    Data = 16,

    /// <summary>One message about the attachments of one space: whatever waits as <see cref="Data"/> goes first.</summary>
    Blob = 17,
}
