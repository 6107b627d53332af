using System.CommandLine;
using Crdt.Cli.Arguments;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt policy list</c> and <c>crdt policy set</c>: what decides between concurrent values.</summary>
internal static class PolicyCommand
{
    // The space's own data, as semantics 10 lays it out.
    private const string PolicyType = "policy";
    private const string ConflictField = "conflict";
    private const string ExistenceField = "existence";

    private static readonly Argument<string> Scope = new("scope")
    {
        HelpName = "SCOPE",
        Description = "domain, domain/type or domain/type/field: the most exact one wins.",
    };

    private static readonly Argument<string> Policy = new("policy")
    {
        HelpName = "POLICY",
        Description = $"{Policies.Names}; with --existence: {Policies.ExistenceNames}.",
    };

    private static readonly Option<bool> Existence = new("--existence")
    {
        Description = "What decides between a delete and a concurrent write of domain or domain/type.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create(out Command policy)
    {
        var list = new Command("list", "Lists the policies of the space; where none applies it is LastWriteWins.");
        var set = new Command("set", "Sets a policy, for everybody. Needs a replica in the server "
            + "role.") { Scope, Policy, Existence };
        policy = new Command("policy", "Shows and sets the conflict policies of the space.") { list, set };
        return [(list, ListAsync), (set, SetAsync)];
    }

    private static async Task<ExitCode> ListAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        (string Scope, string Policy, string Existence)[] policies = [.. host.Replica.Query(EntityKey.SpaceDomain, PolicyType)
            .Select(e => (e.Key.Id, e[ConflictField]?.ToString() ?? "", e[ExistenceField]?.ToString() ?? ""))];
        if (context.Output.IsJson)
        {
            foreach ((string scope, string policy, string existence) in policies)
            {
                context.Output.Json(w =>
                {
                    w.WriteString("scope", scope);
                    if (policy.Length > 0) w.WriteString("policy", policy);
                    if (existence.Length > 0) w.WriteString("existence", existence);
                });
            }
        }
        else if (policies.Length == 0) context.Output.Note("No policy is set: LastWriteWins everywhere.");
        else if (policies.All(p => p.Existence.Length == 0))
            context.Output.Table(["scope", "policy"], policies.Select(p => (IReadOnlyList<string>)[p.Scope, p.Policy]));
        else
        {
            context.Output.Table(["scope", "policy", "existence"],
                policies.Select(p => (IReadOnlyList<string>)[p.Scope, p.Policy, p.Existence]));
        }
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> SetAsync(CliContext context)
    {
        PolicyScope scope = Policies.Scope(context.Parsed.GetRequiredValue(Scope));
        string given = context.Parsed.GetRequiredValue(Policy);
        bool isOfExistence = context.Parsed.GetValue(Existence);
        ConflictPolicy conflict = isOfExistence ? default : Policies.Policy(given);
        ExistencePolicy existence = isOfExistence ? Policies.Existence(given) : default;
        if (isOfExistence && scope.Field is not null)
            throw CliException.Usage($"'{scope}' is a field: existence is a matter of whole entities.");
        string policy = isOfExistence ? existence.ToString() : conflict.ToString();
        await using CliHost host = await context.OpenAsync();
        Transaction transaction = PutCommand.Begin(host.Replica, context.User);
        if (isOfExistence) transaction.SetPolicy(scope, existence);
        else transaction.SetPolicy(scope, conflict);
        await transaction.CommitAsync(context.Cancellation);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("scope", scope.ToString());
                w.WriteString(isOfExistence ? "existence" : "policy", policy);
            });
        }
        else context.Output.Line($"{scope}: {policy}");
        return ExitCode.Ok;
    }
}
