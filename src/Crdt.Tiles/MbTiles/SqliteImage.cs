using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Crdt.Tiles.MbTiles;

/// <summary>A SQLite database of somebody else's, read from memory: nothing of it is written to a disk, as a temporary file
/// would be, and nothing that it says of itself is done but the reading of its tables and views.</summary>
internal sealed unsafe class SqliteImage : IDisposable
{
    // Of SQLite's interface: a database that only is read, and the two acts that a view of tiles needs.
    private const int ReadOnly = 4, ActRead = 20, ActSelect = 21;
    private const int LengthLimit = 0, DbConfigDefensive = 1010, DbConfigTrustedSchema = 1017, DbConfigEnableTrigger = 1003;

    // Steps of SQLite's machine between two looks at how many there were.
    private const int StepsAtOnce = 10_000;

    // A second or two: what is asked of a pack that is in order takes a thousandth of it.
    private const long StepsMax = 50_000_000;

    private readonly SqliteConnection connection = new("Data Source=:memory:;Pooling=False");
    private readonly Lock gate = new();
    private readonly strdelegate_authorizer mayDo;
    private readonly delegate_progress mayGoOn;
    private void* memory;
    private long steps;

    /// <summary>Opens what was read into memory, which it owns from now on.</summary>
    /// <param name="memory">From <see cref="NativeMemory.Alloc(nuint)"/>.</param>
    /// <param name="length">Bytes of it.</param>
    public SqliteImage(void* memory, long length)
    {
        this.memory = memory;
        mayDo = static (_, act, _, _, _, _) => act is ActRead or ActSelect ? raw.SQLITE_OK : raw.SQLITE_DENY;
        mayGoOn = _ => (steps -= StepsAtOnce) < 0 ? 1 : 0;
        try
        {
            // Written by whoever still had it open in WAL mode: without its journal it reads as any other.
            byte* bytes = (byte*)memory;
            if (length > 19 && bytes[18] == 2 && bytes[19] == 2) (bytes[18], bytes[19]) = (1, 1);
            connection.Open();
            sqlite3 database = connection.Handle!;
            raw.sqlite3_db_config(database, DbConfigDefensive, 1, out _);
            raw.sqlite3_db_config(database, DbConfigTrustedSchema, 0, out _);
            raw.sqlite3_db_config(database, DbConfigEnableTrigger, 0, out _);
            raw.sqlite3_limit(database, LengthLimit, TileLimits.SectionBytesMax);
            int code = raw.sqlite3_deserialize(database, "main", (nint)memory, length, length, ReadOnly);
            if (code != raw.SQLITE_OK) throw new TileException(TileError.NotAPack, $"SQLite does not open the pack: error {code}.");
            raw.sqlite3_set_authorizer(database, mayDo, null);
            raw.sqlite3_progress_handler(database, StepsAtOnce, mayGoOn, null);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Asks, and takes what a row says.</summary>
    /// <param name="sql">One question.</param>
    /// <param name="arguments">In order of <c>$1</c>, <c>$2</c>, …</param>
    /// <param name="rowsMax">Rows that are read.</param>
    /// <param name="read">Takes one row.</param>
    /// <param name="stepsMax">Steps of SQLite's machine that it may take: one tile takes some dozen, a whole table ten for a row.</param>
    public List<T> Ask<T>(string sql, ReadOnlySpan<long> arguments, int rowsMax, Func<SqliteDataReader, T> read, long stepsMax = StepsMax)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(memory is null, this);
            steps = stepsMax;
            try
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = sql;
                for (int i = 0; i < arguments.Length; i++) command.Parameters.AddWithValue($"${i + 1}", arguments[i]);
                using SqliteDataReader reader = command.ExecuteReader();
                var rows = new List<T>();
                while (rows.Count < rowsMax && reader.Read()) rows.Add(read(reader));
                return rows;
            }
            catch (Exception e) when (e is SqliteException or InvalidCastException or InvalidOperationException or FormatException or OverflowException)
            {
                throw new TileException(TileError.Damaged, $"SQLite cannot read the pack: {e.Message}", e);
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            connection.Dispose();
            NativeMemory.Free(memory);
            memory = null;
        }
    }
}
