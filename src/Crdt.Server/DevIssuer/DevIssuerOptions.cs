namespace Crdt.Server.DevIssuer;

/// <summary>The built-in issuer of tokens, for development: it believes whoever reaches it.</summary>
internal sealed class DevIssuerOptions
{
    /// <summary>Whether it runs. By default in the environment Development, when no other issuer was named.</summary>
    public bool? Enabled { get; set; }

    /// <summary>How long an access token holds.</summary>
    public TimeSpan TokenLifetime { get; set; } = TimeSpan.FromHours(1);
}
