namespace Crdt.Transport.Pairing;

/// <summary>A step of pairing.</summary>
internal abstract record PairMessage;

/// <summary>From the applicant, first: it holds an invitation.</summary>
internal sealed record TokenApplication(ReplicaId Replica, string Name, byte[] Proof) : PairMessage;

/// <summary>From the applicant, first: people will compare codes.</summary>
internal sealed record CodeApplication(ReplicaId Replica, string Name, byte[] Commitment) : PairMessage;

/// <summary>The desk's nonce, then the applicant's, which its commitment was about.</summary>
internal sealed record PairNonce(byte[] Nonce) : PairMessage;

/// <summary>From the applicant: the person there has seen the same code.</summary>
internal sealed record PairConfirmed : PairMessage;

/// <summary>From the desk, last: the space's founding and the applicant's enrolment.</summary>
internal sealed record PairGranted(ReadOnlyMemory<byte> Genesis, ReadOnlyMemory<byte> Enrolment) : PairMessage;
