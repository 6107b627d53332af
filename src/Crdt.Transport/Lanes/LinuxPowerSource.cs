using System.Globalization;

namespace Crdt.Transport.Lanes;

/// <summary>The battery as the Linux kernel tells of it (Documentation/ABI/testing/sysfs-class-power).</summary>
/// <param name="directory">Where the kernel shows the supplies; <c>/sys/class/power_supply</c> by default.</param>
public sealed class LinuxPowerSource(string directory = "/sys/class/power_supply") : IPowerSource
{
    /// <inheritdoc/>
    /// <remarks>Of several batteries the fullest counts.</remarks>
    public PowerStatus? Read()
    {
        PowerStatus? found = null;
        bool isCharging = false;
        try
        {
            foreach (string supply in Directory.Exists(directory) ? Directory.EnumerateDirectories(directory) : [])
            {
                if (ReadWord(supply, "type") != "Battery")
                {
                    isCharging |= ReadWord(supply, "online") == "1";
                }
                else if (ReadWord(supply, "scope") != "Device" // a mouse's
                    && int.TryParse(ReadWord(supply, "capacity"), NumberStyles.None, CultureInfo.InvariantCulture, out int percent))
                {
                    isCharging |= ReadWord(supply, "status") is "Charging" or "Full";
                    found = new PowerStatus(Math.Max(found?.BatteryPercent ?? 0, Math.Min(percent, 100)), false);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // a supply that goes while it is read
        }
        return found is { } battery ? battery with { IsCharging = isCharging } : null;
    }

    private static string? ReadWord(string supply, string name)
    {
        string path = Path.Combine(supply, name);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
    }
}
