namespace Crdt.Tiles;

/// <summary>What HTTP answers to a request for a tile or for what a pack says of itself.</summary>
public sealed record TileAnswer
{
    /// <summary>Status code: 200, 204 where the pack has no such tile, 304, 404, 406, 500 or 503.</summary>
    public required int Status { get; init; }

    /// <summary>Media type of the body.</summary>
    public string? MediaType { get; init; }

    /// <summary>How the body is compressed; <see langword="null"/> when it is not.</summary>
    public string? ContentEncoding { get; init; }

    /// <summary>Entity tag, with its quotes.</summary>
    public string? ETag { get; init; }

    /// <summary>Seconds after which to try again, where that may help.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>The body.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Says that there is no tile, and why: <c>application/problem+json</c>.</summary>
    /// <param name="status">Status code.</param>
    /// <param name="code">For programs.</param>
    /// <param name="detail">For people.</param>
    /// <param name="retryAfterSeconds">When to try again, where that may help.</param>
    public static TileAnswer Problem(int status, string code, string detail, int? retryAfterSeconds = null)
    {
        using var output = new MemoryStream();
        using (var json = new System.Text.Json.Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteNumber("status", status);
            json.WriteString("code", code);
            json.WriteString("detail", detail);
            json.WriteEndObject();
        }
        return new TileAnswer { Status = status, MediaType = "application/problem+json", Body = output.ToArray(), RetryAfterSeconds = retryAfterSeconds };
    }

    /// <summary>Says what a reader of packs raised.</summary>
    public static TileAnswer Of(TileException problem) => (problem ?? throw new ArgumentNullException(nameof(problem))).Error switch
    {
        TileError.NotHere => Problem(503, "TILE_NOT_HERE", problem.Message, retryAfterSeconds: 2),
        TileError.NotAPack => Problem(500, "NOT_A_PACK", problem.Message),
        TileError.Unsupported => Problem(500, "PACK_UNSUPPORTED", problem.Message),
        TileError.TooLarge => Problem(500, "PACK_TOO_LARGE", problem.Message),
        _ => Problem(500, "PACK_DAMAGED", problem.Message),
    };
}
