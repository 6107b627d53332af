using System.ComponentModel;
using Crdt.Server.Blobs;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Blob")]
[Description("An attachment, and how it stands on this server. Its content is at /blobs/ROOT.")]
internal sealed class BlobView(ReadableBlob found)
{
    [Description("By this its content is stored, asked for and verified.")]
    public string Root => found.Blob.Root.ToString();

    [Description("Of the content as a whole, as any other tool computes it.")]
    public string Sha256 => found.Blob.Sha256.ToString();

    [Description("Bytes.")]
    public long Size => found.Blob.Size;

    public string MediaType => found.Blob.MediaType;

    [Description("The file's name for people; may be empty.")]
    public string Name => found.Blob.Name;

    public BlobStanding Standing => found.State.Standing;

    [Description("How many of its bytes are here.")]
    public long BytesHere => found.State.BytesHere;

    [Description("How many connected peers have some of what is missing.")]
    public int Sources => found.State.Sources;

    [Description("Which other servers have said that they hold all of it.")]
    public IEnumerable<Guid> OnServers => found.State.OnServers.Select(s => s.Value);

    [Description("Why it stands so, for people.")]
    public string Explanation => found.State.Explanation;

    [Description("Where it is named, as far as the token reads.")]
    public IEnumerable<BlobPlaceView> Places => found.Places.Select(p => new BlobPlaceView(p.Key, p.Path));
}
