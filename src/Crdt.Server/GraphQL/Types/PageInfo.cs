using System.ComponentModel;

namespace Crdt.Server.GraphQL.Types;

[Description("Where a page of a list stands, as Relay has it. Lists are paged forwards.")]
internal sealed class PageInfo(bool hasNextPage, bool hasPreviousPage, string? startCursor, string? endCursor)
{
    public bool HasNextPage => hasNextPage;

    public bool HasPreviousPage => hasPreviousPage;

    public string? StartCursor => startCursor;

    public string? EndCursor => endCursor;
}
