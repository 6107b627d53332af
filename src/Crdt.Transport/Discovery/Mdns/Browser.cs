using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>Who is there on one network: asks, and remembers what is answered for as long as it holds.</summary>
/// <param name="link">The network; its addresses change.</param>
/// <param name="type">The service that is looked for.</param>
/// <param name="random">For the delays.</param>
/// <param name="isOwn">Whether an instance is our own.</param>
/// <param name="pointer">What we announce ourselves, and nobody need tell us.</param>
/// <param name="send">Sends to everybody.</param>
internal sealed class Browser(
    LinkAddresses link, DnsName type, Random random, Predicate<DnsName> isOwn, Func<DnsRecord?> pointer,
    Action<OutgoingPacket> send)
{
    public const int RecordsMax = 4_096;
    public const int InstancesMax = 256;

    // One that floods leaves room for others, and a machine with many processes has enough of it.
    public const int InstancesPerSourceMax = 64;

    private const int RecordsPerNameMax = 16;
    private const int ResolveTriesMax = 4;

    private static readonly DnsType[] InstanceTypes = [DnsType.Srv, DnsType.Txt];
    private static readonly DnsType[] HostTypes = [DnsType.A, DnsType.Aaaa];

    private readonly Dictionary<DnsName, CacheEntry> instances = [];
    private readonly Dictionary<(DnsName Name, DnsType Type), List<CacheEntry>> cache = [];
    private readonly Dictionary<DnsQuestion, TimeSpan> toAsk = [];
    private readonly Dictionary<DnsQuestion, TimeSpan> askedAt = [];
    private readonly Dictionary<DnsName, (int Tries, TimeSpan Next)> resolving = [];
    private TimeSpan? nextBrowse;
    private TimeSpan interval = MdnsTimes.QueryMin;
    private int count;

    public LinkAddresses Link { get; set; } = link;

    /// <summary>What may have changed since it was looked at last.</summary>
    public HashSet<DnsName> Changed { get; } = [];

    public IEnumerable<DnsName> Instances => instances.Keys;

    public int Count => count + instances.Count;

    public TimeSpan? NextDue { get; private set; }

    /// <summary>Asks who is there, from now on at growing intervals.</summary>
    public void Begin(TimeSpan now)
    {
        interval = MdnsTimes.QueryMin;
        TimeSpan due = now + random.Between(MdnsTimes.SharedMin, MdnsTimes.SharedMax);
        nextBrowse = askedAt.TryGetValue(new DnsQuestion(type, DnsType.Ptr), out TimeSpan last) && due < last + MdnsTimes.QueryMin
            ? last + MdnsTimes.QueryMin
            : due;
        Schedule();
    }

    /// <summary>An instance does not answer: forgets it unless it is heard of again.</summary>
    public void Doubt(DnsName instance, TimeSpan now)
    {
        if (!instances.ContainsKey(instance) || Entries(instance, DnsType.Srv).All(entry => entry.IsDoubted))
            return;
        foreach (CacheEntry entry in Entries(instance, DnsType.Srv))
            entry.Doubt(now);
        Ask(new DnsQuestion(instance, DnsType.Srv), now);
        resolving[instance] = (1, now + MdnsTimes.QueryMin);
        Schedule();
    }

    /// <summary>Takes what somebody on this network says.</summary>
    public void OnResponse(DnsMessage response, IPAddress source, TimeSpan now)
    {
        DnsRecord[] records = [.. response.Answers, .. response.Additionals];
        foreach (DnsRecord record in records)
        {
            if (record.Type == DnsType.Ptr && record.Name == type)
                TakeInstance(record, source, now);
        }
        foreach (DnsRecord record in records)
        {
            if (InstanceTypes.Contains(record.Type) && instances.ContainsKey(record.Name))
                Take(record, records, source, now);
        }
        var hosts = instances.Keys.Select(HostOf).OfType<DnsName>().ToHashSet();
        foreach (DnsRecord record in records)
        {
            // An address elsewhere would have us dial whom somebody here names.
            if (HostTypes.Contains(record.Type) && hosts.Contains(record.Name) && Link.IsOnLink(record.Address))
                Take(record, records, source, now);
        }
        foreach (DnsName instance in Changed)
        {
            if (instances.ContainsKey(instance) && !resolving.ContainsKey(instance) && Locate(instance) is null)
                resolving[instance] = (0, now + random.Between(MdnsTimes.SharedMin, MdnsTimes.SharedMax));
        }
        Schedule();
    }

    public void OnTimer(TimeSpan now)
    {
        Expire(now);
        Refresh(now);
        Resolve(now);
        if (nextBrowse <= now)
        {
            toAsk[new DnsQuestion(type, DnsType.Ptr)] = now;
            nextBrowse = now + interval;
            interval = interval * 2 < MdnsTimes.QueryMax ? interval * 2 : MdnsTimes.QueryMax;
        }
        DnsQuestion[] due = [.. toAsk.Where(q => q.Value <= now).Select(q => q.Key)];
        if (due.Length > 0)
            Send(due, now);
        Schedule();
    }

    /// <summary>Where an instance is, and what it tells.</summary>
    /// <returns><see langword="null"/> while that is not known.</returns>
    public (IReadOnlyList<IPEndPoint> EndPoints, IReadOnlyDictionary<string, string> Properties)? Locate(DnsName instance)
    {
        if (Newest(instance, DnsType.Srv) is not { } service || Newest(instance, DnsType.Txt) is not { } text)
            return null;
        var places = new List<IPEndPoint>();
        foreach (DnsType hostType in HostTypes)
        {
            foreach (CacheEntry entry in Entries(service.Record.Target, hostType))
            {
                IPAddress address = entry.Record.Address;
                if (address.IsIPv6LinkLocal)
                    address.ScopeId = Link.Index;
                places.Add(new IPEndPoint(address, service.Record.Port));
            }
        }
        return places.Count == 0 ? null : (places, text.Record.Properties());
    }

    private void TakeInstance(DnsRecord record, IPAddress source, TimeSpan now)
    {
        DnsName instance = record.Target;
        if (instance.IsRoot || instance.Parent != type || isOwn(instance))
            return;
        bool isKnown = instances.TryGetValue(instance, out CacheEntry? known);
        if (record.TtlSeconds == 0)
        {
            known?.EndBy(now + MdnsTimes.Grace);
        }
        else if (isKnown)
        {
            known!.Renew(record, now);
        }
        else if (instances.Count < InstancesMax && Count < RecordsMax
            && instances.Values.Count(entry => entry.Source.Equals(source)) < InstancesPerSourceMax)
        {
            instances[instance] = new CacheEntry(record, source, random, now);
            Changed.Add(instance);
        }
    }

    private void Take(DnsRecord record, DnsRecord[] saidTogether, IPAddress source, TimeSpan now)
    {
        if (!cache.TryGetValue((record.Name, record.Type), out List<CacheEntry>? entries))
            cache[(record.Name, record.Type)] = entries = [];
        CacheEntry? same = entries.Find(entry => entry.Record.Says(record));
        if (record.IsUnique && record.TtlSeconds > 0)
        {
            foreach (CacheEntry old in entries)
            {
                // What came within the last second may be the rest of the same answer.
                if (old != same && now - old.ReceivedAt > MdnsTimes.Grace
                    && !Array.Exists(saidTogether, together => together.Says(old.Record)))
                    old.EndBy(now + MdnsTimes.Grace);
            }
        }
        if (record.TtlSeconds == 0)
            same?.EndBy(now + MdnsTimes.Grace);
        else if (same is not null)
            same.Renew(record, now);
        else if (Count < RecordsMax && entries.Count < RecordsPerNameMax)
        {
            entries.Add(new CacheEntry(record, source, random, now));
            count++;
        }
        if (entries.Count == 0)
            cache.Remove((record.Name, record.Type));
        MarkChanged(record);
    }

    private void MarkChanged(DnsRecord record)
    {
        if (InstanceTypes.Contains(record.Type))
        {
            Changed.Add(record.Name);
            return;
        }
        foreach (DnsName instance in instances.Keys)
        {
            if (HostOf(instance) == record.Name)
                Changed.Add(instance);
        }
    }

    private void Expire(TimeSpan now)
    {
        foreach (List<CacheEntry> entries in cache.Values.ToArray())
        {
            foreach (CacheEntry gone in entries.Where(entry => entry.ExpiresAt <= now).ToArray())
            {
                MarkChanged(gone.Record);
                entries.Remove(gone);
                count--;
                if (entries.Count == 0)
                    cache.Remove((gone.Record.Name, gone.Record.Type));
                // Without a place, and with nobody answering for it, the name is worth nothing.
                if (gone.Record.Type == DnsType.Srv && !cache.ContainsKey((gone.Record.Name, DnsType.Srv)))
                    Forget(gone.Record.Name);
            }
        }
        foreach (DnsName instance in instances.Where(i => i.Value.ExpiresAt <= now).Select(i => i.Key).ToArray())
            Forget(instance);
    }

    private void Forget(DnsName instance)
    {
        DnsName? host = HostOf(instance);
        if (!instances.Remove(instance))
            return;
        Changed.Add(instance);
        resolving.Remove(instance);
        foreach (DnsType what in InstanceTypes)
            Drop((instance, what));
        if (host is { } name && !instances.Keys.Any(other => HostOf(other) == name))
        {
            foreach (DnsType what in HostTypes)
                Drop((name, what));
        }
    }

    private void Drop((DnsName Name, DnsType Type) key)
    {
        if (!cache.Remove(key, out List<CacheEntry>? entries))
            return;
        count -= entries.Count;
        entries.Clear(); // whoever goes through a list of lists finds nothing of it any more
    }

    private void Refresh(TimeSpan now)
    {
        foreach (CacheEntry entry in instances.Values.Concat(cache.Values.SelectMany(entries => entries)))
        {
            if (entry.RefreshDue <= now)
            {
                Ask(new DnsQuestion(entry.Record.Name, entry.Record.Type), now);
                entry.Asked();
            }
        }
    }

    // Asks for what is missing of an instance: at once, and then again at twice the interval each time.
    private void Resolve(TimeSpan now)
    {
        foreach ((DnsName instance, (int tries, TimeSpan next)) in resolving.ToArray())
        {
            bool isDoubted = Entries(instance, DnsType.Srv).Any(entry => entry.IsDoubted);
            if ((Locate(instance) is not null && !isDoubted) || tries >= ResolveTriesMax)
            {
                resolving.Remove(instance);
                continue;
            }
            if (next > now)
                continue;
            resolving[instance] = (tries + 1, now + (MdnsTimes.QueryMin * (1 << tries)));
            foreach (DnsType what in InstanceTypes)
            {
                if (isDoubted || Newest(instance, what) is null)
                    Ask(new DnsQuestion(instance, what), now);
            }
            if (HostOf(instance) is { } host && !HostTypes.Any(what => cache.ContainsKey((host, what))))
                Array.ForEach(HostTypes, what => Ask(new DnsQuestion(host, what), now));
        }
    }

    private void Ask(DnsQuestion question, TimeSpan now)
    {
        TimeSpan due = askedAt.TryGetValue(question, out TimeSpan last) && last + MdnsTimes.QueryMin > now
            ? last + MdnsTimes.QueryMin
            : now;
        if (!toAsk.TryGetValue(question, out TimeSpan before) || due < before)
            toAsk[question] = due;
    }

    private void Send(DnsQuestion[] questions, TimeSpan now)
    {
        var writer = new DnsWriter(isResponse: false);
        bool asksType = false;
        foreach (DnsQuestion question in questions)
        {
            if (!writer.TryAdd(question))
                break; // the rest with the next turn
            asksType |= question.Name == type;
            toAsk.Remove(question);
            askedAt[question] = now;
        }
        foreach (DnsQuestion old in askedAt.Where(q => q.Value + MdnsTimes.QueryMin < now).Select(q => q.Key).ToArray())
            askedAt.Remove(old);
        if (asksType)
            writer = AddKnown(writer, now);
        send(new OutgoingPacket(Link.Index, null, writer.ToArray()));
    }

    private DnsWriter AddKnown(DnsWriter writer, TimeSpan now)
    {
        IEnumerable<(DnsRecord Record, uint Ttl)> known = instances.Values.Where(entry => entry.IsFresh(now))
            .Select(entry => (entry.Record, entry.SecondsLeft(now)));
        if (pointer() is { } own)
            known = known.Prepend((own, own.TtlSeconds));
        foreach ((DnsRecord record, uint ttl) in known)
        {
            if (writer.TryAdd(DnsWriter.Section.Answer, record, ttl))
                continue;
            writer.MarkTruncated();
            send(new OutgoingPacket(Link.Index, null, writer.ToArray()));
            writer = new DnsWriter(isResponse: false);
            writer.TryAdd(DnsWriter.Section.Answer, record, ttl);
        }
        return writer;
    }

    private DnsName? HostOf(DnsName instance) => Newest(instance, DnsType.Srv)?.Record.Target;

    private CacheEntry? Newest(DnsName name, DnsType what)
    {
        CacheEntry? newest = null;
        foreach (CacheEntry entry in Entries(name, what))
            newest = newest is null || entry.ReceivedAt >= newest.ReceivedAt ? entry : newest;
        return newest;
    }

    private List<CacheEntry> Entries(DnsName name, DnsType what) =>
        cache.TryGetValue((name, what), out List<CacheEntry>? entries) ? entries : [];

    private void Schedule()
    {
        TimeSpan? due = nextBrowse;
        void At(TimeSpan? time) => due = due is null || time < due ? time ?? due : due;
        foreach (CacheEntry entry in instances.Values.Concat(cache.Values.SelectMany(entries => entries)))
        {
            At(entry.ExpiresAt);
            At(entry.RefreshDue);
        }
        foreach (TimeSpan at in toAsk.Values)
            At(at);
        foreach ((_, TimeSpan next) in resolving.Values)
            At(next);
        NextDue = due;
    }
}
