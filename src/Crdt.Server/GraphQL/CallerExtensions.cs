using Crdt.Server.Authorization;
using GraphQL;

namespace Crdt.Server.GraphQL;

/// <summary>What a resolver asks of whoever asks.</summary>
internal static class CallerExtensions
{
    /// <summary>Name of the caller in a request's context.</summary>
    public const string Key = "caller";

    public static Caller Caller(this IResolveFieldContext context) => (Caller)context.UserContext[Key]!;

    /// <exception cref="ApiError">The token does not give it.</exception>
    public static void Need(this Caller caller, ScopeVerb verb, EntityKey key)
    {
        if (!caller.May(verb, key)) throw Forbidden(new Scope(verb, key.Domain, key.Type, key.Id));
    }

    /// <exception cref="ApiError">The token does not give it for everything.</exception>
    public static void NeedAll(this Caller caller, ScopeVerb verb)
    {
        if (!caller.MayAll(verb)) throw Forbidden(new Scope(verb));
    }

    /// <exception cref="ApiError">The token gives it for nothing of that.</exception>
    public static void NeedSome(this Caller caller, ScopeVerb verb, string? domain = null, string? type = null)
    {
        if (!caller.MaySome(verb, domain, type)) throw Forbidden(new Scope(verb, domain, type));
    }

    private static ApiError Forbidden(Scope scope) => new(ApiErrorCode.Forbidden, $"The token does not give '{scope}'.", ("scope", scope.ToString()));
}
