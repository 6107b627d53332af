using System.Globalization;

namespace Crdt.Store.LiteDb;

/// <summary>An index as LiteDB has it: over a member of the documents that holds <see cref="IndexKey"/>s.</summary>
/// <param name="Number">Tells it from others.</param>
/// <param name="Index">What it is about.</param>
internal sealed record FieldIndex(int Number, EntityIndex Index)
{
    /// <summary>What the names of such members begin with; a number follows.</summary>
    public const string NamePrefix = "_ix";

    /// <summary>Name of the member, and of LiteDB's index over it.</summary>
    public string Name { get; } = NamePrefix + Number.ToString(CultureInfo.InvariantCulture);
}
