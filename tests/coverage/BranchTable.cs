using System.Text.Json;

namespace Crdt.Coverage;

/// <summary>What several runs took of the same assembly's branches.</summary>
internal sealed class BranchTable
{
    private readonly Dictionary<Branch, long> hits = [];

    public int Count => hits.Count;

    public IEnumerable<Branch> NotTaken => hits.Where(h => h.Value == 0).Select(h => h.Key)
        .OrderBy(b => b.File, StringComparer.Ordinal).ThenBy(b => b.Line).ThenBy(b => b.Offset).ThenBy(b => b.Path);

    public int CountAt(string file, int line) => hits.Keys.Count(b => b.File == file && b.Line == line);

    /// <summary>Adds a run: module, source file, class, method, and of each method its lines and branches.</summary>
    public void Add(JsonElement run)
    {
        var methods = from module in run.EnumerateObject()
                      from source in module.Value.EnumerateObject()
                      from type in source.Value.EnumerateObject()
                      from method in type.Value.EnumerateObject()
                      select (source.Name, method);
        foreach ((string file, JsonProperty method) in methods)
        {
            foreach (JsonElement at in method.Value.GetProperty("Branches").EnumerateArray())
            {
                var branch = new Branch(file, method.Name, at.GetProperty("Line").GetInt32(),
                    at.GetProperty("Offset").GetInt32(), at.GetProperty("Path").GetInt32());
                hits[branch] = hits.GetValueOrDefault(branch) + at.GetProperty("Hits").GetInt64();
            }
        }
    }
}
