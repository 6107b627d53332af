namespace FieldMap.Geo;

/// <summary>An airport, as the reports call it, with its place.</summary>
internal sealed record Airport(string Name, string Code, double Longitude, double Latitude);
