using Crdt.Store;

namespace Crdt.Integration.Store;

public sealed class NodeKeyFileTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("crdt-keys-").FullName;

    private string KeyPath => NodeKeyFile.PathIn(directory);

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void A_key_is_read_back_and_signs_what_its_public_key_verifies()
    {
        using EcdsaNodeKey made = NodeKeyFile.Create(KeyPath), read = NodeKeyFile.Open(KeyPath);
        Assert.Equal(made.PublicKey.ToArray(), read.PublicKey.ToArray());
        Assert.True(EcdsaSignatures.Instance.Verify(made.PublicKey.Span, "x"u8, read.Sign("x"u8)));
        StoreException e = Assert.Throws<StoreException>(() => NodeKeyFile.Create(KeyPath));
        Assert.Equal(StoreError.AlreadyExists, e.Error);
    }

    [Fact]
    public void Nobody_but_its_owner_may_read_the_file_or_look_into_its_directory()
    {
        if (OperatingSystem.IsWindows()) return;
        NodeKeyFile.Create(KeyPath).Dispose();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyPath));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            new DirectoryInfo(Path.GetDirectoryName(KeyPath)!).UnixFileMode);
        foreach (UnixFileMode exposed in (UnixFileMode[])[UnixFileMode.GroupRead, UnixFileMode.OtherRead, UnixFileMode.OtherWrite])
        {
            File.SetUnixFileMode(KeyPath, UnixFileMode.UserRead | UnixFileMode.UserWrite | exposed);
            Assert.Equal(StoreError.KeyExposed, Assert.Throws<StoreException>(() => NodeKeyFile.Open(KeyPath)).Error);
        }
    }

    [Fact]
    public void A_key_of_an_encrypted_replica_is_encrypted_and_opened_by_that_alone()
    {
        using StoreKey right = StoreKey.FromPassphrase("correct horse", 1_000), wrong = StoreKey.FromPassphrase("battery", 1_000);
        using StoreKey next = StoreKey.FromBytes(new byte[StoreKey.LengthBytes]);
        using EcdsaNodeKey made = NodeKeyFile.Create(KeyPath, right);
        Assert.Contains("ENCRYPTED", File.ReadAllText(KeyPath), StringComparison.Ordinal);
        Assert.Equal(StoreError.KeyRequired, Assert.Throws<StoreException>(() => NodeKeyFile.Open(KeyPath)).Error);
        Assert.Equal(StoreError.WrongKey, Assert.Throws<StoreException>(() => NodeKeyFile.Open(KeyPath, wrong)).Error);
        NodeKeyFile.ChangeKey(KeyPath, right, next);
        Assert.Equal(StoreError.WrongKey, Assert.Throws<StoreException>(() => NodeKeyFile.Open(KeyPath, right)).Error);
        using EcdsaNodeKey read = NodeKeyFile.Open(KeyPath, next);
        Assert.Equal(made.PublicKey.ToArray(), read.PublicKey.ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    [InlineData("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")]
    public void What_is_no_key_is_said_to_be_damaged(string content)
    {
        NodeKeyFile.WriteSecret(KeyPath, System.Text.Encoding.ASCII.GetBytes(content));
        Assert.Equal(StoreError.KeyDamaged, Assert.Throws<StoreException>(() => NodeKeyFile.Open(KeyPath)).Error);
    }

    [Fact]
    public void Where_there_is_none_it_is_said() =>
        Assert.Equal(StoreError.NotFound, Assert.Throws<StoreException>(() => NodeKeyFile.Open(KeyPath)).Error);
}
