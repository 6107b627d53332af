namespace Crdt;

/// <summary>How a field is compared with a value.</summary>
public enum ComparisonOperator
{
    /// <summary>The same; of an array or set, an item of it is. Null is what is absent, too.</summary>
    Equal = 1,

    /// <summary>Not <see cref="Equal"/>: also where the field is absent.</summary>
    NotEqual = 2,

    /// <summary>Before it.</summary>
    Less = 3,

    /// <summary>Before it, or the same.</summary>
    LessOrEqual = 4,

    /// <summary>Behind it.</summary>
    Greater = 5,

    /// <summary>Behind it, or the same.</summary>
    GreaterOrEqual = 6,

    /// <summary>Text of a pattern, in which <c>%</c> stands for anything and <c>_</c> for one letter.</summary>
    Like = 7,
}
