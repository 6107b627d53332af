using System.Globalization;

namespace Crdt.Integration.Store.Blobs;

/// <summary>A test with a blob of as many MiB as CRDT_LARGE_BLOB says, 2048 for instance. Without it, it is skipped, and says
/// so.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LargeBlobFactAttribute : FactAttribute
{
    public LargeBlobFactAttribute()
    {
        if (Mebibytes == 0) Skip = "On demand: CRDT_LARGE_BLOB says how many MiB.";
    }

    public static int Mebibytes =>
        int.TryParse(Environment.GetEnvironmentVariable("CRDT_LARGE_BLOB"), NumberStyles.None, CultureInfo.InvariantCulture, out int asked) ? asked : 0;
}
