using System.Text;

namespace Crdt;

/// <summary>The rule for every name in the format: 1 to 255 bytes of well-formed UTF-8.</summary>
internal static class Utf8Name
{
    public static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Checks <paramref name="name"/> and returns its length in bytes.</summary>
    /// <exception cref="ArgumentException">It is empty, too long, or has a lone surrogate.</exception>
    public static int Check(string name, string what, string parameter)
    {
        ArgumentNullException.ThrowIfNull(name, parameter);
        if (name.Length == 0) throw new ArgumentException($"The {what} is empty.", parameter);
        int lengthBytes;
        try
        {
            lengthBytes = Strict.GetByteCount(name);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"The {what} has a lone surrogate at position {e.Index}.", parameter, e);
        }
        if (lengthBytes > FormatLimits.NameLengthBytesMax)
        {
            throw new ArgumentException(
                $"The {what} takes {lengthBytes} bytes of UTF-8; {FormatLimits.NameLengthBytesMax} are allowed.",
                parameter);
        }
        return lengthBytes;
    }
}
