using System.Buffers;
using MessagePack;

namespace Crdt.Properties;

/// <summary>The lane of attachments between two replicas, passed on message by message when a test says so.</summary>
internal sealed class BlobLink(Replica a, Replica b) : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly BlobExchange[] ends = [a.Blobs.Join(() => b.Id, static () => { }), b.Blobs.Join(() => a.Id, static () => { })];

    /// <summary>Whether what is sent is changed on its way.</summary>
    public bool IsLying { get; init; }

    /// <summary>The end at the first replica (0), and at the second (1).</summary>
    public BlobExchange this[int side] => ends[side];

    /// <summary>Passes on the next message of one side.</summary>
    /// <returns>What it was; <see langword="null"/> if there was none.</returns>
    public async Task<BlobMessageKind?> PassAsync(int from)
    {
        var output = new ArrayBufferWriter<byte>();
        if (!ends[from].TryWriteNext(output)) return null;
        byte[] message = output.WrittenSpan.ToArray();
        BlobMessageKind kind = KindOf(message);
        if (IsLying && kind == BlobMessageKind.Piece) message[^1] ^= 1;
        await ends[1 - from].ReceiveAsync(message, default);
        return kind;
    }

    /// <summary>Passes messages on until there are none.</summary>
    /// <param name="messagesMax">Or until it were so many.</param>
    public async Task PassAllAsync(int messagesMax = int.MaxValue)
    {
        for (bool isMoving = true; isMoving;)
        {
            isMoving = false;
            for (int side = 0; side < 2; side++)
            {
                for (; messagesMax > 0 && await PassAsync(side) is not null; messagesMax--) isMoving = true;
            }
        }
    }

    /// <summary>Passes messages of one side on until one of a kind has gone.</summary>
    public async Task PassUntilAsync(int from, BlobMessageKind kind)
    {
        while (await PassAsync(from) is { } passed)
        {
            if (passed == kind) return;
        }
        Assert.Fail($"Nothing of the kind {kind} is sent.");
    }

    /// <summary>Both meet: first the mutations, then attachments.</summary>
    public static async Task MeetAsync(Replica a, Replica b, int messagesMax = int.MaxValue, bool isLying = false)
    {
        await Team.MeetAsync(a, b);
        using (var link = new BlobLink(a, b) { IsLying = isLying }) await link.PassAllAsync(messagesMax);
        await RestAsync(a);
        await RestAsync(b);
    }

    /// <summary>Waits until what has come is verified, and a server has said what it holds.</summary>
    public static Task RestAsync(Replica replica) => UntilAsync(() => replica.Blobs.List().All(state => IsAtRest(replica, state)));

    /// <summary>Waits for what is done beside the messages.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        long since = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < Deadline, $"It has not come to be within {Deadline}.");
            await Task.Yield();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (BlobExchange end in ends) end.Dispose();
    }

    private static bool IsAtRest(Replica replica, BlobState state)
    {
        lock (replica.Blobs.Gate)
        {
            if (replica.Blobs.FindJob(state.Blob.Root) is { IsEnding: true }) return false;
        }
        return replica.Role == ReplicaRole.Client || replica.ClaimsBlob(state.Blob.Root) == (state.IsWhole && state.Problem is null);
    }

    private static BlobMessageKind KindOf(byte[] message)
    {
        var reader = new MessagePackReader(message);
        return BlobMessages.ReadKind(ref reader).Kind;
    }
}
