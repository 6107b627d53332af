using Crdt.Transport.Discovery.Mdns;

namespace Crdt.Fuzz;

/// <summary>A message of multicast DNS, as anybody on the network may send it.</summary>
internal sealed class DnsTarget : FuzzTarget
{
    public override string Name => "dns";

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. Corpus.Files("tests", "integration", "Discovery", "corpus"), .. Corpus.Found("dns")];

    public override bool Run(byte[] input)
    {
        if (DnsReader.TryRead(input) is not { } message) return false;
        var writer = new DnsWriter(message.IsResponse, message.Id);
        foreach (DnsQuestion question in message.Questions)
        {
            if (!writer.TryAdd(question)) return true;
        }
        foreach (DnsRecord record in message.Answers)
        {
            if (!writer.TryAdd(DnsWriter.Section.Answer, record)) return true;
        }
        // What was read, and fits into one packet, is written so that it is read as the same again.
        if (DnsReader.TryRead(writer.ToArray()) is not { } again || !again.Questions.SequenceEqual(message.Questions)
            || again.Answers.Count != message.Answers.Count || !again.Answers.Zip(message.Answers).All(static p => p.First.Says(p.Second)))
            throw new FuzzException("A message is not written as it was read.");
        return true;
    }
}
