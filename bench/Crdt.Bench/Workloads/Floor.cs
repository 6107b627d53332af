using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using MessagePack;

namespace Crdt.Bench.Workloads;

/// <summary>The least work that could replicate these fields: cells in dictionaries, a 64-bit clock, a MessagePack
/// delta per transaction, last writer wins. No causality, no deletes, no checks, no store: a yardstick measured in the
/// same run as the library, so that a ratio means something on any machine.</summary>
public sealed class Floor(int self)
{
    private readonly Dictionary<string, Cell[]> entities = [];
    private readonly Dictionary<string, int> columns = [];
    private readonly List<(string Id, int Column)> log = [];
    private readonly ArrayBufferWriter<byte> buffer = new(4_096);
    private ulong clock;

    private struct Cell
    {
        public Value Value;
        public ulong Stamp;
        public int Author;
    }

    /// <summary>Writes a transaction; returns what others must be sent.</summary>
    public byte[] Write(ReadOnlySpan<FieldWrite> writes)
    {
        buffer.ResetWrittenCount();
        var writer = new MessagePackWriter(buffer);
        writer.Write(self);
        writer.Write(writes.Length);
        ulong before = 0;
        foreach (ref readonly FieldWrite write in writes)
        {
            ulong now = (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() << 16;
            clock = now > clock ? now : clock + 1;
            ref Cell cell = ref CellOf(write.Key.Id, ColumnOf(write.Name));
            cell = new Cell { Value = write.Value, Stamp = clock, Author = self };
            log.Add((write.Key.Id, write.Field));
            writer.Write(write.Key.Id);
            writer.Write(write.Name);
            writer.Write(clock - before);
            before = clock;
            WriteValue(ref writer, write.Value);
        }
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    public void Apply(ReadOnlyMemory<byte> delta)
    {
        var reader = new MessagePackReader(delta);
        int author = reader.ReadInt32();
        ulong stamp = 0;
        Span<char> text = stackalloc char[256];
        for (int rest = reader.ReadInt32(); rest > 0; rest--)
        {
            reader.TryReadStringSpan(out ReadOnlySpan<byte> id);
            ReadOnlySpan<char> name = text[..Encoding.UTF8.GetChars(id, text)];
            if (!entities.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out Cell[]? cells))
                entities[name.ToString()] = cells = new Cell[10];
            reader.TryReadStringSpan(out ReadOnlySpan<byte> field);
            ReadOnlySpan<char> column = text[..Encoding.UTF8.GetChars(field, text)];
            if (!columns.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(column, out int at))
                at = ColumnOf(column.ToString());
            stamp += reader.ReadUInt64();
            Value value = reader.NextMessagePackType switch
            {
                MessagePackType.String => reader.ReadString(),
                MessagePackType.Boolean => reader.ReadBoolean(),
                _ => reader.ReadInt64(),
            };
            ref Cell cell = ref cells[at];
            if (stamp > cell.Stamp || (stamp == cell.Stamp && author > cell.Author))
                cell = new Cell { Value = value, Stamp = stamp, Author = author };
            if (stamp > clock) clock = stamp;
        }
    }

    public Value? Read(string id, string name) =>
        entities.TryGetValue(id, out Cell[]? cells) && columns.TryGetValue(name, out int column) && cells[column].Stamp > 0
            ? cells[column].Value
            : (Value?)null;

    private static void WriteValue(ref MessagePackWriter writer, Value value)
    {
        if (value.Kind == ValueKind.String) writer.Write(value.AsString());
        else if (value.Kind == ValueKind.Boolean) writer.Write(value.AsBoolean());
        else writer.Write(value.AsInteger());
    }

    private int ColumnOf(string name)
    {
        if (columns.TryGetValue(name, out int column)) return column;
        return columns[name] = columns.Count;
    }

    private ref Cell CellOf(string id, int column)
    {
        ref Cell[]? cells = ref CollectionsMarshal.GetValueRefOrAddDefault(entities, id, out _);
        cells ??= new Cell[10];
        return ref cells[column];
    }
}
