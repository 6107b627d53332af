namespace Crdt.Coverage;

/// <summary>One way out of a decision, as the compiler laid it out.</summary>
internal readonly record struct Branch(string File, string Method, int Line, int Offset, int Path);
