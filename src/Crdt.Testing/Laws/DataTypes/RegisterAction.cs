namespace Crdt.Testing;

/// <summary>What a <see cref="RegisterStep"/> does.</summary>
public enum RegisterAction
{
    /// <summary>Somebody writes.</summary>
    Write,

    /// <summary>Somebody removes what he sees.</summary>
    Remove,

    /// <summary>One replica hands on to another what that one lacks.</summary>
    Send,

    /// <summary>A process dies and opens its store again.</summary>
    Reopen,
}
