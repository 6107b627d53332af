namespace Crdt;

/// <summary>One thing that an edit asks for.</summary>
internal readonly record struct EditStep(EditStepKind Kind, FieldPath Path, Value Value, DataType? Type = null);

/// <summary>What an <see cref="EditStep"/> asks for.</summary>
internal enum EditStepKind
{
    Set,
    Remove,
    Increment,
    Add,
    Discard,
    Write,
    Patch,
    Replace,
}
