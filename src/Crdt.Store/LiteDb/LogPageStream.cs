namespace Crdt.Store.LiteDb;

/// <summary>LiteDB's own write-ahead log: gathers the pages of a commit and writes them in one piece.</summary>
/// <remarks>Only the pages before the first damaged one count: a transaction ends with its confirming page, so whatever
/// prefix survives a power cut is a prefix of whole transactions.</remarks>
internal sealed class LogPageStream : PageStream
{
    // Offset in a page of the flag that ends a transaction.
    private const int ConfirmedOffset = 18;

    private const int GatheredPagesMax = 128;

    private readonly PageFile file;
    private readonly PageFile data;
    private readonly object gate = new();
    private readonly byte[] gathered = new byte[GatheredPagesMax * PageFile.PageLengthBytes];
    private int gatheredPages;
    private long droppedPages;

    public LogPageStream(PageFile file, PageFile data)
    {
        this.file = file;
        this.data = data;
    }

    /// <summary>Why a write failed, after which the engine above cannot be trusted and must be opened again.</summary>
    public Exception? Failure { get; private set; }

    public bool IsAbandoned { get; private set; }

    public override long Length
    {
        get
        {
            lock (gate)
                return (file.PageCount + gatheredPages + droppedPages) * PageFile.PageLengthBytes;
        }
    }

    public override void SetLength(long value)
    {
        lock (gate)
        {
            ThrowIfFailed();
            try
            {
                // What the log held is in the data file now; it must be durable there before it goes here. And the next
                // pages must never mix with the last ones.
                if (data.IsDirty)
                    data.Flush();
                gatheredPages = 0;
                file.SetPageCount(PagesIn(value));
                file.Flush();
            }
            catch (Exception e)
            {
                Failure = e;
                throw;
            }
        }
    }

    /// <summary>Waits until the file is as long as LiteDB holds it to be: its commit may return before it has
    /// written.</summary>
    /// <exception cref="StoreException">A write failed.</exception>
    public void WaitForLength(long length)
    {
        lock (gate)
        {
            while (file.PageCount < PagesIn(length) && Failure is null)
            {
                if (!Monitor.Wait(gate, TimeSpan.FromMinutes(1)))
                    throw new StoreException(StoreError.WriteFailed, "LiteDB did not write a commit within a minute.");
            }
            ThrowIfFailed();
        }
    }

    /// <summary>Fails every write from now on.</summary>
    public void Abandon()
    {
        lock (gate)
        {
            IsAbandoned = true;
            Failure ??= new IOException("The projection was abandoned.");
            Monitor.PulseAll(gate);
        }
    }

    public void ThrowIfFailed()
    {
        if (Failure is not null)
            throw StoreException.FromWrite("Writing the projection", Failure);
    }

    protected override void ReadPage(long index, Span<byte> page)
    {
        lock (gate)
        {
            long inFile = file.PageCount;
            if (index >= inFile + gatheredPages)
                throw new IOException("The projection's log failed before.", Failure);
            if (index >= inFile)
                Gathered((int)(index - inFile)).CopyTo(page);
            else
                file.Read(index, page);
        }
    }

    protected override void WritePage(long index, ReadOnlySpan<byte> page)
    {
        lock (gate)
        {
            // LiteDB's writer does not survive an exception, and those who wait for it wait for ever: whoever committed
            // learns of the failure from here instead.
            if (Failure is not null)
            {
                droppedPages++;
                return;
            }
            long next = file.PageCount + gatheredPages;
            if (index != next)
                throw new NotSupportedException($"LiteDB wrote page {index} of its log where {next} was due.");
            page.CopyTo(Gathered(gatheredPages));
            gatheredPages++;
            if (page[ConfirmedOffset] == 0 && gatheredPages < GatheredPagesMax)
                return;
            try
            {
                file.Write(file.PageCount, gathered.AsSpan(0, gatheredPages * PageFile.PageLengthBytes));
                gatheredPages = 0;
            }
            catch (Exception e)
            {
                Failure = e;
            }
            Monitor.PulseAll(gate);
        }
    }

    private Span<byte> Gathered(int index) =>
        gathered.AsSpan(index * PageFile.PageLengthBytes, PageFile.PageLengthBytes);

}
