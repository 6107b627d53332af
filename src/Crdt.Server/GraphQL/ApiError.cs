using GraphQL;

namespace Crdt.Server.GraphQL;

/// <summary>An error that a client can act upon: with a code of <see cref="ApiErrorCode"/>, and what it concerns.</summary>
internal sealed class ApiError : ExecutionError
{
    public ApiError(ApiErrorCode code, string message, params (string Name, object? Value)[] details)
        : base(message)
    {
        Code = NameOf(code);
        foreach ((string name, object? value) in details) this.AddExtension(name, value);
    }

    /// <summary>As clients read it: <c>NOT_FOUND</c>.</summary>
    public static string NameOf(ApiErrorCode code) => string.Concat(
        code.ToString().Select((c, i) => i > 0 && char.IsUpper(c) ? $"_{c}" : $"{char.ToUpperInvariant(c)}"));

    /// <summary>What a commit said, as clients read it.</summary>
    public static ApiError From(MutationException e) => new(
        e.Error switch
        {
            MutationError.NotFound => ApiErrorCode.NotFound,
            MutationError.AlreadyExists => ApiErrorCode.AlreadyExists,
            MutationError.NoConflict => ApiErrorCode.NoConflict,
            MutationError.NotEnrolled or MutationError.Fenced or MutationError.IdInUse or MutationError.KeyRevoked
                or MutationError.NotJoined or MutationError.RoleRequired => ApiErrorCode.ServerCannotWrite,
            _ => ApiErrorCode.InvalidMutation,
        },
        e.Message, ("domain", e.Key.Domain), ("entity_type", e.Key.Type), ("entity_id", e.Key.Id), ("path", e.Path.ToString()));
}
