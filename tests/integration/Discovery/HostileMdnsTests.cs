using System.Net;
using Crdt.Transport.Discovery.Mdns;

namespace Crdt.Integration.Discovery;

/// <summary>What somebody on the network can send, and what it does not get by it.</summary>
public sealed class HostileMdnsTests
{
    private static readonly DnsName Evil = MdnsLab.ServiceType.Under("evil");
    private static readonly DnsName EvilHost = DnsName.Of("evil", "local");

    private readonly MdnsLab lab = new();

    [Fact]
    public void An_answer_from_another_port_or_from_elsewhere_is_not_heard()
    {
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        lab.Inject(Announcement(Evil, "10.0.0.99"), port: 9999);
        lab.Inject(Announcement(Evil, "10.0.0.99"), source: "192.0.2.7");
        lab.Inject(Announcement(Evil, "10.0.0.99"), link: 5);
        lab.Run(1);
        Assert.Empty(eye.Seen);
        lab.Inject(Announcement(Evil, "10.0.0.99"));
        lab.Run(1);
        Assert.Single(eye.Seen);
    }

    [Fact]
    public void An_address_on_another_network_is_not_dialled_for_anybody()
    {
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        lab.Inject(Announcement(Evil, "203.0.113.1"));
        lab.Run(1);
        Assert.Empty(eye.Seen);
    }

    [Fact]
    public void Names_that_nobody_asked_for_are_not_kept()
    {
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        DnsName other = DnsName.Of("_other", "_tcp", "local").Under("x");
        for (int i = 0; i < 200; i++) lab.Inject(Announcement(other, "10.0.0.99"));
        Assert.Equal(0, eye.Core.CachedCount);
        Assert.Empty(eye.Told);
    }

    [Fact]
    public void A_flood_of_names_fills_a_bounded_table_and_others_are_found_still()
    {
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        for (int i = 0; i < 5_000; i++)
        {
            lab.Inject(Announcement(MdnsLab.ServiceType.Under($"evil {i}"), "10.0.0.99"));
            lab.Run(0.05);
        }
        Assert.InRange(eye.Seen.Count, 1, Browser.InstancesPerSourceMax);
        Assert.InRange(eye.Core.CachedCount, 1, Browser.RecordsMax);
        lab.AddHost("10.0.0.3").Advertise("good");
        lab.Run(2);
        Assert.Contains("good", eye.Seen.Keys);
    }

    [Fact]
    public void A_source_that_sends_thousands_of_packets_is_not_read_any_more_and_others_are()
    {
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        for (int i = 0; i < 3_000; i++) lab.Inject([1, 2, 3]);
        lab.Inject(Announcement(Evil, "10.0.0.99"));
        lab.AddHost("10.0.0.3").Advertise("good");
        lab.Run(2);
        Assert.Equal(["good"], eye.Seen.Keys);
        lab.Inject(Announcement(Evil, "10.0.0.99"));
        lab.Run(1);
        Assert.Equal(2, eye.Seen.Count); // two seconds later it has its hundred packets again
    }

    [Fact]
    public void As_many_sources_as_there_are_addresses_take_a_bounded_amount()
    {
        var limits = new SourceLimits();
        int taken = 0;
        for (int i = 0; i < 100_000; i++)
        {
            if (limits.TryTake(new IPAddress(0x0A000000L + i), TimeSpan.Zero)) taken++;
        }
        Assert.Equal(1_024 + 200, taken);
    }

    [Fact]
    public void Who_comes_and_goes_all_the_time_is_told_of_once_a_second_at_most()
    {
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        for (int i = 0; i < 300; i++)
        {
            lab.Inject(Announcement(Evil, "10.0.0.99", port: (ushort)(1 + (i % 2)), ttl: i % 3 == 2 ? 0 : null));
            lab.Run(0.1);
        }
        Assert.InRange(eye.Told.Count, 1, 31);
    }

    [Fact]
    public void Who_contests_every_name_is_given_way_to_ever_more_slowly()
    {
        MdnsLab.Host victim = lab.AddHost("10.0.0.2").Advertise("a");
        for (int i = 0; i < 2_000; i++)
        {
            var writer = new DnsWriter(isResponse: true);
            writer.TryAdd(DnsWriter.Section.Answer, DnsRecord.Srv(victim.Core.OwnName!.Value, 666, EvilHost));
            lab.Inject(writer.ToArray());
            lab.Run(0.05);
        }
        // In 100 s: what is contested before it was probed for costs nothing on the network.
        Assert.InRange(lab.Sent.Count, 1, 700);
        lab.Run(30);
        Assert.True(victim.Core.IsAnnounced);
    }

    [Fact]
    public void A_time_to_live_of_a_century_is_an_hour_and_a_quarter()
    {
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse();
        lab.Inject(Announcement(Evil, "10.0.0.99", ttl: uint.MaxValue));
        lab.Run(1);
        Assert.Single(eye.Seen);
        lab.Run(4_600);
        Assert.Empty(eye.Seen);
    }

    [Fact]
    public void Mutated_announcements_and_queries_leave_the_core_working()
    {
        var random = new Random(20261123);
        MdnsLab.Host eye = lab.AddHost("10.0.0.2").Browse().Advertise("eye");
        byte[][] seeds = DnsSeeds.Read();
        for (int i = 0; i < 20_000; i++)
        {
            lab.Inject(DnsSeeds.Mutate(seeds[random.Next(seeds.Length)], random));
            lab.Run(0.02);
        }
        lab.AddHost("10.0.0.3").Advertise("good");
        lab.Run(5);
        Assert.Contains("good", eye.Seen.Keys);
        Assert.InRange(eye.Core.CachedCount, 1, Browser.RecordsMax);
    }

    internal static byte[] Announcement(DnsName instance, string address, ushort port = 666, uint? ttl = null)
    {
        var writer = new DnsWriter(isResponse: true);
        writer.TryAdd(DnsWriter.Section.Answer, DnsRecord.Ptr(MdnsLab.ServiceType, instance), ttl);
        writer.TryAdd(DnsWriter.Section.Answer, DnsRecord.Srv(instance, port, EvilHost), ttl);
        writer.TryAdd(DnsWriter.Section.Answer, DnsRecord.Txt(instance, new Dictionary<string, string> { ["v"] = "1" }), ttl);
        writer.TryAdd(DnsWriter.Section.Answer, DnsRecord.Host(EvilHost, IPAddress.Parse(address)), ttl);
        return writer.ToArray();
    }
}
