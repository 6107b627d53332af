using Crdt.Server.Authorization;
using Crdt.Server.GraphQL;
using Crdt.Server.GraphQL.Types;
using Crdt.Server.Hosting;
using Crdt.Store;

namespace Crdt.Server.ThinClients;

/// <summary>Who takes part: lets devices in, and ends them.</summary>
internal sealed class DeviceRegister(ServerSpace space)
{
    private Replica Replica => space.Replica;

    public async Task<DeviceView> RegisterAsync(Caller caller, DeviceInput device)
    {
        if (device.PublicKey is null) await RegisterThinAsync(caller, device);
        else await EnrolAsync(caller, device, device.PublicKey);
        return Devices.Find(space, device.Id)!;
    }

    public async Task<DeviceView> EndAsync(Caller caller, Guid id, DeviceState state)
    {
        DeviceView device = Devices.Find(space, id) ?? throw Unknown(id);
        if (device.Kind == DeviceKind.Thin)
        {
            if (state == DeviceState.Revoked || device.Owner != caller.Subject) caller.NeedAll(ScopeVerb.Admin);
            // What was revoked stays so.
            if (device.State == DeviceState.Active || (device.State == DeviceState.Retired && state == DeviceState.Revoked))
                await MutationRoot.CommitAsync(space, caller, tx => tx.Update(ThinDevices.KeyOf(id)).Set(ThinDevices.StateField, state.ToString()));
            return Devices.Find(space, id)!;
        }
        caller.NeedAll(ScopeVerb.Admin);
        await MutationRoot.RunAsync(() => Replica.FenceAsync(new ReplicaId(id), state == DeviceState.Revoked ? FenceReason.Revoked : FenceReason.Retired));
        return Devices.Find(space, id)!;
    }

    private async Task RegisterThinAsync(Caller caller, DeviceInput device)
    {
        if (!caller.MayAll(ScopeVerb.Admin))
        {
            caller.NeedSome(ScopeVerb.Write);
            if (device.Owner is not null && device.Owner != caller.Subject) caller.NeedAll(ScopeVerb.Admin);
        }
        string owner = device.Owner ?? caller.Subject;
        if (Replica.Get(ThinDevices.KeyOf(device.Id)) is { } known)
        {
            // The same again is answered alike: a device that did not hear the answer asks once more.
            if (known.GetString(ThinDevices.OwnerField) == owner) return;
            throw new ApiError(ApiErrorCode.AlreadyExists, $"The device {device.Id} is registered as somebody else's.", ("device_id", device.Id.ToString()));
        }
        if (Devices.Find(space, device.Id) is not null)
            throw new ApiError(ApiErrorCode.AlreadyExists, $"{device.Id} is a device that holds a replica.", ("device_id", device.Id.ToString()));
        await MutationRoot.CommitAsync(space, caller, tx =>
        {
            EntityEdit edit = tx.Create(ThinDevices.KeyOf(device.Id)).Set(ThinDevices.OwnerField, owner).Set(ThinDevices.StateField, nameof(DeviceState.Active));
            if (device.Name is { } name) edit.Set(ThinDevices.NameField, name);
        });
    }

    private async Task EnrolAsync(Caller caller, DeviceInput device, string publicKey)
    {
        caller.NeedAll(ScopeVerb.Admin);
        ReplicaRole role = device.Role ?? ReplicaRole.Client;
        if (role == ReplicaRole.Authority)
            throw new ApiError(ApiErrorCode.InvalidArgument, "A device is a CLIENT or a SERVER.", ("argument", "role"));
        if (!Replica.IsKeyed) throw new ApiError(ApiErrorCode.InvalidArgument, "The space is open: nobody is enrolled there.");
        if (Replica.Enrolments.FirstOrDefault(e => e.Replica.Value == device.Id) is { } known)
        {
            if (Convert.ToBase64String(known.PublicKey.Span) == publicKey && known.Role == role) return;
            throw new ApiError(ApiErrorCode.AlreadyExists, $"The device {device.Id} is enrolled with another key or role.", ("device_id", device.Id.ToString()));
        }
        string path = NodeKeyFile.AuthorityPathIn(space.Data);
        if (!File.Exists(path))
            throw new ApiError(ApiErrorCode.ServerCannotWrite, "This server does not have the key of the space's authority, and so can let nobody in.");
        using EcdsaNodeKey authority = space.OpenAuthority(path);
        await MutationRoot.RunAsync(() => Replica.EnrolAsync(Enrolment.Issue(
            authority, Replica.Space, new ReplicaId(device.Id), Convert.FromBase64String(publicKey), role, device.Owner)));
    }

    private static ApiError Unknown(Guid id) => new(ApiErrorCode.NotFound, $"No device {id} is known.", ("device_id", id.ToString()));
}
