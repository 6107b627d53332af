using System.Buffers;

namespace Crdt.Properties;

/// <summary>Replicas in any topology, with sessions that stay open, in virtual time: a message takes its link's latency,
/// and a link passes on messages in order. Counts what each link carries.</summary>
internal sealed class VirtualMesh(Team team) : IDisposable
{
    private const int Run = 3, Tree = 15, Holds = 16;

    private readonly PriorityQueue<(Link Link, int Side, byte[]? Message), (long AtMs, long Ordinal)> queue = new();
    private readonly List<Link>[] linksOf = [.. team.Replicas.Select(_ => new List<Link>())];
    private readonly int[] versions = new int[team.Replicas.Count];
    private readonly List<SyncSession> attached = [];
    private long ordinal;

    public List<Link> Links { get; } = [];

    /// <summary>Virtual time.</summary>
    public long NowMs { get; private set; }

    /// <summary>Runs that arrived, the bytes of all messages, and messages that tell of the tree and of what is held.</summary>
    public (long Runs, long Bytes, long Trees, long Holds) Carried { get; set; }

    public Link Connect(int a, int b, int latencyMs)
    {
        var link = new Link(a, b, latencyMs, new SyncSession(team[a]), new SyncSession(team[b]));
        Links.Add(link);
        linksOf[a].Add(link);
        linksOf[b].Add(link);
        Look(link, 0);
        Look(link, 1);
        return link;
    }

    /// <summary>A session whose other end is the test's.</summary>
    public SyncSession Attach(int replica)
    {
        var session = new SyncSession(team[replica]);
        attached.Add(session);
        return session;
    }

    /// <summary>Lets everybody look whether there is something to say.</summary>
    public void LookAround()
    {
        for (int i = 0; i < linksOf.Length; i++) LookAround(i);
    }

    /// <summary>Ends a connection; what is on its way is lost.</summary>
    public void Cut(Link link)
    {
        link.IsOpen = false;
        Links.Remove(link);
        foreach (int end in link.Ends)
        {
            linksOf[end].Remove(link);
            link.Sessions[0].Dispose();
            link.Sessions[1].Dispose();
        }
        foreach (int end in link.Ends) LookAround(end);
    }

    /// <summary>From now on nothing that this link carries arrives, and nobody is told.</summary>
    public static void Mute(Link link) => link.IsMute = true;

    /// <summary>Writes once, and puts what follows on its way.</summary>
    public async Task CommitAsync(int replica, string id, int value)
    {
        team.Clocks[replica].SetUtcNow(Team.Start.AddMilliseconds(NowMs));
        await team[replica].CommitAsync(tx => tx.Upsert(new EntityKey("d", "t", id)).Set("n", value));
        LookAround(replica);
    }

    /// <summary>Lets time pass until nothing is on its way any more.</summary>
    public async Task DrainAsync(long untilMs = long.MaxValue)
    {
        while (queue.TryPeek(out _, out (long AtMs, long) due) && due.AtMs <= untilMs)
        {
            (Link link, int side, byte[]? message) = queue.Dequeue();
            NowMs = Math.Max(NowMs, due.AtMs);
            if (!link.IsOpen) continue;
            int at = link.Ends[side];
            team.Clocks[at].SetUtcNow(Team.Start.AddMilliseconds(NowMs));
            if (message is null) await SayAsync(link, side);
            else await HearAsync(link, side, message);
            if (message is null && versions[at] == team[at].Mesh.Version) continue;
            versions[at] = team[at].Mesh.Version;
            LookAround(at);
        }
        if (untilMs != long.MaxValue) NowMs = untilMs;
    }

    public void Dispose()
    {
        foreach (SyncSession session in Links.SelectMany(l => l.Sessions).Concat(attached)) session.Dispose();
    }

    private void LookAround(int replica)
    {
        foreach (Link link in linksOf[replica]) Look(link, link.Ends[0] == replica ? 0 : 1);
    }

    private void Look(Link link, int side)
    {
        if (link.IsLookDue[side]) return;
        link.IsLookDue[side] = true;
        queue.Enqueue((link, side, null), (NowMs, ordinal++));
    }

    private async Task SayAsync(Link link, int side)
    {
        link.IsLookDue[side] = false;
        var buffer = new ArrayBufferWriter<byte>();
        while (await link.Sessions[side].WriteNextAsync(buffer, default))
        {
            if (!link.IsMute)
                queue.Enqueue((link, 1 - side, buffer.WrittenSpan.ToArray()), (NowMs + link.LatencyMs, ordinal++));
            buffer = new ArrayBufferWriter<byte>();
        }
        if (link.Sessions[side].Patience is not { } patience) return;
        long atMs = NowMs + (long)Math.Ceiling(patience.TotalMilliseconds) + 1;
        if (link.LaterLookMs[side] > NowMs && link.LaterLookMs[side] <= atMs) return;
        link.LaterLookMs[side] = atMs;
        queue.Enqueue((link, side, null), (atMs, ordinal++));
    }

    private async Task HearAsync(Link link, int side, byte[] message)
    {
        (long runs, long bytes, long trees, long holds) = Carried;
        int kind = message[0];
        Carried = (runs + (kind == Run ? 1 : 0), bytes + message.Length, trees + (kind == Tree ? 1 : 0), holds + (kind == Holds ? 1 : 0));
        if (kind == Run) link.Runs++;
        await link.Sessions[side].ReceiveAsync(new ReadOnlySequence<byte>(message), default);
    }

    internal sealed class Link(int a, int b, int latencyMs, SyncSession left, SyncSession right)
    {
        public int[] Ends { get; } = [a, b];

        public SyncSession[] Sessions { get; } = [left, right];

        public bool[] IsLookDue { get; } = new bool[2];

        public long[] LaterLookMs { get; } = new long[2];

        public int LatencyMs { get; } = latencyMs;

        public bool IsOpen { get; set; } = true;

        public bool IsMute { get; set; }

        public long Runs { get; set; }
    }
}
