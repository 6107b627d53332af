using System.CommandLine;
using System.Globalization;
using Crdt.Transport.Lanes;

namespace Crdt.Cli.Arguments;

/// <summary>What a connection may cost and what comes first on it, as a command line says it; alike in every command that stays with
/// peers.</summary>
internal static class LaneOptions
{
    private static readonly Option<long?> Bytes = BlobOptions.Size("--budget",
        "How many bytes one connection may take in both directions, as in 5MB. What is left goes over the next one.");

    private static readonly Option<double?> Seconds = new("--budget-time")
    {
        HelpName = "S",
        Description = "For how many seconds a connection is used.",
        CustomParser = result => Number(result, double.MaxValue / 1e4, "a number of seconds above 0"),
    };

    private static readonly Option<double?> Battery = new("--battery-min")
    {
        HelpName = "PERCENT",
        Description = "Rests while the battery is emptier than that and not being charged.",
        CustomParser = result => Number(result, 100, "a percentage up to 100"),
    };

    private static readonly Option<string?> Assignee = new("--assignee")
    {
        HelpName = "NAME",
        Description = "Fetches first the attachments of the cases that are assigned to NAME: entities of type 'assignment' in domain 'cases' say so "
            + "by 'assignee' and 'case'; what belongs to a case names it in its own 'case'.",
    };

    /// <summary>Adds the options to a command.</summary>
    public static void AddTo(Command command)
    {
        foreach (Option option in (Option[])[Bytes, Seconds, Battery, Assignee]) command.Options.Add(option);
    }

    /// <summary>What a connection may cost; no limits by default.</summary>
    public static ConnectionBudget Read(CliContext context) => new()
    {
        BytesMax = context.Parsed.GetValue(Bytes) ?? long.MaxValue,
        DurationMax = context.Parsed.GetValue(Seconds) is { } seconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue,
        BatteryPercentMin = (int)(context.Parsed.GetValue(Battery) ?? 0),
    };

    /// <summary>Whose cases come first; <see langword="null"/> for nobody's.</summary>
    public static CaseListOptions? ReadCases(CliContext context) =>
        context.Parsed.GetValue(Assignee) is { } name ? new CaseListOptions { Assignee = name } : null;

    /// <summary>The same as settings of the server peer.</summary>
    public static IEnumerable<string> SettingsOf(CliContext context)
    {
        ConnectionBudget budget = Read(context);
        if (budget.BytesMax != long.MaxValue) yield return string.Create(CultureInfo.InvariantCulture, $"--Crdt:Budget:BytesMax={budget.BytesMax}");
        if (budget.DurationMax != TimeSpan.MaxValue) yield return $"--Crdt:Budget:DurationMax={budget.DurationMax:c}";
        if (budget.BatteryPercentMin > 0) yield return string.Create(CultureInfo.InvariantCulture, $"--Crdt:Budget:BatteryPercentMin={budget.BatteryPercentMin}");
        if (ReadCases(context) is { } cases) yield return $"--Crdt:Assignee={cases.Assignee}";
    }

    private static double? Number(System.CommandLine.Parsing.ArgumentResult result, double most, string what)
    {
        string text = CommonOptions.Single(result);
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number > 0 && number <= most) return number;
        result.AddError($"'{text}' is not {what}.");
        return null;
    }
}
