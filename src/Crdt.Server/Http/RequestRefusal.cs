using Crdt.Server.GraphQL;

namespace Crdt.Server.Http;

/// <summary>Why a request is not answered.</summary>
/// <param name="Status">Status code of HTTP.</param>
/// <param name="Code">For programs.</param>
/// <param name="Message">For people.</param>
internal sealed record RequestRefusal(int Status, ApiErrorCode Code, string Message);
