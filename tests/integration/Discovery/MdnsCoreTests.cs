using System.Net;
using Crdt.Transport.Discovery.Mdns;

namespace Crdt.Integration.Discovery;

/// <summary>The rules of multicast DNS, in virtual time.</summary>
public sealed class MdnsCoreTests
{
    private readonly MdnsLab lab = new();

    [Fact]
    public void A_name_is_probed_for_three_times_and_announced_twice()
    {
        lab.AddHost("10.0.0.1").Advertise("a");
        lab.Run(10);
        Assert.Equal(3, Queries(DnsType.Any).Count());
        TimeSpan[] probes = [.. Queries(DnsType.Any).Select(s => s.At)];
        Assert.Equal([TimeSpan.FromMilliseconds(250), TimeSpan.FromMilliseconds(250)], [probes[1] - probes[0], probes[2] - probes[1]]);
        Assert.All(Queries(DnsType.Any), s => Assert.Equal([DnsType.Srv, DnsType.Txt], s.Message.Authorities.Select(r => r.Type)));
        TimeSpan[] announcements = [.. lab.Sent.Where(s => s.Message.IsResponse).Select(s => s.At)];
        Assert.Equal(2, announcements.Length);
        Assert.Equal(TimeSpan.FromSeconds(1), announcements[1] - announcements[0]);
        Assert.InRange(announcements[0], TimeSpan.FromMilliseconds(750), TimeSpan.FromMilliseconds(1_001));
    }

    [Fact]
    public void Who_looks_finds_what_is_there_within_a_moment_and_what_comes_at_once()
    {
        lab.AddHost("10.0.0.1").Advertise("early", 7001);
        lab.Run(5);
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        lab.Run(0.3);
        Assert.Equal([new IPEndPoint(IPAddress.Parse("10.0.0.1"), 7001)], eye.Seen["early"].EndPoints);
        Assert.Equal("x", eye.Seen["early"].Properties["note"]);
        lab.AddHost("10.0.0.3").Advertise("late. with dots", 7003);
        lab.Run(1.1);
        Assert.Equal(7003, eye.Seen["late. with dots"].EndPoints.Single().Port);
    }

    [Fact]
    public void A_node_does_not_find_itself()
    {
        MdnsLab.Host alone = lab.AddHost("10.0.0.1").Browse().Advertise("alone");
        lab.Run(100);
        Assert.Empty(alone.Told);
    }

    [Fact]
    public void Of_two_that_want_one_name_at_once_one_gets_it_and_the_other_a_number()
    {
        for (int round = 0; round < 20; round++)
        {
            var fresh = new MdnsLab();
            MdnsLab.Host[] both = [fresh.AddHost("10.0.0.1").Advertise("same", 1 + round), fresh.AddHost("10.0.0.2").Advertise("same", 50_000 - round)];
            fresh.Run(10);
            Assert.Equal(["same", "same (2)"], both.Select(h => h.Core.OwnName!.Value.FirstLabel).Order());
            Assert.All(both, h => Assert.True(h.Core.IsAnnounced));
        }
    }

    [Fact]
    public void Who_comes_later_takes_a_number_and_who_was_there_keeps_the_name()
    {
        MdnsLab.Host first = lab.AddHost("10.0.0.1").Advertise("same", 1);
        lab.Run(5);
        MdnsLab.Host second = lab.AddHost("10.0.0.2").Advertise("same", 2), third = lab.AddHost("10.0.0.3").Browse();
        lab.Run(10);
        Assert.Equal(("same", "same (2)"), (first.Core.OwnName!.Value.FirstLabel, second.Core.OwnName!.Value.FirstLabel));
        Assert.Equal([("same", 1), ("same (2)", 2)], third.Seen.OrderBy(p => p.Key).Select(p => (p.Key, p.Value.EndPoints[0].Port)));
    }

    [Fact]
    public void Two_networks_that_become_one_end_with_two_names()
    {
        MdnsLab.Host a = lab.AddHost("10.0.0.1").Advertise("same", 1);
        MdnsLab.Host b = lab.AddHost("10.0.0.2");
        b.SetLinks((2, "10.0.0.2"));
        b.Advertise("same", 2);
        lab.Run(5);
        Assert.Equal(a.Core.OwnName, b.Core.OwnName);
        b.SetLinks((1, "10.0.0.2"));
        lab.Run(10);
        Assert.NotEqual(a.Core.OwnName, b.Core.OwnName);
        Assert.True(a.Core.IsAnnounced && b.Core.IsAnnounced);
    }

    [Fact]
    public void A_host_with_two_feet_in_one_network_is_in_no_conflict_with_itself()
    {
        MdnsLab.Host host = lab.AddHost("10.0.0.1", (2, "10.0.0.7")).Advertise("twice");
        // What it sends by one comes in by the other.
        foreach (int link in (int[])[1, 2])
            lab.Run(2);
        foreach ((_, _, int link, DnsMessage message) in lab.Sent.Where(s => s.Message.IsResponse).ToArray())
            lab.Inject(Encode(message), link == 1 ? "10.0.0.1" : "10.0.0.7", link: link == 1 ? 2 : 1);
        lab.Run(5);
        Assert.Equal("twice", host.Core.OwnName!.Value.FirstLabel);
    }

    [Fact]
    public void Each_network_hears_the_addresses_of_its_own_side_alone()
    {
        lab.AddHost("10.0.0.1", (2, "10.0.1.1")).Advertise("wide");
        MdnsLab.Host left = lab.AddHost("10.0.0.2").Browse(), right = lab.AddHost("10.0.1.9");
        right.SetLinks((2, "10.0.1.9"));
        right.Browse();
        lab.Run(5);
        Assert.Equal("10.0.0.1:7000", left.Seen["wide"].EndPoints.Single().ToString());
        Assert.Equal("10.0.1.1:7000", right.Seen["wide"].EndPoints.Single().ToString());
    }

    [Fact]
    public void Who_says_goodbye_is_gone_a_second_later()
    {
        MdnsLab.Host peer = lab.AddHost("10.0.0.1").Advertise("a"), eye = lab.AddHost("10.0.0.2").Browse();
        lab.Run(5);
        peer.Withdraw();
        lab.Run(0.9);
        Assert.Contains("a", eye.Seen.Keys);
        lab.Run(0.3);
        Assert.Empty(eye.Seen);
        Assert.Equal(0, eye.Core.CachedCount);
    }

    [Fact]
    public void Who_vanishes_without_a_word_is_asked_for_and_forgotten_when_its_time_is_over()
    {
        MdnsLab.Host peer = lab.AddHost("10.0.0.1").Advertise("a"), eye = lab.AddHost("10.0.0.2").Browse();
        lab.Run(5);
        peer.IsAlive = false;
        lab.Sent.Clear();
        lab.Run(114);
        Assert.Contains("a", eye.Seen.Keys);
        // At 80, 85, 90 and 95 per cent of two minutes.
        Assert.Equal(4, Queries(DnsType.Srv).Count());
        lab.Run(8);
        Assert.Empty(eye.Seen);
    }

    [Fact]
    public void Who_stays_is_known_for_hours_and_little_is_said()
    {
        lab.AddHost("10.0.0.1").Advertise("a");
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        lab.Run(10);
        lab.Sent.Clear();
        lab.Run(3 * 3600);
        Assert.Single(eye.Told);
        Assert.Contains("a", eye.Seen.Keys);
        // A question and its answer for the service and the host within each 96 s, and the type's now and then.
        Assert.InRange(lab.Sent.Count, 100, 700);
    }

    [Fact]
    public void Questions_come_at_growing_intervals_and_at_once_when_somebody_asks_for_it()
    {
        MdnsLab.Host eye = lab.AddHost("10.0.0.1").Browse();
        lab.Run(64);
        Assert.Equal([1.0, 2, 4, 8, 16], Queries(DnsType.Ptr).Select(s => s.At.TotalSeconds).Pairwise().Take(5).Select(s => Math.Round(s, 3)));
        lab.Sent.Clear();
        eye.Core.Refresh(lab.Now);
        lab.Run(0.2);
        Assert.Single(Queries(DnsType.Ptr));
        eye.Core.Refresh(lab.Now);
        lab.Run(0.2);
        Assert.Single(Queries(DnsType.Ptr)); // not twice within a second
    }

    [Fact]
    public void What_the_asker_knows_is_not_said_again()
    {
        lab.AddHost("10.0.0.1").Advertise("a");
        lab.Run(5);
        lab.Sent.Clear();
        DnsName instance = MdnsLab.ServiceType.Under("a");
        lab.Inject(Query(DnsType.Ptr, DnsRecord.Ptr(MdnsLab.ServiceType, instance)));
        lab.Run(2);
        Assert.Empty(lab.Sent);
        // Half of its time is over there: it needs to hear it again.
        lab.Inject(Query(DnsType.Ptr, DnsRecord.Ptr(MdnsLab.ServiceType, instance) with { TtlSeconds = 2_000 }));
        lab.Run(2);
        Assert.Single(lab.Sent);
    }

    [Fact]
    public void Known_answers_that_come_in_a_further_packet_count_too()
    {
        lab.AddHost("10.0.0.1").Advertise("a");
        lab.Run(5);
        lab.Sent.Clear();
        var writer = new DnsWriter(isResponse: false);
        writer.TryAdd(new DnsQuestion(MdnsLab.ServiceType, DnsType.Ptr));
        writer.MarkTruncated();
        lab.Inject(writer.ToArray());
        lab.Run(0.3);
        var rest = new DnsWriter(isResponse: false);
        rest.TryAdd(DnsWriter.Section.Answer, DnsRecord.Ptr(MdnsLab.ServiceType, MdnsLab.ServiceType.Under("a")));
        lab.Inject(rest.ToArray());
        lab.Run(2);
        Assert.Empty(lab.Sent);
        lab.Inject(writer.ToArray());
        lab.Run(2);
        Assert.Single(lab.Sent);
    }

    [Fact]
    public void A_record_is_said_once_a_second_however_often_it_is_asked_for()
    {
        lab.AddHost("10.0.0.1").Advertise("a");
        lab.Run(5);
        lab.Sent.Clear();
        for (int i = 0; i < 100; i++)
        {
            lab.Inject(Query(DnsType.Ptr));
            lab.Run(0.03);
        }
        Assert.InRange(lab.Sent.Count, 3, 4);
    }

    [Fact]
    public void Shared_answers_wait_a_moment_and_carry_what_is_needed_next()
    {
        lab.AddHost("10.0.0.1").Advertise("a");
        lab.Run(5);
        lab.Sent.Clear();
        lab.Inject(Query(DnsType.Ptr));
        TimeSpan asked = lab.Now;
        lab.Run(1);
        var answer = Assert.Single(lab.Sent);
        Assert.InRange((answer.At - asked).TotalMilliseconds, 20, 120);
        Assert.Equal([DnsType.Srv, DnsType.Txt, DnsType.A], answer.Message.Additionals.Select(r => r.Type));
        Assert.True(answer.Message.Additionals[0].IsUnique);
        Assert.False(answer.Message.Answers[0].IsUnique);
    }

    [Fact]
    public void A_plain_dns_client_is_answered_alone_with_its_own_number_and_short_times()
    {
        lab.AddHost("10.0.0.1").Advertise("a");
        lab.Run(5);
        lab.Sent.Clear();
        byte[] query = Query(DnsType.Ptr);
        (query[0], query[1]) = (0x12, 0x34);
        lab.Inject(query, port: 40_000);
        Assert.Empty(lab.Sent);
        (IPEndPoint to, DnsMessage message) = Assert.Single(lab.Unicast);
        Assert.Equal(40_000, to.Port);
        Assert.Equal((ushort)0x1234, message.Id);
        Assert.Single(message.Questions);
        Assert.All(message.Answers.Concat(message.Additionals), r => Assert.True(r.TtlSeconds <= 10 && !r.IsUnique));
    }

    [Fact]
    public void One_that_comes_back_elsewhere_is_told_once_and_its_old_place_is_void()
    {
        MdnsLab.Host old = lab.AddHost("10.0.0.1").Advertise("a", 7001), eye = lab.AddHost("10.0.0.2").Browse();
        lab.Run(5);
        old.IsAlive = false;
        lab.AddHost("10.0.0.1").Advertise("a", 7002);
        lab.Run(5);
        Assert.Equal(7002, eye.Seen["a"].EndPoints.Single().Port);
        Assert.Equal([7001, 7002], eye.Told.Select(t => t.Peer.EndPoints[0].Port));
    }

    [Fact]
    public void Changed_properties_are_told_without_another_name()
    {
        MdnsLab.Host peer = lab.AddHost("10.0.0.1").Advertise("a", note: "before"), eye = lab.AddHost("10.0.0.2").Browse();
        lab.Run(5);
        peer.Advertise("a", note: "after");
        lab.Run(5);
        Assert.Equal("after", eye.Seen["a"].Properties["note"]);
        Assert.Equal("a", peer.Core.OwnName!.Value.FirstLabel);
    }

    [Fact]
    public void One_that_does_not_answer_is_forgotten_after_ten_seconds_and_one_that_does_stays()
    {
        MdnsLab.Host dead = lab.AddHost("10.0.0.1").Advertise("dead"), eye = lab.AddHost("10.0.0.2").Browse();
        lab.AddHost("10.0.0.3").Advertise("alive");
        lab.Run(5);
        dead.IsAlive = false;
        eye.Reconfirm("dead");
        eye.Reconfirm("alive");
        eye.Reconfirm("unknown");
        lab.Run(9);
        Assert.Equal(2, eye.Seen.Count);
        lab.Run(2);
        Assert.Equal(["alive"], eye.Seen.Keys);
    }

    [Fact]
    public void A_network_that_goes_takes_its_peers_with_it_and_brings_them_again()
    {
        lab.AddHost("10.0.0.1").Advertise("a");
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        lab.Run(5);
        eye.SetLinks();
        lab.Run(1);
        Assert.Empty(eye.Seen);
        eye.SetLinks((1, "10.0.0.2"));
        lab.Run(0.3);
        Assert.Contains("a", eye.Seen.Keys);
    }

    [Fact]
    public void Who_gets_an_address_later_is_found_then()
    {
        MdnsLab.Host late = lab.AddHost("10.0.0.1"), eye = lab.AddHost("10.0.0.2").Browse();
        late.SetLinks();
        late.Advertise("a");
        lab.Run(5);
        Assert.Empty(eye.Seen);
        late.SetLinks((1, "10.0.0.5"));
        lab.Run(2);
        Assert.Equal("10.0.0.5:7000", eye.Seen["a"].EndPoints.Single().ToString());
        late.SetLinks((1, "10.0.0.6"));
        lab.Run(3);
        Assert.Equal("10.0.0.6:7000", eye.Seen["a"].EndPoints.Single().ToString());
    }

    [Fact]
    public void What_listens_at_one_address_is_told_there_alone()
    {
        MdnsLab.Host host = lab.AddHost("10.0.0.1", (2, "10.0.1.1"));
        host.Core.Advertise(new Crdt.Transport.Discovery.PeerAdvertisement(
            "a", new IPEndPoint(IPAddress.Parse("10.0.1.1"), 1), new Dictionary<string, string>()), lab.Now);
        lab.Run(5);
        Assert.Equal([2], lab.Sent.Select(s => s.Link).Distinct());
    }

    internal static byte[] Query(DnsType type, params DnsRecord[] known)
    {
        var writer = new DnsWriter(isResponse: false);
        writer.TryAdd(new DnsQuestion(MdnsLab.ServiceType, type));
        foreach (DnsRecord record in known) writer.TryAdd(DnsWriter.Section.Answer, record);
        return writer.ToArray();
    }

    internal static byte[] Encode(DnsMessage message)
    {
        var writer = new DnsWriter(message.IsResponse, message.Id);
        foreach (DnsQuestion question in message.Questions) writer.TryAdd(question);
        foreach (DnsRecord record in message.Answers) writer.TryAdd(DnsWriter.Section.Answer, record);
        foreach (DnsRecord record in message.Authorities) writer.TryAdd(DnsWriter.Section.Authority, record);
        foreach (DnsRecord record in message.Additionals) writer.TryAdd(DnsWriter.Section.Additional, record);
        return writer.ToArray();
    }

    private IEnumerable<(TimeSpan At, MdnsLab.Host From, int Link, DnsMessage Message)> Queries(DnsType type) =>
        lab.Sent.Where(s => !s.Message.IsResponse && s.Message.Questions.Any(q => q.Type == type));
}
