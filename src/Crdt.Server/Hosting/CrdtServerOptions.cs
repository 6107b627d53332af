using Crdt.Server.DevIssuer;
using Crdt.Transport.Lanes;

namespace Crdt.Server.Hosting;

/// <summary>Settings of the server peer: section <c>Crdt</c> of the configuration.</summary>
internal sealed class CrdtServerOptions
{
    public const string Section = "Crdt";

    /// <summary>The replica's directory. Where it holds none, a space is founded there.</summary>
    public string Data { get; set; } = ".crdt";

    /// <summary>Name of the space, when one is founded; the directory's by default.</summary>
    public string? Space { get; set; }

    /// <summary>Where peers are listened for; <see langword="null"/> for nowhere.</summary>
    public string? Listen { get; set; }

    /// <summary>Peers to stay connected with.</summary>
    public IList<string> Peers { get; } = [];

    /// <summary>Whether to announce this server on its networks, and to look for others there.</summary>
    public bool Discovery { get; set; }

    /// <summary>Speaks with peers without encryption, within this machine.</summary>
    public bool Plain { get; set; }

    /// <summary>File of the key that the replica is encrypted under.</summary>
    public string? KeyFile { get; set; }

    /// <summary>How often the whole log is looked through for what is unaccounted for, beside the work; zero for never.</summary>
    public TimeSpan AuditInterval { get; set; } = TimeSpan.FromDays(1);

    /// <summary>The PostgreSQL database that the replica is in, as Npgsql names it; <see langword="null"/> for files in
    /// <see cref="Data"/>. Several servers of one space can be on one database, each with a directory of its own.</summary>
    public string? Postgres { get; set; }

    /// <summary>Attachments.</summary>
    public BlobSettings Blobs { get; set; } = new();

    /// <summary>What a connection with a peer may cost.</summary>
    public BudgetSettings Budget { get; set; } = new();

    /// <summary>Whose cases come first with attachments (<see cref="CaseListOptions"/>); nobody's unless it is set.</summary>
    public string? Assignee { get; set; }

    /// <summary>How GraphQL requests are bounded.</summary>
    public GraphQLLimits Limits { get; set; } = new();

    /// <summary>Who may do what.</summary>
    public AccessOptions Access { get; set; } = new();

    /// <summary>The built-in issuer of tokens.</summary>
    public DevIssuerOptions DevIssuer { get; set; } = new();
}
