namespace Crdt;

/// <summary>Why there is no proof of an entity's history, or why one does not hold.</summary>
public enum ProofError
{
    /// <summary>The space is open: nothing in it is signed.</summary>
    NotSigned,

    /// <summary>Nothing was ever written of the entity, as far as the log tells.</summary>
    NothingWritten,

    /// <summary>A snapshot stands for the beginning of the log: what was written before cannot be shown any more.</summary>
    Partial,

    /// <summary>The log does not lead to a head that its author signed.</summary>
    NoSignedHead,

    /// <summary>The file is no proof, one of a later format, or damaged.</summary>
    NotAProof,

    /// <summary>It is of another space, or of another authority, than the one that is trusted.</summary>
    OtherAuthority,

    /// <summary>An author's key is not one that the authority has certified.</summary>
    NotCertified,

    /// <summary>A signature does not hold, or the batches do not lead to what was signed.</summary>
    BadSignature,

    /// <summary>A batch cannot be read, or is not about the entity.</summary>
    BadBatch,
}
