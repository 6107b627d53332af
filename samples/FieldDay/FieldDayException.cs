namespace FieldDay;

/// <summary>The day did not end as it must; says why.</summary>
internal sealed class FieldDayException(string message) : Exception(message);
