namespace Crdt.Transport.Lanes;

/// <summary>Tells what a device runs on.</summary>
public interface IPowerSource
{
    /// <summary>Reads it, at once and without failing; asked at most every ten seconds.</summary>
    /// <returns><see langword="null"/> where there is no battery, or nothing is known of it.</returns>
    PowerStatus? Read();
}

/// <summary>What a device runs on.</summary>
/// <param name="BatteryPercent">How full the battery is, from 0 to 100.</param>
/// <param name="IsCharging">Whether power comes from outside.</param>
public readonly record struct PowerStatus(int BatteryPercent, bool IsCharging);
