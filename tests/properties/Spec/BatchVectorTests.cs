using System.Text.Json.Nodes;

namespace Crdt.Properties.Spec;

/// <summary>docs/vectors/batches.json against the code, in both directions.</summary>
public class BatchVectorTests
{
    private const string FileName = "batches.json";

    [Fact]
    [Trait("Spec", "WF-1.3")]
    [Trait("Spec", "WF-1.4")]
    [Trait("Spec", "WF-1.5")]
    [Trait("Spec", "WF-2.1")]
    [Trait("Spec", "WF-2.3")]
    [Trait("Spec", "WF-2.4")]
    [Trait("Spec", "WF-2.5")]
    [Trait("Spec", "WF-2.6")]
    [Trait("Spec", "WF-2.7")]
    [Trait("Spec", "WF-2.8")]
    [Trait("Spec", "WF-2.9")]
    [Trait("Spec", "WF-2.10")]
    [Trait("Spec", "WF-2.11")]
    [Trait("Spec", "WF-2.12")]
    [Trait("Spec", "WF-2.14")]
    [Trait("Spec", "WF-2.15")]
    public void The_vectors_are_what_the_writer_writes()
    {
        var vectors = new JsonArray();
        foreach (BatchCase made in BatchCases.All())
        {
            byte[] stored = new BatchWriter().Write(made.Columns, made.First);
            vectors.Add((JsonNode)new JsonObject
            {
                ["name"] = made.Name,
                ["author"] = made.Author.ToString(),
                ["first"] = ColumnsText.Number(made.First),
                ["stored"] = Convert.ToHexStringLower(stored),
                ["decoded"] = ColumnsText.Of(made.Columns, made.Author, made.First),
            });
        }
        Repository.Verify(FileName, vectors);
    }

    [Fact]
    [Trait("Spec", "WF-2.13")]
    [Trait("Spec", "CV-9")]
    public void Each_vector_decodes_to_its_content_and_encodes_to_its_bytes_again()
    {
        foreach (JsonNode? vector in Repository.Vectors(FileName))
        {
            byte[] stored = Convert.FromHexString((string)vector!["stored"]!);
            Assert.True(ReplicaId.TryParse((string)vector["author"]!, out ReplicaId author));
            long first = long.Parse((string)vector["first"]!, System.Globalization.CultureInfo.InvariantCulture);
            var columns = new BatchColumns();
            new BatchReader().Read(stored, author, first, columns);
            Assert.Equal(vector["decoded"]!.ToJsonString(), ColumnsText.Of(columns, author, first).ToJsonString());
            Assert.Equal(stored, new BatchWriter().Write(columns, first));
        }
    }

    /// <summary>What is one byte away from a batch is another batch, told in its one form, or none.</summary>
    [Fact]
    [Trait("Law", "9")]
    [Trait("Spec", "WF-2.13")]
    public void A_batch_with_one_byte_changed_is_refused_or_is_the_one_encoding_of_what_it_says()
    {
        var (reader, writer, columns) = (new BatchReader(), new BatchWriter(), new BatchColumns());
        foreach (BatchCase made in BatchCases.All())
        {
            byte[] stored = writer.Write(made.Columns, made.First);
            if (stored[0] != BatchWriter.PlainFormat) continue;
            foreach (byte[] changed in Neighbours.Of(stored, from: 1))
            {
                try
                {
                    reader.Read(changed, made.Author, made.First, columns);
                    byte[] again = writer.Write(columns, made.First);
                    Assert.True(changed.AsSpan().SequenceEqual(again) || again[0] != BatchWriter.PlainFormat,
                        $"{made.Name}: {Convert.ToHexStringLower(changed)} has another form.");
                }
                catch (BatchFormatException)
                {
                    // The one error.
                }
            }
        }
    }

    [Fact]
    [Trait("Spec", "WF-2.2")]
    public void A_long_batch_is_packed_and_says_its_plain_length()
    {
        BatchCase made = BatchCases.All().Last();
        var writer = new BatchWriter();
        byte[] stored = writer.Write(made.Columns, made.First);
        Assert.Equal(BatchWriter.PackedFormat, stored[0]);
        Assert.Equal(0xCD, stored[1]);
        Assert.Equal(writer.PlainLengthBytes - 1, (stored[2] << 8) | stored[3]);
        Assert.True(stored.Length < writer.PlainLengthBytes);
    }
}
