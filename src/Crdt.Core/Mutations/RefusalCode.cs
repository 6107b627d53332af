namespace Crdt;

/// <summary>Why a server-role replica refused a transaction.</summary>
public enum RefusalCode
{
    /// <summary>Another reason, told in words.</summary>
    Other = 0,

    /// <summary>Its author may not write there.</summary>
    ScopeMissing = 1,

    /// <summary>A value breaks the rules of its type.</summary>
    SchemaViolated = 2,

    /// <summary>The device was revoked.</summary>
    DeviceRevoked = 3,

    /// <summary>The entity is gone for good.</summary>
    EntityGone = 4,

    /// <summary>It builds on something that was refused.</summary>
    BuiltOnRefused = 5,
}
