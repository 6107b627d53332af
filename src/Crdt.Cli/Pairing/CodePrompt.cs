using Crdt.Transport.Pairing;

namespace Crdt.Cli.Pairing;

/// <summary>Shows a person the six digits, and asks whether the other screen shows the same.</summary>
internal sealed class CodePrompt(CliContext context)
{
    public async ValueTask<bool> ConfirmAsync(PairingCode code, CancellationToken cancellation)
    {
        string digits = $"{code.Digits[..3]} {code.Digits[3..]}";
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("code", code.Digits);
                w.WriteString("device", code.Name);
                w.WriteString("fingerprint", code.Peer.ToString());
            });
        }
        else
        {
            string who = code.Name.Length > 0 ? $"A device that calls itself '{code.Name}'" : "The other device";
            context.Output.Line($"{who}, {code.Peer.Short}, is to show the same code:  {digits}");
            context.Output.Line("Does its screen show exactly this code? [y/N]");
        }
        context.Output.Flush();
        using var reader = new StreamReader(context.OpenInput(), leaveOpen: true);
        string? answer = await reader.ReadLineAsync(cancellation);
        return answer?.Trim().ToUpperInvariant() is "Y" or "YES";
    }
}
