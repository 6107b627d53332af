namespace Crdt;

/// <summary>Which siblings a write at a path replaces; two bits of the segment's code on the wire.</summary>
public enum ReplaceRule
{
    /// <summary>Those that the change names: what its author had seen there.</summary>
    Observed = 0,

    /// <summary>Those that the change names, and every earlier sibling of the change's own author.</summary>
    Own = 1,
}
