namespace Crdt.Testing;

/// <summary>A session, cut after so many messages.</summary>
/// <param name="A">Number of one replica.</param>
/// <param name="B">Number of the other.</param>
/// <param name="MessagesMax">After how many messages it is cut.</param>
public sealed record Meet(int A, int B, int MessagesMax = int.MaxValue) : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() =>
        $"new Meet({A}, {B}{(MessagesMax == int.MaxValue ? "" : $", {MessagesMax}")})";
}
