using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>What may happen to the attachments of a team.</summary>
public enum BlobEvent
{
    /// <summary>Somebody takes content in and names it.</summary>
    Attach,

    /// <summary>Somebody names it no more.</summary>
    Unname,

    /// <summary>Two meet.</summary>
    Meet,

    /// <summary>Two meet and are interrupted.</summary>
    MeetShortly,

    /// <summary>Two meet, and what is sent is not what was asked for.</summary>
    MeetFalsely,

    /// <summary>Somebody makes room.</summary>
    Evict,

    /// <summary>Somebody drops what nothing names.</summary>
    Collect,

    /// <summary>A device has little room from now on, or takes only what is asked for.</summary>
    Limit,

    /// <summary>A chunk on a device is damaged that a server has.</summary>
    Damage,

    /// <summary>A process ends, and begins again.</summary>
    Reopen,
}

/// <summary>One event of a <see cref="BlobLife"/>.</summary>
/// <param name="Event">What.</param>
/// <param name="At">To whom, counted round.</param>
/// <param name="Other">Who else takes part, counted round.</param>
/// <param name="What">Which content, and by which name, counted round.</param>
public readonly record struct BlobStep(BlobEvent Event, int At, int Other, int What)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Event} {At} {Other} {What}";
}

/// <summary>A generated life of such a team.</summary>
/// <param name="Servers">How many servers.</param>
/// <param name="Steps">What happens.</param>
public sealed record BlobLife(int Servers, BlobStep[] Steps)
{
    /// <summary>Any.</summary>
    public static Arbitrary<BlobLife> Any { get; } = Arb.From(
        from servers in Gen.Choose(0, 2)
        from count in Gen.Choose(4, 20)
        from steps in Step().ArrayOf(count)
        select new BlobLife(servers, steps),
        life => Testing.Shrink.Fewer(life.Steps).Select(steps => life with { Steps = steps }));

    /// <inheritdoc/>
    public override string ToString() => $"{Servers} servers: {string.Join("; ", Steps)}";

    private static Gen<BlobStep> Step() =>
        from happens in Gen.Frequency(
        [
            (6, Gen.Constant(BlobEvent.Attach)), (1, Gen.Constant(BlobEvent.Unname)), (6, Gen.Constant(BlobEvent.Meet)),
            (3, Gen.Constant(BlobEvent.MeetShortly)), (1, Gen.Constant(BlobEvent.MeetFalsely)), (4, Gen.Constant(BlobEvent.Evict)),
            (1, Gen.Constant(BlobEvent.Collect)), (1, Gen.Constant(BlobEvent.Limit)), (1, Gen.Constant(BlobEvent.Damage)),
            (1, Gen.Constant(BlobEvent.Reopen)),
        ])
        from at in Gen.Choose(0, 11)
        from other in Gen.Choose(0, 11)
        from what in Gen.Choose(0, 11)
        select new BlobStep(happens, at, other, what);
}
