using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Crdt.Transport.Discovery;

namespace Crdt.Integration.Discovery;

/// <summary>Nodes of one test find each other on a bus of its own.</summary>
internal sealed class MemoryDiscovery(MemoryDiscovery.Bus bus) : IPeerDiscovery
{
    private readonly List<string> reconfirmed = [];

    /// <summary>Whom it was asked to ask for again.</summary>
    public IReadOnlyList<string> Reconfirmed
    {
        get
        {
            lock (reconfirmed)
                return [.. reconfirmed];
        }
    }

    public ValueTask AdvertiseAsync(PeerAdvertisement advertisement, CancellationToken cancellationToken = default)
    {
        bus.Tell(this, new DiscoveredPeer(advertisement.Instance, [advertisement.EndPoint], advertisement.Properties));
        return ValueTask.CompletedTask;
    }

    public ValueTask WithdrawAsync(CancellationToken cancellationToken = default)
    {
        bus.Tell(this, null);
        return ValueTask.CompletedTask;
    }

    public IAsyncEnumerable<PeerSighting> BrowseAsync(CancellationToken cancellationToken) => bus.ListenAsync(this, cancellationToken);

    public void Reconfirm(string instance)
    {
        lock (reconfirmed)
            reconfirmed.Add(instance);
    }

    public void Refresh()
    {
        // Everybody hears everything at once.
    }

    public ValueTask DisposeAsync() => WithdrawAsync();

    /// <summary>What all of them hear.</summary>
    internal sealed class Bus
    {
        private readonly Lock gate = new();
        private readonly Dictionary<object, DiscoveredPeer> there = [];
        private readonly List<(object Who, Channel<PeerSighting> Ear)> ears = [];

        /// <summary>Somebody says where it is, or that it goes.</summary>
        public void Tell(object who, DiscoveredPeer? peer)
        {
            lock (gate)
            {
                bool wasThere = there.Remove(who, out DiscoveredPeer? before);
                if (peer is not null)
                    there[who] = peer;
                if (peer is null && !wasThere)
                    return;
                PeerSighting sighting = peer is not null ? new(peer) : new(before!, IsGone: true);
                foreach ((object listener, Channel<PeerSighting> ear) in ears)
                {
                    if (listener != who)
                        ear.Writer.TryWrite(sighting);
                }
            }
        }

        public async IAsyncEnumerable<PeerSighting> ListenAsync(
            object who, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            var ear = Channel.CreateUnbounded<PeerSighting>();
            lock (gate)
            {
                foreach ((object teller, DiscoveredPeer peer) in there)
                {
                    if (teller != who)
                        ear.Writer.TryWrite(new PeerSighting(peer));
                }
                ears.Add((who, ear));
            }
            await foreach (PeerSighting sighting in ear.Reader.ReadAllAsync(cancellationToken))
                yield return sighting;
        }
    }
}
