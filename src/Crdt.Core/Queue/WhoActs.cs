namespace Crdt;

/// <summary>Who can change that something stands where it stands.</summary>
public enum WhoActs
{
    /// <summary>There is nothing to be done.</summary>
    Nobody,

    /// <summary>It goes on by itself.</summary>
    Itself,

    /// <summary>Whoever uses this device.</summary>
    User,

    /// <summary>Whoever wrote it, or a supervisor.</summary>
    Author,

    /// <summary>Whoever runs the servers of the space, or enrols devices.</summary>
    Operator,
}
