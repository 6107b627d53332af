namespace Crdt;

/// <summary>A file that carries what a replica lacks where no network does: what would be sent in a session, on paper.
/// Layout: docs/wire-format.md, section WF-9.</summary>
/// <param name="Space">Of which space.</param>
/// <param name="Maker">Who wrote it.</param>
/// <param name="MadeAt">When, by the maker's clock, in UTC.</param>
/// <param name="Reader">For whom; <see langword="null"/> when for anybody who holds <paramref name="Since"/>.</param>
/// <param name="Since">What its reader has to hold already.</param>
/// <param name="Until">What its reader holds behind it, and what its maker held.</param>
public sealed record Bundle(
    SpaceId Space, ReplicaId Maker, DateTimeOffset MadeAt, ReplicaId? Reader, VersionVector Since, VersionVector Until)
{
    /// <summary>Mutations in it, those that a snapshot in it stands for included.</summary>
    public long Mutations => Until.Sum(d => Math.Max(0, d.Sequence - Since[d.Replica]));

    /// <summary>The length of the file in bytes.</summary>
    public long LengthBytes { get; init; }

    /// <summary>Takes a bundle apart without a replica: whether it is whole, and what it says.</summary>
    /// <param name="input">The file.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BundleException">It is no bundle, or damaged, or ends early.</exception>
    public static async ValueTask<Bundle> ReadAsync(Stream input, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        var reader = new BundleReader(input);
        Bundle bundle = await reader.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is not null) { }
        return bundle with { LengthBytes = reader.LengthBytes };
    }
}
