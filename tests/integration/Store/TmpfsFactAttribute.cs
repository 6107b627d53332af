namespace Crdt.Integration.Store;

/// <summary>A test that mounts a disk of its own: needs Linux and root. Elsewhere it is skipped, and says so; with
/// CRDT_REQUIRE_COMPONENTS set it runs, and fails where it cannot.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TmpfsFactAttribute : FactAttribute
{
    public TmpfsFactAttribute()
    {
        bool isRequired = Environment.GetEnvironmentVariable("CRDT_REQUIRE_COMPONENTS") is { Length: > 0 };
        if (!isRequired && (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess))
            Skip = "Mounting a tmpfs needs Linux and root.";
    }
}
