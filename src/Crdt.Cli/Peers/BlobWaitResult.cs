namespace Crdt.Cli.Peers;

/// <summary>What became of attachments in a session.</summary>
/// <param name="Received">How many came.</param>
/// <param name="ReceivedBytes">Their bytes.</param>
/// <param name="Waiting">How many this device wants and has not got.</param>
/// <param name="Left">How many it leaves where they are, by its policy.</param>
/// <param name="Unsent">How many are here that the peer, a server, does not hold.</param>
internal readonly record struct BlobWaitResult(int Received, long ReceivedBytes, int Waiting, int Left, int Unsent);
