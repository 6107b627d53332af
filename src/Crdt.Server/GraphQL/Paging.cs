namespace Crdt.Server.GraphQL;

/// <summary>How lists are cut into pages.</summary>
internal static class Paging
{
    public const int CountDefault = 50, CountMax = 200;

    /// <exception cref="ApiError">Out of bounds.</exception>
    public static int Count(int? first) => first is null ? CountDefault
        : first is >= 1 and <= CountMax ? first.Value
        : throw new ApiError(ApiErrorCode.InvalidArgument, $"'first' is from 1 to {CountMax}, not {first}.", ("argument", "first"));

    /// <exception cref="ApiError">It is no field.</exception>
    public static FieldPath Path(string text)
    {
        try
        {
            return FieldPath.Parse(text);
        }
        catch (FormatException e)
        {
            throw new ApiError(ApiErrorCode.InvalidArgument, e.Message, ("argument", "field"));
        }
    }

    /// <exception cref="ApiError">A part breaks the rules of names.</exception>
    public static EntityKey Key(string domain, string type, string id)
    {
        try
        {
            return new EntityKey(domain, type, id);
        }
        catch (ArgumentException e)
        {
            throw new ApiError(ApiErrorCode.InvalidArgument, e.Message);
        }
    }
}
