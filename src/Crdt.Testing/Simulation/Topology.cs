namespace Crdt.Testing.Simulation;

/// <summary>Who can reach whom in a <see cref="Simulation"/>.</summary>
public enum Topology
{
    /// <summary>Each replica reaches several others; among up to six, all.</summary>
    Mesh,

    /// <summary>All reach one, which is a server if there is one, and nobody else.</summary>
    Star,

    /// <summary>Each reaches the one before and the one behind.</summary>
    Chain,

    /// <summary>A tree drawn at random, and some links more.</summary>
    Random,

    /// <summary>As <see cref="Random"/>, drawn anew every now and then.</summary>
    Changing,
}
