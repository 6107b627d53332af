namespace Crdt.Server.Authorization;

/// <summary>Judges what devices wrote by what their users may do: each mutation by its own user's grants, whoever carried it here.</summary>
/// <param name="isGrantNeeded">Whether somebody without grants may do nothing; otherwise that one may do everything.</param>
internal sealed class GrantAdmission(bool isGrantNeeded) : IAdmission
{
    public Refusal? Judge(IncomingTransaction transaction)
    {
        if (transaction.User is not { } user)
        {
            return isGrantNeeded
                ? new Refusal(RefusalCode.ScopeMissing, "Nobody is named as its author, and in this space each mutation is judged by its author's grants.") : null;
        }
        Entity? grant = transaction.Before(Grants.KeyOf(user));
        if (grant is not { Exists: true })
        {
            return isGrantNeeded
                ? new Refusal(RefusalCode.ScopeMissing, $"'{user}' has no grants in this space: a token of theirs has never been shown to a server.") : null;
        }
        IReadOnlyList<Scope> scopes = Grants.Read(grant);
        foreach (Mutation mutation in transaction.Mutations)
        {
            EntityKey key = mutation.Key;
            if (key.IsSpaceData || mutation.Kind >= MutationKind.Mark) continue;
            ScopeVerb verb = mutation.Kind == MutationKind.Resolve ? ScopeVerb.Resolve : ScopeVerb.Write;
            if (scopes.Any(s => s.Covers(verb, key.Domain, key.Type, key.Id))) continue;
            return new Refusal(RefusalCode.ScopeMissing, $"'{user}' may not do that: '{new Scope(verb, key.Domain, key.Type, key.Id)}' is not among the grants.");
        }
        return null;
    }
}
