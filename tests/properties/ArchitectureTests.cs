using System.Reflection;

namespace Crdt.Properties;

public class ArchitectureTests
{
    private static readonly Assembly Core = typeof(Replica).Assembly;

    [Fact]
    public void Core_references_nothing_but_the_platform_and_its_two_codecs()
    {
        IEnumerable<string> others = Core.GetReferencedAssemblies().Select(a => a.Name!)
            .Where(n => !n.StartsWith("System.", StringComparison.Ordinal) && n is not "netstandard" and not "System");
        Assert.Equal(["MessagePack"], others.Order());
    }

    [Fact]
    public void Core_touches_no_file_socket_process_or_thread()
    {
        string[] doors = ["System.IO.FileSystem", "System.IO.Pipes", "System.Net", "System.Diagnostics.Process", "System.Threading.Thread", "System.Console"];
        Assert.DoesNotContain(Core.GetReferencedAssemblies(),
            a => doors.Any(d => a.Name!.StartsWith(d, StringComparison.Ordinal) && a.Name != "System.Threading.ThreadPool"));
    }

    [Fact]
    public void Every_public_type_is_sealed_static_a_value_or_made_to_be_derived_from()
    {
        IEnumerable<Type> open = Core.GetExportedTypes().Where(t => t is { IsClass: true, IsSealed: false });
        Assert.Equal([nameof(DataType), nameof(EntityFilter), nameof(NodeKey), nameof(SignatureScheme)], open.Select(t => t.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void No_public_member_hands_out_an_internal_of_the_codecs() => Assert.DoesNotContain(
        Core.GetExportedTypes().SelectMany(t => t.GetMethods()).SelectMany(m => m.GetParameters().Select(p => p.ParameterType).Append(m.ReturnType)),
        t => t.Namespace?.StartsWith("MessagePack", StringComparison.Ordinal) ?? false);
}
