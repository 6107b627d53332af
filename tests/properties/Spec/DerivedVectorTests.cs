using System.Buffers;
using System.Globalization;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Properties.Spec;

/// <summary>docs/vectors/derived.json: chain heads, a space's id, UUIDs and digests, each also computed here by the
/// rule's own words, without the library's code.</summary>
public class DerivedVectorTests
{
    private static readonly SpaceGenesis Genesis = SpaceGenesis.Create(BatchCases.A, "vectors",
        [KeyValuePair.Create(PolicyScope.Parse("incident/strike"), ConflictPolicy.Manual)], new FakeTimeProvider(Team.Start));

    [Fact]
    public void The_vectors_are_what_the_library_derives() => Repository.Verify("derived.json", [Chain(), Space(), Ids(), Digest()]);

    [Fact]
    [Trait("Spec", "WF-3.1")]
    public void A_chain_starts_at_the_hash_of_the_id_and_takes_up_the_hash_of_each_batch()
    {
        byte[] head = SHA256.HashData(Bytes(BatchCases.B));
        Assert.Equal(head, AuthorTable.ChainStart(BatchCases.B));
        foreach (byte[] batch in (byte[][])[[1, 2, 3], [4]])
        {
            byte[] next = SHA256.HashData([.. head, .. SHA256.HashData(batch)]);
            Assert.Equal(next, AuthorTable.ChainNext(head, batch));
            head = next;
        }
    }

    [Fact]
    [Trait("Spec", "WF-3.4")]
    public void A_founding_is_a_version_an_author_and_a_batch_whose_chain_head_is_the_space()
    {
        byte[] file = Genesis.ToBytes();
        byte[] expected = [1, 0xC4, 16, .. Bytes(BatchCases.A), 0xC4, (byte)Genesis.Batch.Length, .. Genesis.Batch.ToArray()];
        Assert.Equal(expected, file);
        Assert.Equal(Genesis.Space, SpaceGenesis.FromBytes(file).Space);
        byte[] head = SHA256.HashData([.. SHA256.HashData(Bytes(BatchCases.A)), .. SHA256.HashData(Genesis.Batch.Span)]);
        Assert.Equal(Convert.ToHexStringLower(head), Genesis.Space.ToString());
    }

    [Fact]
    [Trait("Spec", "WF-5.1")]
    public void A_mutations_uuid_is_one_block_of_aes_with_version_and_variant()
    {
        using var aes = Aes.Create();
        aes.Key = Bytes(BatchCases.C);
        byte[] block = aes.EncryptEcb([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34], PaddingMode.None);
        block[6] = (byte)((block[6] & 0x0F) | 0x40);
        block[8] = (byte)((block[8] & 0x3F) | 0x80);
        Assert.Equal(new Guid(block, bigEndian: true), MutationId.Of(new Dot(BatchCases.C, 0x1234)));
    }

    [Fact]
    [Trait("Spec", "WF-5.2")]
    public void A_digest_is_the_sum_of_the_hashes_of_the_siblings_canonical_bytes()
    {
        (EntityState state, ReplicaTable replicas) = State();
        UInt128 sum = 0;
        foreach (SiblingSlot slot in state.Slots) sum += XxHash128.HashToUInt128(Canonical(state, slot, replicas));
        Assert.Equal(sum, StateDigest.Of(state, replicas));
    }

    private static JsonObject Chain()
    {
        byte[] head = AuthorTable.ChainStart(BatchCases.B);
        var heads = new JsonArray(Convert.ToHexStringLower(head));
        byte[][] batches = [[1, 2, 3], [4]];
        foreach (byte[] batch in batches) heads.Add((JsonNode)Convert.ToHexStringLower(head = AuthorTable.ChainNext(head, batch)));
        return new JsonObject
        {
            ["name"] = "chain",
            ["author"] = BatchCases.B.ToString(),
            ["batches"] = new JsonArray([.. batches.Select(b => (JsonNode)Convert.ToHexStringLower(b))]),
            ["heads"] = heads,
        };
    }

    private static JsonObject Space() => new()
    {
        ["name"] = "founding",
        ["file"] = Convert.ToHexStringLower(Genesis.ToBytes()),
        ["space"] = Genesis.Space.ToString(),
    };

    private static JsonObject Ids() => new()
    {
        ["name"] = "mutation ids",
        ["ids"] = new JsonArray([.. new Dot[] { new(BatchCases.A, 1), new(BatchCases.A, 2), new(BatchCases.B, Dot.SequenceMax) }
            .Select(d => (JsonNode)new JsonArray(ColumnsText.OfDot(d), MutationId.Of(d).ToString()))]),
    };

    private static JsonObject Digest()
    {
        (EntityState state, ReplicaTable replicas) = State();
        var siblings = new JsonArray();
        foreach (SiblingSlot slot in state.Slots)
        {
            byte[] canonical = Canonical(state, slot, replicas);
            siblings.Add((JsonNode)new JsonArray(Convert.ToHexStringLower(canonical),
                XxHash128.HashToUInt128(canonical).ToString("x32", CultureInfo.InvariantCulture)));
        }
        return new JsonObject
        {
            ["name"] = "digest",
            ["siblings"] = siblings,
            ["sum"] = StateDigest.Of(state, replicas).ToString("x32", CultureInfo.InvariantCulture),
        };
    }

    private static (EntityState State, ReplicaTable Replicas) State()
    {
        var replicas = new ReplicaTable();
        foreach (ReplicaId id in (ReplicaId[])[BatchCases.A, BatchCases.B, BatchCases.C]) replicas.GetOrAdd(id);
        EntityState state = new EntityState(new EntityKey("incident", "strike", "42")).ToWorking(4);
        LocalDot a = new(0, 7, ReplicaRole.Client), b = new(1, 3, ReplicaRole.Server), c = new(2, 9, ReplicaRole.Client);
        state.Append(new SiblingSlot(FieldPath.Root, a, new(1UL << 40), false, new SiblingExtra(default, 0, [b, c])));
        state.Append(new SiblingSlot("seat", b, new(5UL << 40), "12a", new SiblingExtra(new(3UL << 40), 0, [])));
        state.Append(new SiblingSlot("seat", c, new(4UL << 40), 12, null));
        state.Append(new SiblingSlot(FieldPath.Field("views").AsCounter(), b, new(6UL << 40), -2, SiblingExtra.OfCounter(2)));
        return (state, replicas);
    }

    /// <summary>WF-5.2, word by word.</summary>
    private static byte[] Canonical(EntityState state, in SiblingSlot slot, ReplicaTable replicas)
    {
        var bytes = new List<byte>();
        foreach (string part in (string[])[state.Key.Domain, state.Key.Type, state.Key.Id])
        {
            bytes.Add((byte)Encoding.UTF8.GetByteCount(part));
            bytes.AddRange(Encoding.UTF8.GetBytes(part));
        }
        Add(bytes, (ulong)slot.Path.Bytes.Length);
        bytes.AddRange(slot.Path.Bytes);
        Add(bytes, replicas.Resolve(slot.Dot));
        Add(bytes, slot.Timestamp.Bits);
        Add(bytes, slot.Claim.Bits);
        Add(bytes, (ulong)(slot.Extra?.CounterStart ?? 0));
        Add(bytes, (ulong)(slot.Extra?.Replaced.Length ?? 0));
        foreach (LocalDot head in slot.Extra?.Replaced ?? []) Add(bytes, replicas.Resolve(head));
        var value = new ArrayBufferWriter<byte>();
        var writer = new MessagePack.MessagePackWriter(value);
        ValueCodec.Write(ref writer, slot.Value, null);
        writer.Flush();
        bytes.AddRange(value.WrittenSpan);
        return [.. bytes];
    }

    private static void Add(List<byte> bytes, Dot dot)
    {
        bytes.AddRange(Bytes(dot.Replica));
        Add(bytes, (ulong)dot.Sequence);
    }

    private static void Add(List<byte> bytes, ulong value)
    {
        for (int shift = 56; shift >= 0; shift -= 8) bytes.Add((byte)(value >> shift));
    }

    private static byte[] Bytes(ReplicaId id) => id.Value.ToByteArray(bigEndian: true);
}
