using GraphQL;
using GraphQL.Execution;
using GraphQL.Validation;

namespace Crdt.Server.GraphQL;

/// <summary>How errors are told: always with a code, never with what happened inside.</summary>
internal sealed class ErrorInfoProvider : IErrorInfoProvider
{
    public ErrorInfo GetInfo(ExecutionError executionError)
    {
        var extensions = new Dictionary<string, object?> { ["code"] = CodeOf(executionError) };
        if (executionError is ApiError { Extensions: { } details })
        {
            foreach ((string name, object? value) in details) extensions[name] = value;
        }
        return new ErrorInfo { Message = executionError.Message, Extensions = extensions };
    }

    private static string CodeOf(ExecutionError error) => error switch
    {
        ApiError => error.Code!,
        ValidationError { Code: "TOO_COMPLEX" } => error.Code!,
        DocumentError or RequestError => ApiError.NameOf(ApiErrorCode.BadRequest),
        _ => ApiError.NameOf(ApiErrorCode.Internal),
    };
}
