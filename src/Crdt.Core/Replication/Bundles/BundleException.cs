namespace Crdt;

/// <summary>A bundle cannot be taken, or not all of it. What was taken before stays, in whole transactions; taking the same
/// or another bundle goes on from there.</summary>
public sealed class BundleException : FormatException
{
    /// <summary>Reports what was wrong.</summary>
    /// <param name="error">What kind of wrong.</param>
    /// <param name="message">What was wrong, and where.</param>
    /// <param name="inner">The cause, if another error was.</param>
    public BundleException(BundleError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>What kind of wrong.</summary>
    public BundleError Error { get; }
}
