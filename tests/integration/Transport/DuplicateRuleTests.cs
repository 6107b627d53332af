using Crdt.Transport.Sessions;

namespace Crdt.Integration.Transport;

/// <summary>Two nodes that dial each other at any time, with messages that take any time: each side judges alone.
/// </summary>
public sealed class DuplicateRuleTests
{
    [Fact]
    public void Whoever_dials_whenever_both_end_with_the_same_one_connection()
    {
        for (int seed = 0; seed < 20_000; seed++)
        {
            var model = new Model(new Random(seed));
            int dials = 1 + seed % 4;
            model.Run(dials, losses: 0);
            model.AssertOneCommon(seed);
        }
    }

    [Fact]
    public void A_connection_that_one_side_lost_gives_way_to_the_one_it_dials_anew()
    {
        for (int seed = 0; seed < 20_000; seed++)
        {
            var model = new Model(new Random(seed));
            model.Run(dials: 1 + seed % 3, losses: 1);
            model.DialFromALoser();
            model.AssertOneCommon(seed);
        }
    }

    [Fact]
    public void A_connection_that_the_other_side_lost_gives_way_to_the_one_that_is_dialled_anew()
    {
        for (int seed = 0; seed < 20_000; seed++)
        {
            var model = new Model(new Random(seed));
            model.Run(dials: 1 + seed % 3, losses: 1);
            model.DialFromAHolder();
            model.AssertOneCommon(seed);
        }
    }

    [Fact]
    public void A_node_that_was_restarted_replaces_what_it_had()
    {
        for (int seed = 0; seed < 2_000; seed++)
        {
            var model = new Model(new Random(seed));
            model.Run(dials: 1, losses: 0);
            model.RestartAndDial();
            model.AssertOneCommon(seed);
        }
    }

    private sealed class Side(Random random)
    {
        public Guid Id { get; } = new([.. Enumerable.Range(0, 16).Select(_ => (byte)random.Next(256))]);

        public ulong Boot { get; set; } = (ulong)random.NextInt64();

        public ulong Dialled { get; set; }

        public long Events { get; set; }

        public Dictionary<ulong, LinkFacts> Admitted { get; } = [];

        public Dictionary<ulong, LinkFacts> Dialling { get; } = [];

        public ulong[] Holds => [.. Admitted.Keys.Concat(Dialling.Keys)];

        public void Drop(ulong id)
        {
            Admitted.Remove(id);
            Dialling.Remove(id);
        }
    }

    private sealed record Message(ulong Connection, ulong Boot, ulong[]? Holds);

    private sealed class Model(Random random)
    {
        private readonly Side[] sides = [new(random), new(random)];
        private readonly Dictionary<(ulong Connection, int To), Queue<Message>> underway = [];

        public void Run(int dials, int losses)
        {
            while (true)
            {
                var ready = underway.Where(queue => queue.Value.Count > 0).Select(queue => queue.Key).ToList();
                if (dials > 0 && random.Next(3) == 0)
                {
                    dials--;
                    Dial(random.Next(2));
                }
                else if (losses > 0 && sides.Any(side => side.Admitted.Count > 0) && random.Next(3) == 0)
                {
                    losses--;
                    Side loser = sides.First(side => side.Admitted.Count > 0);
                    loser.Drop(loser.Admitted.Keys.First()); // without a word to the other side
                }
                else if (ready.Count > 0)
                {
                    Deliver(ready[random.Next(ready.Count)]);
                }
                else if (dials == 0)
                {
                    return;
                }
            }
        }

        public void DialFromALoser()
        {
            int loser = sides[0].Admitted.Count <= sides[1].Admitted.Count ? 0 : 1;
            Dial(loser);
            Run(0, 0);
        }

        public void DialFromAHolder()
        {
            int holder = sides[0].Admitted.Count > sides[1].Admitted.Count ? 0 : 1;
            Dial(holder);
            Run(0, 0);
        }

        public void RestartAndDial()
        {
            int one = random.Next(2);
            sides[one].Admitted.Clear();
            sides[one].Boot++;
            Dial(one);
            Run(0, 0);
        }

        public void AssertOneCommon(int seed)
        {
            Assert.True(
                sides[0].Admitted.Count == 1 && sides[0].Admitted.Keys.SequenceEqual(sides[1].Admitted.Keys),
                $"seed {seed}: {string.Join(',', sides[0].Admitted.Keys)} or "
                + $"{string.Join(',', sides[1].Admitted.Keys)}");
        }

        private void Dial(int by)
        {
            Side side = sides[by];
            ulong id = unchecked(side.Boot + ++side.Dialled);
            ulong[] holds = side.Holds;
            side.Dialling[id] = new LinkFacts(id, true, 0, holds, null, ++side.Events, 0);
            Send(1 - by, new Message(id, side.Boot, holds));
        }

        private void Deliver((ulong Connection, int To) at)
        {
            Message message = underway[at].Dequeue();
            Side side = sides[at.To];
            if (message.Holds is null)
            {
                side.Drop(at.Connection);
                return;
            }
            bool isDialler = side.Dialling.Remove(at.Connection, out LinkFacts fresh);
            if (!isDialler)
            {
                if (side.Boot + side.Dialled - at.Connection < side.Dialled)
                    return; // an answer to what this side has dropped since
                fresh = new LinkFacts(at.Connection, false, 0, side.Holds, null, ++side.Events, 0);
                Send(1 - at.To, new Message(at.Connection, side.Boot, side.Holds));
            }
            fresh = fresh with { BootNonce = message.Boot, PeerHolds = message.Holds };
            Admit(at.To, fresh);
        }

        private void Admit(int at, LinkFacts fresh)
        {
            Side side = sides[at];
            foreach (LinkFacts old in side.Admitted.Values.ToList())
            {
                DuplicateVerdict verdict =
                    DuplicateRule.Judge(old, fresh, (side.Id, side.Boot), sides[1 - at].Id);
                ulong leaving = verdict == DuplicateVerdict.KeepOld ? fresh.ConnectionId : old.ConnectionId;
                Send(1 - at, new Message(leaving, side.Boot, null));
                if (verdict == DuplicateVerdict.KeepOld)
                    return;
                side.Drop(leaving);
            }
            side.Admitted[fresh.ConnectionId] = fresh with { AdmittedAt = ++side.Events };
        }

        private void Send(int to, Message message)
        {
            if (!underway.TryGetValue((message.Connection, to), out Queue<Message>? queue))
                underway[(message.Connection, to)] = queue = new Queue<Message>();
            queue.Enqueue(message);
        }
    }
}
