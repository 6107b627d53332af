using System.CommandLine;
using Crdt.Cli.Arguments;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt policy list</c> and <c>crdt policy set</c>: what decides between concurrent values.</summary>
internal static class PolicyCommand
{
    // The space's own data, as semantics 10 lays it out.
    private const string PolicyType = "policy";
    private const string ConflictField = "conflict";

    private static readonly Argument<string> Scope = new("scope")
    {
        HelpName = "SCOPE",
        Description = "domain, domain/type or domain/type/field: the most exact one wins.",
    };

    private static readonly Argument<string> Policy = new("policy")
    {
        HelpName = "POLICY",
        Description = Policies.Names,
    };

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create(out Command policy)
    {
        var list = new Command("list", "Lists the policies of the space; where none applies it is LastWriteWins.");
        var set = new Command("set", "Sets a policy, for everybody. Needs a replica in the server "
            + "role.") { Scope, Policy };
        policy = new Command("policy", "Shows and sets the conflict policies of the space.") { list, set };
        return [(list, ListAsync), (set, SetAsync)];
    }

    private static async Task<ExitCode> ListAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        (string Scope, string Policy)[] policies = [.. host.Replica.Query(EntityKey.SpaceDomain, PolicyType)
            .Select(e => (e.Key.Id, e[ConflictField]?.ToString() ?? ""))];
        if (context.Output.IsJson)
        {
            foreach ((string scope, string policy) in policies)
            {
                context.Output.Json(w =>
                {
                    w.WriteString("scope", scope);
                    w.WriteString("policy", policy);
                });
            }
        }
        else if (policies.Length == 0) context.Output.Note("No policy is set: LastWriteWins everywhere.");
        else
        {
            context.Output.Table(
                ["scope", "policy"], policies.Select(p => (IReadOnlyList<string>)[p.Scope, p.Policy]));
        }
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> SetAsync(CliContext context)
    {
        PolicyScope scope = Policies.Scope(context.Parsed.GetRequiredValue(Scope));
        ConflictPolicy policy = Policies.Policy(context.Parsed.GetRequiredValue(Policy));
        await using CliHost host = await context.OpenAsync();
        Transaction transaction = PutCommand.Begin(host.Replica, context.User);
        transaction.SetPolicy(scope, policy);
        await transaction.CommitAsync(context.Cancellation);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("scope", scope.ToString());
                w.WriteString("policy", policy.ToString());
            });
        }
        else context.Output.Line($"{scope}: {policy}");
        return ExitCode.Ok;
    }
}
