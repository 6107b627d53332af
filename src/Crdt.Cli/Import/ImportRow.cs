namespace Crdt.Cli.Import;

/// <summary>One row of the input: what it says, or why it cannot be taken.</summary>
/// <param name="Number">Counted from 1, without the header and empty lines.</param>
/// <param name="Line">The line it begins in, counted from 1.</param>
/// <param name="Fields">The fields; an object.</param>
/// <param name="Content">The row as it stands in the file, before cells became numbers: what ids are made of.</param>
/// <param name="Rejection">Why it cannot be taken; null if it can.</param>
internal sealed record ImportRow(long Number, long Line, Value Fields, Value Content, string? Rejection)
{
    public static ImportRow Rejected(long number, long line, string reason) =>
        new(number, line, Value.EmptyObject, Value.EmptyObject, reason);
}
