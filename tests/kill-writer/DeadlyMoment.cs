using System.Globalization;

namespace Crdt.KillWriter;

/// <summary>An operation of a disk.</summary>
/// <param name="Operation">What it is, and in which directory: <c>create</c>, <c>write</c>, <c>chunk</c> (a write of one), <c>read</c>
/// (of a chunk), <c>flush</c>, <c>rename</c>, <c>delete</c>, <c>sync</c>, as <c>flush@blobs</c>.</param>
/// <param name="Count">Which of them, from 1.</param>
/// <param name="How">Whether it has not happened (<c>before</c>), in part (<c>half</c>, of writes) or wholly (<c>after</c>).</param>
/// <param name="After">They are counted after operations of this kind.</param>
/// <param name="AfterCount">How many of those.</param>
public sealed record DeadlyMoment(string Operation, int Count, string How, string After = "-", int AfterCount = 0)
{
    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static DeadlyMoment Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(' ');
        return new DeadlyMoment(parts[0], int.Parse(parts[1], CultureInfo.InvariantCulture), parts[2], parts[3], int.Parse(parts[4], CultureInfo.InvariantCulture));
    }

    /// <summary>Its parts in one line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Operation} {Count} {How} {After} {AfterCount}");
}
