namespace Crdt.Testing;

/// <summary>Changes a few bytes: others, more, fewer.</summary>
public static class Damage
{
    /// <param name="random">Decides.</param>
    /// <param name="bytes">What is damaged; stays as it is.</param>
    /// <param name="from">Bytes before this are spared.</param>
    public static byte[] Some(Random random, byte[] bytes, int from = 0)
    {
        var damaged = new List<byte>(bytes);
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int at = random.Next(from, damaged.Count);
            byte value = random.Next(3) switch
            {
                0 => (byte)random.Next(256),
                1 => (byte)(damaged[at] + random.Next(-1, 2)),
                _ => damaged[random.Next(damaged.Count)],
            };
            switch (random.Next(4))
            {
                case 0:
                    damaged.Insert(at, value);
                    break;
                case 1 when damaged.Count > 2:
                    damaged.RemoveAt(at);
                    break;
                default:
                    damaged[at] = value;
                    break;
            }
        }
        return [.. damaged];
    }
}
