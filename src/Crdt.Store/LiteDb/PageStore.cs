using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.LiteDb;

/// <summary>The pair of files under a LiteDB, made consistent after a crash before LiteDB sees them.</summary>
internal sealed class PageStore : IDisposable
{
    // Offsets in a page, and the values that LiteDB gives them in its data file.
    private const int PageIdOffset = 0;
    private const int TransactionOffset = 14;
    private const int ConfirmedOffset = 18;

    private readonly PageFile dataFile;
    private readonly PageFile logFile;

    public PageStore(IDisk disk, string dataPath, string logPath, AtRestCipher? cipher)
    {
        dataFile = new PageFile(disk, dataPath, kind: 0, cipher);
        try
        {
            logFile = new PageFile(disk, logPath, kind: 1, cipher);
            disk.SyncDirectory(Path.GetDirectoryName(dataPath)!);
            Recover();
        }
        catch
        {
            Dispose();
            throw;
        }
        Log = new LogPageStream(logFile, dataFile);
        Data = new DataPageStream(dataFile, logFile, Log);
    }

    public DataPageStream Data { get; }

    public LogPageStream Log { get; }

    public bool IsAbandoned => Log.IsAbandoned;

    /// <summary>Lets nothing more be written: what is on the disk stays as it is.</summary>
    public void Abandon() => Log.Abandon();

    /// <summary>Makes all commits durable.</summary>
    public void Flush()
    {
        if (logFile.IsDirty)
            logFile.Flush();
    }

    public void Dispose()
    {
        dataFile.Dispose();
        logFile?.Dispose();
    }

    private void Recover()
    {
        logFile.SetPageCount(logFile.CountIntact());
        logFile.Flush();

        // LiteDB reads the first page of its data before it looks into its log. If a checkpoint was cut short while
        // writing
        // that page, the log still has it.
        byte[] page = new byte[PageFile.PageLengthBytes];
        if (dataFile.PageCount == 0 || dataFile.TryRead(0, page))
            return;
        for (long index = logFile.PageCount - 1; index >= 0; index--)
        {
            logFile.Read(index, page);
            if (BitConverter.ToUInt32(page, PageIdOffset) != 0 || page[ConfirmedOffset] == 0)
                continue;
            page.AsSpan(TransactionOffset, 4).Fill(0xFF);
            page[ConfirmedOffset] = 0;
            dataFile.Write(0, page);
            dataFile.Flush();
            return;
        }
    }
}
