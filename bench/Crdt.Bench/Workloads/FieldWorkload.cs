namespace Crdt.Bench.Workloads;

/// <summary>The writes of the shared field workload: entities of ten fields, drawn from a seeded generator, the same
/// in every language (docs/performance.md tells the rules).</summary>
public static class FieldWorkload
{
    /// <summary>Domain and type take one letter each, so that a delta's size says what the format costs.</summary>
    public const string Domain = "d";

    public const string EntityType = "t";

    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const uint Golden = 0x9E37_79B1;
    private const int FirstFlag = 8;

    private static readonly int[] TextLengths = [12, 8, 24, 6];
    private static readonly List<EntityKey> Keys = [];

    public static IReadOnlyList<string> FieldNames { get; } =
        ["name", "city", "note", "code", "qty", "price", "stamp", "score", "active", "flag"];

    public static EntityKey Key(int entity)
    {
        for (int i = Keys.Count; i <= entity; i++) Keys.Add(new EntityKey(Domain, EntityType, $"e{i:D7}"));
        return Keys[entity];
    }

    /// <summary>Every field of every entity once, entity by entity.</summary>
    public static FieldWrite[] Inserts(int entities, int seed = 1)
    {
        var random = new XorShift(seed);
        var writes = new List<FieldWrite>(entities * FieldNames.Count);
        for (int e = 0; e < entities; e++)
        {
            for (int f = 0; f < FieldNames.Count; f++)
                writes.Add(Write(e, f, f < FirstFlag ? Draw(random, f) : Value.From(FirstValueOfFlag(e, f))));
        }
        return [.. writes];
    }

    /// <summary>Writes to fields drawn with replacement, over <see cref="Inserts"/>; a flag flips at every write.</summary>
    public static FieldWrite[] Updates(int seed, int entities, int count)
    {
        var random = new XorShift(seed);
        var flags = new Dictionary<(int, int), bool>();
        var writes = new FieldWrite[count];
        for (int i = 0; i < count; i++)
        {
            int e = (int)(random.Next() % (uint)entities), f = (int)(random.Next() % (uint)FieldNames.Count);
            Value value;
            if (f < FirstFlag) value = Draw(random, f);
            else value = flags[(e, f)] = !flags.GetValueOrDefault((e, f), FirstValueOfFlag(e, f));
            writes[i] = Write(e, f, value);
        }
        return writes;
    }

    /// <summary>FNV-1a over what is read, entity by entity, field by field: equal in every language for equal states.</summary>
    public static uint Checksum(int entities, Func<EntityKey, string, Value?> read)
    {
        uint sum = 0x811C_9DC5;
        for (int e = 0; e < entities; e++)
        {
            foreach (string name in FieldNames)
            {
                if (read(Key(e), name) is not { } value) continue;
                string text = value.Kind switch
                {
                    ValueKind.String => $"s:{value.AsString()}",
                    ValueKind.Boolean => value.AsBoolean() ? "b:1" : "b:0",
                    _ => $"i:{value.AsInteger()}",
                };
                foreach (char c in $"{Key(e).Id}\t{name}\t{text}\n") sum = (sum ^ c) * 0x0100_0193;
            }
        }
        return sum;
    }

    private static FieldWrite Write(int entity, int field, Value value) =>
        new(entity, field, Key(entity), FieldNames[field], value);

    private static bool FirstValueOfFlag(int entity, int field) =>
        ((uint)((entity * FieldNames.Count) + field) * Golden) >> 31 == 1;

    private static Value Draw(XorShift random, int field)
    {
        if (field < TextLengths.Length)
        {
            Span<char> text = stackalloc char[TextLengths[field]];
            for (int i = 0; i < text.Length; i++) text[i] = Alphabet[(int)(random.Next() >> 27)];
            return text.ToString();
        }
        uint drawn = random.Next();
        return field switch
        {
            4 => drawn % 1_000,
            5 => drawn % 1_000_000,
            6 => drawn & 0x7FFF_FFFF,
            _ => (drawn % 10_000) - 5_000L,
        };
    }

    private sealed class XorShift
    {
        private uint state;

        public XorShift(int seed)
        {
            state = ((uint)seed * Golden) | 1;
            for (int i = 0; i < 4; i++) Next();
        }

        public uint Next()
        {
            state ^= state << 13;
            state ^= state >> 17;
            return state ^= state << 5;
        }
    }
}
