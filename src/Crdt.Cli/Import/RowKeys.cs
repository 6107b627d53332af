using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Crdt.Cli.Import;

/// <summary>Gives every row of a file the id of its entity, the same in every import of that file.</summary>
/// <remarks>
/// <para>With an id column: its cell, as it stands in the file. A second row with the same id is refused: which of them
/// holds would depend on the order of imports.</para>
/// <para>Without one: the first 16 bytes of SHA-256 over the row's content (the object of its cells that are not empty,
/// as JSON, in ordinal order of the columns), a line feed, and the how manieth of equal rows it is; in the form of a
/// UUID v4. So equal rows stay apart, the order of columns and of other rows does not matter, and how cells are typed
/// does not either.</para>
/// </remarks>
internal sealed class RowKeys(string domain, string type, string? idColumn)
{
    private readonly Dictionary<string, long> lines = new(StringComparer.Ordinal);
    private readonly Dictionary<UInt128, int> occurrences = [];

    /// <summary>The row's entity, or why it has none. To be asked of every row of the file, in order, also of those
    /// that are not imported.</summary>
    public (EntityKey? Key, string? Rejection) Next(ImportRow row) => idColumn is null
        ? (new EntityKey(domain, type, ContentId(row.Content)), null)
        : FromColumn(row, idColumn);

    private (EntityKey? Key, string? Rejection) FromColumn(ImportRow row, string column)
    {
        if (!row.Content.TryGetMember(column, out Value id)) return (null, $"no id: '{column}' is empty");
        if (id.Kind is not (ValueKind.String or ValueKind.Integer))
            return (null, $"no id: '{column}' is neither text nor an integer");
        string text = id.ToString();
        if (lines.TryGetValue(text, out long earlier))
            return (null, $"the id '{Output.Shown.Cell(text)}' stands in line {earlier} already");
        lines.Add(text, row.Line);
        try
        {
            return (new EntityKey(domain, type, text), null);
        }
        catch (ArgumentException e)
        {
            return (null, $"no id: {e.Message}");
        }
    }

    private string ContentId(Value content)
    {
        byte[] json = Encoding.UTF8.GetBytes(content.ToJson());
        // Rows are told apart by half of their hash: 10 million of them collide with a probability below 1 in 10^24.
        UInt128 seen = BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(json));
        int occurrence = occurrences[seen] = occurrences.GetValueOrDefault(seen) + 1;
        byte[] hash = SHA256.HashData([.. json, (byte)'\n', .. Encoding.ASCII.GetBytes(
            occurrence.ToString(CultureInfo.InvariantCulture))]);
        return ReplicaId.FromRandom(hash.AsSpan(0, ReplicaId.LengthBytes)).ToString();
    }
}
