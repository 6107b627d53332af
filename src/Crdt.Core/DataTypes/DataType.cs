namespace Crdt;

/// <summary>How one kind of register is written and read. Everything else about it (what a change replaces, that
/// replicas converge, that nothing is lost) is the same for all kinds (semantics 2), so a type of one's own is two pure
/// functions: what a write stores, and what its siblings are read as.</summary>
/// <remarks>
/// <para>Registered by <see cref="ReplicaOptions.DataTypes"/>, written by <see cref="EntityEdit.Write"/>, read as a member of
/// the entity, or at <see cref="FieldPath.As"/>. A replica that does not know a type applies, keeps and forwards it by its
/// rule, and shows nothing in its place.</para>
/// <para>Every replica must read alike: the same number has to mean the same type for as long as the space lives. A new
/// meaning takes a new number. Instances hold no state that changes; they are called from any thread.</para>
/// <para>Laws: 1, 6. <c>Crdt.Testing.DataTypeLaws</c> checks them: derive a suite for every type of your own.</para>
/// </remarks>
public abstract class DataType
{
    /// <summary>The least number that a type of one's own may take: 16. Those below are the format's.</summary>
    public const int KindMin = 16;

    /// <summary>The greatest number that a type may take: 63.</summary>
    public const int KindMax = 63;

    /// <summary>Describes a type of one's own.</summary>
    /// <param name="kind">Its number, 16 to 63: the same on every replica of every space that uses the type, for ever.</param>
    /// <param name="rule">What a write replaces.</param>
    /// <param name="name">Its name, for people.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number or the rule is none.</exception>
    protected DataType(int kind, ReplaceRule rule, string name)
        : this((PathKind)kind, rule, name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(kind, KindMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(kind, KindMax);
        if (rule is not (ReplaceRule.Observed or ReplaceRule.Own))
            throw new ArgumentOutOfRangeException(nameof(rule), rule, "There are two rules.");
    }

    private protected DataType(PathKind kind, ReplaceRule rule, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        (Kind, Rule, Name) = (kind, rule, name);
    }

    /// <summary>Its number, as part of every path to a register of this type.</summary>
    public PathKind Kind { get; }

    /// <summary>Which siblings a write replaces.</summary>
    public ReplaceRule Rule { get; }

    /// <summary>Its name, for people.</summary>
    public string Name { get; }

    /// <summary>What the siblings are read as: a function of the set of them and of nothing else.</summary>
    /// <param name="siblings">At least one, each once, the latest first. Their values may be anything: a hostile author
    /// writes what it likes, and a reader must not fail for it.</param>
    /// <returns><see langword="null"/> when nothing is to be seen.</returns>
    public abstract Value? Read(IReadOnlyList<Sibling> siblings);

    /// <summary>What a write stores. By itself the argument.</summary>
    /// <param name="argument">What the writer gave; passed <see cref="Validate"/>.</param>
    /// <param name="replaced">The siblings that the write replaces, the latest first: those seen, or by
    /// <see cref="ReplaceRule.Own"/> the author's own, if there is one.</param>
    public virtual Value Store(Value argument, IReadOnlyList<Sibling> replaced) => argument;

    /// <summary>Why an argument cannot be written; <see langword="null"/> when it can. By itself everything can.</summary>
    public virtual string? Validate(Value argument) => null;

    /// <summary>Name and number.</summary>
    public override string ToString() => $"{Name} ({(int)Kind})";
}
