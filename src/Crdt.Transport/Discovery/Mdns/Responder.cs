using System.Net;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>What is announced on one network: probes for its name, announces, answers, defends, takes back.</summary>
/// <param name="link">The network.</param>
/// <param name="random">For the delays.</param>
/// <param name="send">Sends to one, or to everybody.</param>
internal sealed class Responder(int link, Random random, Action<OutgoingPacket> send)
{
    private static readonly TimeSpan FormerFor = TimeSpan.FromSeconds(10);

    private readonly Dictionary<DnsRecord, TimeSpan> sentAt = [];
    private readonly Dictionary<DnsRecord, Pending> pending = [];
    private readonly List<(DnsRecord Record, TimeSpan Until)> former = [];
    private IReadOnlyList<DnsRecord> records = [];
    private DnsName name;
    private int probes;
    private int announcements;
    private TimeSpan? nextStep;

    /// <summary>Whether the name is ours here.</summary>
    public bool IsAnnounced { get; private set; }

    public TimeSpan? NextDue
    {
        get
        {
            TimeSpan? due = nextStep;
            foreach (Pending answer in pending.Values)
                due = due is null || answer.Due < due ? answer.Due : due;
            return due;
        }
    }

    /// <summary>What everybody asks for first, if it is announced.</summary>
    public DnsRecord? Pointer => IsAnnounced ? records[0] : null;

    public bool IsOwn(DnsName instance) => IsAnnounced && instance == name;

    /// <summary>Begins with a name of which it is not known whether another has it.</summary>
    public void Probe(DnsName service, IReadOnlyList<DnsRecord> toSay, TimeSpan at)
    {
        Replace(toSay, at);
        (name, IsAnnounced, probes) = (service, false, 0);
        pending.Clear();
        nextStep = toSay.Count == 0 ? null : at + (MdnsTimes.Probe * random.NextDouble());
    }

    /// <summary>Says something else under the same name.</summary>
    public void Update(IReadOnlyList<DnsRecord> toSay, TimeSpan now)
    {
        if (!IsAnnounced || toSay.Count == 0 || records.Count == 0)
        {
            if (toSay.Count == 0)
                Withdraw();
            if (!IsAnnounced && nextStep is null)
                Probe(name, toSay, now);
            else
                Replace(toSay, now);
            return;
        }
        Replace(toSay, now);
        pending.Clear();
        announcements = 0;
        nextStep = now;
    }

    /// <summary>Takes back what was announced.</summary>
    public void Withdraw()
    {
        if (IsAnnounced)
            SendAll(isGoodbye: true);
        (records, IsAnnounced, nextStep) = ([], false, null);
        pending.Clear();
        sentAt.Clear();
    }

    /// <summary>Ends here without a word: the network is gone.</summary>
    public void Drop() => (IsAnnounced, nextStep, records) = (false, null, []);

    public void OnTimer(TimeSpan now)
    {
        if (nextStep <= now)
            Step(now);
        if (!pending.Values.Any(answer => answer.Due <= now))
            return;
        DnsRecord[] due = [.. records.Where(r => pending.TryGetValue(r, out Pending? answer) && answer.Due <= now)];
        foreach (DnsRecord record in due)
        {
            pending.Remove(record);
            sentAt[record] = now;
        }
        Answer(due);
    }

    /// <summary>Answers a question.</summary>
    /// <returns>Whether another probes for the same name and goes first.</returns>
    public void OnQuery(DnsMessage query, IPEndPoint source, bool isLegacy, TimeSpan now)
    {
        bool isProbe = query.Authorities.Any(r => r.Name == name);
        if (isProbe && !IsAnnounced && nextStep is not null && IsEarlier(query.Authorities))
        {
            probes = 0;
            nextStep = now + MdnsTimes.TieLost;
        }
        if (!IsAnnounced)
            return;
        // The rest of what an earlier question's sender knows.
        foreach (DnsRecord known in query.Answers)
        {
            foreach (DnsRecord record in pending.Where(p => source.Equals(p.Value.Asker) && IsKnown(p.Key, known)).Select(p => p.Key).ToArray())
                pending.Remove(record);
        }
        DnsRecord[] wanted =
        [
            .. records.Where(record => query.Questions.Any(q => q.Asks(record))
                && !query.Answers.Any(known => IsKnown(record, known))),
        ];
        if (wanted.Length == 0)
            return;
        if (isLegacy)
        {
            AnswerLegacy(query, source, wanted);
            return;
        }
        TimeSpan wait = isProbe || Array.TrueForAll(wanted, record => record.IsUnique) ? TimeSpan.Zero
            : random.Between(MdnsTimes.SharedMin, MdnsTimes.SharedMax);
        if (query.IsTruncated)
            wait = random.Between(MdnsTimes.TruncatedMin, MdnsTimes.TruncatedMax);
        foreach (DnsRecord record in wanted)
        {
            TimeSpan due = now + wait;
            TimeSpan free = sentAt.TryGetValue(record, out TimeSpan last)
                ? last + (isProbe ? MdnsTimes.AgainInDefence : MdnsTimes.Again)
                : TimeSpan.MinValue;
            due = due < free ? free : due;
            bool isAsked = pending.TryGetValue(record, out Pending? before);
            // Whoever else asks: then one asker's knowledge does not make it needless.
            pending[record] = isAsked
                ? new Pending(before!.Due < due ? before.Due : due, null)
                : new Pending(due, query.IsTruncated ? source : null);
        }
    }

    /// <summary>Looks for another who has the name.</summary>
    public bool IsInConflict(DnsMessage response, TimeSpan now)
    {
        if (records.Count == 0)
            return false;
        former.RemoveAll(f => f.Until <= now);
        return response.Answers.Concat(response.Additionals).Any(theirs => theirs.TtlSeconds > 0
            && theirs.Name == name
            && theirs.Type is DnsType.Srv or DnsType.Txt
            // What says the same is our own, come back over another network.
            && !records.Any(own => own.Says(theirs))
            && !former.Exists(own => own.Record.Says(theirs)));
    }

    private void Step(TimeSpan now)
    {
        if (IsAnnounced)
        {
            Announce(now);
        }
        else if (probes < MdnsTimes.Probes)
        {
            probes++;
            nextStep = now + MdnsTimes.Probe;
            var probe = new DnsWriter(isResponse: false);
            probe.TryAdd(new DnsQuestion(name, DnsType.Any));
            foreach (DnsRecord record in records.Where(r => r.Name == name))
                probe.TryAdd(DnsWriter.Section.Authority, record);
            send(new OutgoingPacket(link, null, probe.ToArray()));
        }
        else
        {
            (IsAnnounced, announcements) = (true, 0);
            Announce(now);
        }
    }

    private void Announce(TimeSpan now)
    {
        SendAll(isGoodbye: false);
        foreach (DnsRecord record in records)
            sentAt[record] = now;
        nextStep = ++announcements < MdnsTimes.Announcements ? now + MdnsTimes.Announcement : null;
    }

    private void SendAll(bool isGoodbye)
    {
        var writer = new DnsWriter(isResponse: true);
        foreach (DnsRecord record in records)
        {
            // That there is the service at all, others say, too.
            if (isGoodbye && !record.IsUnique && record != records[0])
                continue;
            Add(ref writer, DnsWriter.Section.Answer, record, isGoodbye ? 0 : null);
        }
        send(new OutgoingPacket(link, null, writer.ToArray()));
    }

    private void Answer(IReadOnlyList<DnsRecord> answers)
    {
        var writer = new DnsWriter(isResponse: true);
        foreach (DnsRecord record in answers)
            Add(ref writer, DnsWriter.Section.Answer, record, null);
        // What the asker needs next; without it, it asks.
        foreach (DnsRecord record in MoreFor(answers))
            writer.TryAdd(DnsWriter.Section.Additional, record);
        send(new OutgoingPacket(link, null, writer.ToArray()));
    }

    private void AnswerLegacy(DnsMessage query, IPEndPoint source, IReadOnlyList<DnsRecord> wanted)
    {
        var writer = new DnsWriter(isResponse: true, query.Id, isLegacy: true);
        foreach (DnsQuestion question in query.Questions)
            writer.TryAdd(question);
        foreach (DnsRecord record in wanted)
            writer.TryAdd(DnsWriter.Section.Answer, record);
        foreach (DnsRecord record in MoreFor(wanted))
            writer.TryAdd(DnsWriter.Section.Additional, record);
        send(new OutgoingPacket(link, source, writer.ToArray()));
    }

    private IEnumerable<DnsRecord> MoreFor(IReadOnlyList<DnsRecord> answers)
    {
        bool isPointer = answers.Contains(records[0]);
        bool isService = isPointer || answers.Any(r => r.Type == DnsType.Srv);
        return records.Where(r => !answers.Contains(r)
            && ((isPointer && r.Name == name) || (isService && r.Type is DnsType.A or DnsType.Aaaa)));
    }

    private void Add(ref DnsWriter writer, DnsWriter.Section section, DnsRecord record, uint? ttl)
    {
        if (writer.TryAdd(section, record, ttl))
            return;
        send(new OutgoingPacket(link, null, writer.ToArray()));
        writer = new DnsWriter(isResponse: true);
        writer.TryAdd(section, record, ttl);
    }

    // Whether what we are about to announce comes before what another is about to.
    private bool IsEarlier(IReadOnlyList<DnsRecord> theirs)
    {
        DnsRecord[] mine = [.. records.Where(r => r.Name == name)];
        DnsRecord[] other = [.. theirs.Where(r => r.Name == name)];
        Array.Sort(mine, DnsRecord.Compare);
        Array.Sort(other, DnsRecord.Compare);
        for (int i = 0; i < mine.Length && i < other.Length; i++)
        {
            if (DnsRecord.Compare(mine[i], other[i]) is not 0 and int order)
                return order < 0;
        }
        return mine.Length < other.Length;
    }

    private static bool IsKnown(DnsRecord own, DnsRecord known) => known.TtlSeconds >= own.TtlSeconds / 2 && own.Says(known);

    private void Replace(IReadOnlyList<DnsRecord> toSay, TimeSpan now)
    {
        // Packets on their way may still say the former ones: they are no other's.
        former.AddRange(records.Where(r => r.Type is DnsType.Srv or DnsType.Txt && !toSay.Any(r.Says))
            .Select(r => (r, now + FormerFor)));
        if (former.Count > DnsReader.RecordsMax)
            former.RemoveRange(0, former.Count - DnsReader.RecordsMax);
        records = toSay;
        sentAt.Clear();
    }

    /// <param name="Due">When the answer goes.</param>
    /// <param name="Asker">Who alone asked, if more of what it knows may come.</param>
    private sealed record Pending(TimeSpan Due, IPEndPoint? Asker);
}
