using GraphQL.Validation;
using GraphQLParser.AST;

namespace Crdt.Server.Http;

/// <summary>What may be asked for how: a GET changes nothing, and subscriptions go over WebSockets alone.</summary>
internal sealed class OperationRule(bool isGet) : ValidationRuleBase
{
    public override ValueTask<INodeVisitor?> GetPreNodeVisitorAsync(ValidationContext context)
    {
        OperationType operation = context.Operation.Operation;
        if (operation == OperationType.Subscription)
            context.ReportError(new NotAllowedError("Subscriptions go over a WebSocket with the subprotocol graphql-transport-ws."));
        else if (isGet && operation == OperationType.Mutation)
            context.ReportError(new NotAllowedError("Mutations are sent by POST."));
        return default;
    }

    /// <summary>The method does not fit the operation.</summary>
    public sealed class NotAllowedError(string message) : ValidationError(message);
}
