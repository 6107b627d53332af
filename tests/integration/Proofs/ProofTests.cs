using System.Security.Cryptography;
using Crdt.Integration.Docs;

namespace Crdt.Integration.Proofs;

/// <summary>The history of an entity is proved to somebody who holds no replica, and to a program in another language.</summary>
public sealed class ProofTests : IDisposable
{
    private static readonly EntityKey Strike = new("incident", "strike", "42"), Other = new("incident", "sighting", "7f2c0b52-3f25-4a3e-8b54-0c6f1e0ad001");
    private static readonly string Verifier = Path.Combine(RepositoryRoot.Path, "docs", "verify-proof.mjs");

    private readonly string directory = Directory.CreateTempSubdirectory("crdt-proof-").FullName;
    private readonly EcdsaNodeKey authority = EcdsaSignatures.CreateKey(), serverKey = EcdsaSignatures.CreateKey(), tabletKey = EcdsaSignatures.CreateKey();
    private readonly Enrolment server;
    private readonly SpaceGenesis genesis;

    public ProofTests()
    {
        server = new Enrolment(new ReplicaId(Guid.NewGuid()), serverKey.PublicKey, ReplicaRole.Server, "office");
        genesis = SpaceGenesis.Create(new ReplicaId(Guid.NewGuid()), "field", [], TimeProvider.System, authority, [server]);
    }

    public void Dispose()
    {
        foreach (EcdsaNodeKey key in new[] { authority, serverKey, tabletKey }) key.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_history_is_proved_by_signatures_back_to_the_authority_whoever_wrote_it()
    {
        (Replica tablet, Replica office) = await WriteAsync();
        foreach (Replica replica in new[] { tablet, office })
        {
            ReadOnlyMemory<byte> file = await replica.ProveAsync(Strike);
            EntityProof proof = EntityProof.Verify(file, Convert.FromHexString(genesis.Space.ToString()));
            Assert.Equal(replica.History(Strike).Select(h => h.Mutation!.Dot).ToHashSet(), proof.Mutations.Select(m => m.Mutation.Dot).ToHashSet());
            Assert.Equal(3, proof.Mutations.Count);
            Assert.Equal(["ana", "ana", "office"], proof.Mutations.Select(m => m.By.Owner).Order());
            Assert.Equal(["gull", "tern"], proof.Mutations.SelectMany(m => m.Mutation.Changes)
                .Where(c => c.Path.ToString() == "species").Select(c => c.Value!.Value.AsString()).Order());
            Assert.Empty(proof.Missing);
            Assert.Equal(genesis.Space, EntityProof.Verify(file, authority.PublicKey.Span).Space);
            // What is about other entities alone is not shown.
            Assert.Equal(-1, file.Span.IndexOf("heron"u8));
        }
        await tablet.DisposeAsync();
        await office.DisposeAsync();
    }

    [Fact]
    public async Task Whatever_bit_is_changed_it_does_not_hold_and_changing_the_checksum_too_does_not_help()
    {
        byte[] proof = await TabletProofAsync();
        for (int i = 0; i < proof.Length; i++)
        {
            foreach (bool isMended in new[] { false, true })
            {
                byte[] changed = [.. proof];
                changed[i] ^= (byte)(1 << (i % 8));
                if (isMended)
                {
                    if (i >= proof.Length - 34) continue;
                    SHA256.HashData(changed.AsSpan(..^34)).CopyTo(changed.AsSpan(^32..));
                }
                var error = Assert.Throws<ProofException>(() => EntityProof.Verify(changed, authority.PublicKey.Span));
                Assert.True(isMended || error.Error == ProofError.NotAProof, $"{i}: {error.Error}");
            }
        }
        for (int length = 0; length < proof.Length; length += 7)
            Assert.Throws<ProofException>(() => EntityProof.Verify(proof.AsMemory(..length), authority.PublicKey.Span));
        var other = Assert.Throws<ProofException>(() => EntityProof.Verify(proof, serverKey.PublicKey.Span));
        Assert.Equal(ProofError.OtherAuthority, other.Error);
    }

    [Fact]
    public async Task Where_there_is_no_proof_it_is_said_why()
    {
        (Replica tablet, Replica office) = await WriteAsync();
        await using (tablet)
        await using (office)
        {
            Assert.Equal(ProofError.NothingWritten, (await Assert.ThrowsAsync<ProofException>(async () => await office.ProveAsync(new("a", "b", "c")))).Error);
            await office.TakeSnapshotAsync();
            await office.PruneAsync();
            await office.CommitAsync(tx => tx.Update(Strike).Set("height", 120));
            Assert.Equal(ProofError.Partial, (await Assert.ThrowsAsync<ProofException>(async () => await office.ProveAsync(Strike))).Error);
            EntityProof partial = EntityProof.Verify(await office.ProveAsync(Strike, isPartialAllowed: true), authority.PublicKey.Span);
            Assert.Single(partial.Mutations);
            Assert.Equal(office.PrunedTo, partial.Missing);
        }
        await using Replica open = await Replica.OpenAsync(
            new MemoryReplicaStore(new(SpaceGenesis.Create(server.Replica, "open", [], TimeProvider.System).Space, tabletId, ReplicaRole.Client)),
            new ReplicaOptions { Time = TimeProvider.System });
        Assert.Equal(ProofError.NotSigned, (await Assert.ThrowsAsync<ProofException>(async () => await open.ProveAsync(Strike))).Error);
    }

    [ComponentFact("node")]
    public async Task The_verifier_in_another_language_has_at_most_a_hundred_lines_and_comes_to_the_same_end()
    {
        Assert.InRange(File.ReadAllLines(Verifier).Length, 1, 100);
        byte[] proof = await TabletProofAsync();
        string file = Path.Combine(directory, "strike.proof"), key = Convert.ToHexStringLower(authority.PublicKey.Span);
        await File.WriteAllBytesAsync(file, proof);
        (int exitCode, string output, string error) = await Component.RunAsync("node", Verifier, file, key);
        Assert.True(exitCode == 0, error);
        Assert.Contains("\"entity\":\"incident/strike/42\",\"isWhole\":true", output);
        Assert.Equal(0, (await Component.RunAsync("node", Verifier, file, genesis.Space.ToString())).ExitCode);
        (exitCode, _, error) = await Component.RunAsync("node", Verifier, file, Convert.ToHexStringLower(serverKey.PublicKey.Span));
        Assert.Equal((1, true), (exitCode, error.Contains("another space or authority", StringComparison.Ordinal)));

        // Every byte of it with a bit changed, as it is and with the checksum put right again.
        File.Copy(Path.Combine(Path.GetDirectoryName(Verifier)!, "read-batch.mjs"), Path.Combine(directory, "read-batch.mjs"));
        string driver = Path.Combine(directory, "driver.mjs"), source = await File.ReadAllTextAsync(Verifier);
        await File.WriteAllTextAsync(driver, source[..source.IndexOf("\ntry {", StringComparison.Ordinal)] + """

            const file = readFileSync(process.argv[2]), taken = [];
            check(file, process.argv[3]);
            let tried = 0;
            for (let i = 0; i < file.length; i++) for (const mended of [false, true]) {
              if (mended && i >= file.length - 34) continue;
              const changed = Buffer.from(file);
              changed[i] ^= 1 << (i % 8);
              if (mended) sha256(changed.subarray(0, -34)).copy(changed, changed.length - 32);
              tried++;
              try { check(changed, process.argv[3]); taken.push([i, mended]); } catch { }
            }
            console.log(JSON.stringify({ tried, taken }));
            """);
        (exitCode, output, error) = await Component.RunAsync("node", driver, file, key);
        Assert.True(exitCode == 0, error);
        Assert.Equal($"{{\"tried\":{(2 * proof.Length) - 34},\"taken\":[]}}", output.Trim());

        (Replica tablet, Replica office) = await WriteAsync();
        await using (tablet)
        await using (office)
        {
            await File.WriteAllBytesAsync(file, (await office.ProveAsync(Strike)).ToArray());
            (exitCode, output, error) = await Component.RunAsync("node", Verifier, file, key);
            Assert.True(exitCode == 0 && output.Contains("signed by office", StringComparison.Ordinal), output + error);
            await File.WriteAllBytesAsync(file, (await office.ProveAsync(Other)).ToArray());
            Assert.Equal(0, (await Component.RunAsync("node", Verifier, file, key)).ExitCode);
        }
    }

    private readonly ReplicaId tabletId = new(Guid.NewGuid());

    /// <summary>What only the tablet wrote, whose enrolment is certified, between other work of its own.</summary>
    private async Task<byte[]> TabletProofAsync()
    {
        (Replica tablet, Replica office) = await WriteAsync(isShared: false);
        await using (tablet)
        await using (office) return (await tablet.ProveAsync(Strike)).ToArray();
    }

    private async Task<(Replica Tablet, Replica Office)> WriteAsync(bool isShared = true)
    {
        Replica office = await OpenAsync(server.Replica, ReplicaRole.Server, serverKey);
        await office.EnrolAsync(Enrolment.Issue(authority, genesis.Space, tabletId, tabletKey.PublicKey, ReplicaRole.Client, "ana"));
        Replica tablet = await OpenAsync(tabletId, ReplicaRole.Client, tabletKey);
        await Testing.Team.MeetAsync(tablet, office);
        await tablet.CommitAsync(tx => tx.Create(Other).Set("species", "heron"));
        await tablet.CommitAsync(tx => tx.Create(Strike).Set("species", "gull"), "ben");
        await tablet.CommitAsync(tx => tx.Update(Other).Set("species", "heron, grey"));
        await Testing.Team.MeetAsync(tablet, office);
        if (isShared) await office.CommitAsync(tx => tx.Update(Strike).Set("species", "tern"));
        await Testing.Team.MeetAsync(tablet, office);
        await tablet.CommitAsync(tx => tx.Update(Strike).Set("height", 90));
        await Testing.Team.MeetAsync(tablet, office);
        return (tablet, office);
    }

    private async Task<Replica> OpenAsync(ReplicaId id, ReplicaRole role, NodeKey key) => await Replica.OpenAsync(
        new MemoryReplicaStore(new ReplicaIdentity(genesis.Space, id, role)),
        new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, Key = key });
}
