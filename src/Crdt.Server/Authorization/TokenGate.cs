using Crdt.Server.Hosting;
using Crdt.Transport;
using Microsoft.Extensions.Logging;

namespace Crdt.Server.Authorization;

/// <summary>Lets devices replicate that show a token, and notes what it gives as its person's grants.</summary>
internal sealed class TokenGate(ServerSpace space, TokenValidator tokens, ILogger<TokenGate> logger) : ISessionGate
{
    public async ValueTask<SessionPass> AdmitAsync(SessionCandidate candidate, CancellationToken cancellationToken)
    {
        if (candidate.IsServer) return new SessionPass(null);
        if (candidate.AccessToken is not { } token) return new SessionPass("An access token is needed.");
        (Caller? caller, string? problem) = await tokens.ValidateAsync(token, cancellationToken);
        if (caller is null) return new SessionPass(problem);
        // A replica holds the whole space.
        if (!caller.MayAll(ScopeVerb.Read)) return new SessionPass($"The token does not give '{new Scope(ScopeVerb.Read)}': a replica holds the whole space.");
        await NoteAsync(caller, cancellationToken);
        return new SessionPass(null, caller.Expires);
    }

    private async ValueTask NoteAsync(Caller caller, CancellationToken cancellation)
    {
        EntityKey key = Grants.KeyOf(caller.Subject);
        string scopes = Grants.Write(caller.Scopes);
        if (space.Replica.Get(key)?[Grants.ScopesField] is { Kind: ValueKind.String } held && held.AsString() == scopes) return;
        await space.Replica.CommitAsync(tx => tx.Upsert(key).Set(Grants.ScopesField, scopes), cancellationToken: cancellation);
        logger.LogInformation("The grants of {User} are now: {Scopes}", caller.Subject, scopes);
    }
}
