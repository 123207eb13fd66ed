import type { EbsBlockDevice, Image, ImageState, VolumeType } from "@aws-sdk/client-ec2";
import { doomOf, HOUR_MS, lifecycle, MINUTE_MS } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import { type BaseImage, ecsImages } from "./base-images.ts";
import { images } from "./kinds.ts";
import { chosen, dateOf, listed, soon } from "./listing.ts";
import { type BlockDevice, type Ec2Operations, ec2Slice, type OwnImage } from "./slice.ts";
import { deleteSnapshot, startSnapshot } from "./snapshots.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";

const life = lifecycle<OwnImage, "state">("state", {
  pending: { takesMs: [3 * MINUTE_MS, 8 * MINUTE_MS], to: "available", failed: "failed" },
  // It is "no longer available" so long, and then was never there.
  deregistered: { takesMs: [HOUR_MS, HOUR_MS] },
});

/** One of the account's own images, or a public one. */
export interface AnyImage {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly architecture: string;
  readonly imdsV2: boolean;
  readonly rootDevice: string;
  readonly devices: readonly BlockDevice[];
  readonly createdAt: number;
  readonly ownerId: string;
  readonly state: OwnImage["state"];
  readonly publishedByAmazon: boolean;
  readonly own?: OwnImage | undefined;
}

/** Undefined when no such image was ever seen here; look at its state before using it. */
export function image(call: Call, id: string): AnyImage | undefined {
  const own = images.find(call, id);
  if (own !== undefined) return fromOwn(call, own);
  const base = ecsImages(call).find((each) => each.id === id);
  return base && fromBase(base);
}

/** The image, ready to be launched; refused as AWS refuses a launch from it. */
export function launchableImage(call: Call, id: string): AnyImage {
  if (!/^ami-[0-9a-f]{8,17}$/.test(id)) {
    throw new Refusal("InvalidAMIID.Malformed", `Invalid id: "${id}" (expecting "ami-...")`);
  }
  const found = image(call, id);
  if (found === undefined) throw images.missing([id]);
  if (found.state === "deregistered") throw unavailable(id);
  if (found.state !== "available") {
    throw new Refusal("InvalidAMIID.Unavailable", `The image ID '${id}' is not available: its state is ${found.state}`);
  }
  return found;
}

export function settleImages(call: Call): void {
  const { images, snapshots } = ec2Slice(call);
  life.settle(call, images, (own, state, at) => {
    if (state === undefined) return;
    own.reason = own.doom;
    for (const { snapshotId } of own.devices) {
      const snapshot = snapshots[snapshotId];
      if (snapshot?.state !== "pending") continue;
      snapshot.state = state === "available" ? "completed" : "error";
      snapshot.completedAt = at;
    }
  });
}

/** A disk that is to be empty at each launch. */
function addedDevice(name: string, ebs: EbsBlockDevice): BlockDevice {
  const {
    SnapshotId: snapshotId = "",
    VolumeSize,
    VolumeType = "gp2",
    Encrypted = false,
    DeleteOnTermination = true,
  } = ebs;
  if (VolumeSize === undefined) {
    throw new Refusal("MissingParameter", `The request must contain the parameter size for ${name}`);
  }
  return {
    name,
    snapshotId,
    sizeGiB: VolumeSize,
    type: VolumeType,
    encrypted: Encrypted,
    goesToo: DeleteOnTermination,
  };
}

function snapshotsOf({ devices }: OwnImage): string[] {
  return devices.flatMap(({ snapshotId }) => (snapshotId === "" ? [] : [snapshotId]));
}

export const imageOperations = {
  DescribeImages(input, call) {
    const owns = images.visible(call);
    const gone = owns.find(({ id, state }) => state === "deregistered" && input.ImageIds?.includes(id));
    if (gone !== undefined) throw unavailable(gone.id);
    const isOwnOnly = input.Owners?.length === 1 && input.Owners[0] === "self";
    const all = [
      ...owns.filter(({ state }) => state !== "deregistered").map((own) => fromOwn(call, own)),
      ...(isOwnOnly ? [] : ecsImages(call).map(fromBase)),
    ];
    const shown = all.filter(({ state }) => input.IncludeDisabled || state !== "disabled");
    const owned = chosen(shown, input.ImageIds, images.missing).filter((each) => {
      return !input.Owners?.length || input.Owners.some((owner) => isOwner(call, each, owner));
    });
    const { items, nextToken } = listed(
      call,
      input,
      owned,
      {
        architecture: ({ architecture }) => architecture,
        "block-device-mapping.delete-on-termination": ({ devices }) => devices.map(({ goesToo }) => goesToo),
        "block-device-mapping.device-name": ({ devices }) => devices.map(({ name }) => name),
        "block-device-mapping.encrypted": ({ devices }) => devices.map(({ encrypted }) => encrypted),
        "block-device-mapping.snapshot-id": ({ devices }) => devices.map(({ snapshotId }) => snapshotId),
        "block-device-mapping.volume-size": ({ devices }) => devices.map(({ sizeGiB }) => sizeGiB),
        "block-device-mapping.volume-type": ({ devices }) => devices.map(({ type }) => type),
        "creation-date": ({ createdAt }) => dateOf(createdAt).toISOString(),
        description: ({ description }) => description,
        "ena-support": () => true,
        hypervisor: () => "xen",
        "image-id": ({ id }) => id,
        "image-type": () => "machine",
        "is-public": ({ publishedByAmazon }) => publishedByAmazon,
        name: ({ name }) => name,
        "owner-alias": ({ publishedByAmazon }) => (publishedByAmazon ? "amazon" : undefined),
        "owner-id": ({ ownerId }) => ownerId,
        platform: () => undefined,
        "root-device-name": ({ rootDevice }) => rootDevice,
        "root-device-type": () => "ebs",
        "source-instance-id": ({ own }) => own?.sourceInstanceId,
        state: ({ state }) => state,
        "state-reason-code": ({ own }) => (own?.reason === undefined ? undefined : "Client.InternalError"),
        "state-reason-message": ({ own }) => own?.reason,
        "virtualization-type": () => "hvm",
      },
      [1, 1000],
    );
    return { Images: items.map((each) => described(call, each)), NextToken: nextToken };
  },

  CreateImage(input, call) {
    const { InstanceId = "", Name: name = "", Description: description = "", NoReboot = false } = input;
    const slice = ec2Slice(call);
    const instance = slice.instances[InstanceId];
    if (instance === undefined) {
      throw new Refusal("InvalidInstanceID.NotFound", `The instance ID '${InstanceId}' does not exist`);
    }
    if (!/^[a-zA-Z0-9()[\] ./\-'@_]{3,128}$/.test(name)) {
      const rule =
        "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, " +
        "'(', ')', '.', '-', '/' and '_'";
      throw new Refusal("InvalidAMIName.Malformed", rule);
    }
    const twin = images.all(call).find((each) => each.name === name && each.state !== "deregistered");
    if (twin !== undefined) {
      throw new Refusal("InvalidAMIName.Duplicate", `AMI name ${name} is already in use by AMI ${twin.id}`);
    }
    if (!["running", "stopping", "stopped"].includes(instance.state)) {
      const words = `The instance '${InstanceId}' is not in a state from which it can be imaged: ${instance.state}`;
      throw new Refusal("IncorrectState", words);
    }
    const tagsFor = specifiedTags(input.TagSpecifications, ["image", "snapshot"]);
    const fate = input.DryRun ? undefined : call.fate();
    const id = call.id("ami-");
    const visibleFrom = soon(call);
    const mappings = new Map((input.BlockDeviceMappings ?? []).map((each) => [each.DeviceName ?? "", each]));
    const captured = instance.devices.filter(({ name: device }) => mappings.get(device)?.NoDevice === undefined);
    const devices = captured.map(({ name: device, volumeId, goesToo }): BlockDevice => {
      const volume = slice.volumes[volumeId]!;
      const { VolumeSize = volume.sizeGiB, Encrypted, DeleteOnTermination = goesToo } = mappings.get(device)?.Ebs ?? {};
      if (VolumeSize !== volume.sizeGiB || Encrypted !== undefined) {
        const rule = `Only DeleteOnTermination can be changed for ${device}, which the instance has`;
        throw new Refusal("InvalidBlockDeviceMapping", rule);
      }
      const words = `Created by CreateImage(${InstanceId}) for ${id}`;
      const snapshotId = startSnapshot(call, volume, words, visibleFrom, tagsFor("snapshot"));
      return {
        name: device,
        snapshotId,
        sizeGiB: volume.sizeGiB,
        type: volume.type,
        encrypted: volume.encrypted,
        goesToo: DeleteOnTermination,
      };
    });
    for (const { name: device } of instance.devices) mappings.delete(device);
    const added = [...mappings].flatMap(([device, { Ebs }]): BlockDevice[] => (Ebs ? [addedDevice(device, Ebs)] : []));
    const source = image(call, instance.imageId);
    images.add(call, id, {
      id,
      name,
      description,
      architecture: instance.architecture,
      imdsV2: source?.imdsV2 ?? false,
      rootDevice: instance.rootDevice,
      devices: [...devices, ...added],
      sourceInstanceId: InstanceId,
      sourceImageId: instance.imageId,
      createdAt: call.now,
      visibleFrom,
      ...life.entering(call, "pending", fate),
      doom: doomOf(fate, "Client.InternalError: Client error on launch"),
    });
    setTags(call, id, tagsFor("image"));
    if (!NoReboot && instance.state === "running") instance.rebootedAt = call.now;
    return { ImageId: id };
  },

  DisableImage({ ImageId: id = "" }, call) {
    const own = images.get(call, id);
    if (own.state !== "available" && own.state !== "disabled") throw unavailable(id);
    own.state = "disabled";
    return { Return: true };
  },

  DeregisterImage({ ImageId: id = "", DeleteAssociatedSnapshots = false }, call) {
    const found = image(call, id);
    if (found === undefined) throw images.missing([id]);
    if (found.own === undefined) throw new Refusal("AuthFailure", `Not authorized for images: [${id}]`, 403);
    if (found.state === "deregistered") throw unavailable(id);
    const own = images.get(call, id);
    Object.assign(own, life.entering(call, "deregistered"));
    delete ec2Slice(call).tags[id];
    const results = DeleteAssociatedSnapshots
      ? snapshotsOf(own).map((snapshotId) => ({
          SnapshotId: snapshotId,
          ReturnCode: deleteSnapshot(call, snapshotId) ? ("success" as const) : ("skipped" as const),
        }))
      : undefined;
    return { Return: true, DeleteSnapshotResults: results };
  },
} satisfies Ec2Operations;

function fromOwn({ account }: Call, own: OwnImage): AnyImage {
  return { ...own, ownerId: account, publishedByAmazon: false, own };
}

function fromBase(base: BaseImage): AnyImage {
  return { ...base, createdAt: base.publishedAt, state: "available", publishedByAmazon: true };
}

function isOwner({ account }: Call, { ownerId, publishedByAmazon }: AnyImage, owner: string): boolean {
  if (owner === "self") return ownerId === account;
  if (owner === "amazon") return publishedByAmazon;
  return owner === ownerId;
}

function described(call: Call, each: AnyImage): Image {
  return {
    ImageId: each.id,
    ImageLocation: `${each.publishedByAmazon ? "amazon" : each.ownerId}/${each.name}`,
    Name: each.name,
    Description: each.description || undefined,
    State: each.state as ImageState,
    StateReason:
      each.own?.reason === undefined ? undefined : { Code: "Client.InternalError", Message: each.own.reason },
    Architecture: each.architecture as Image["Architecture"],
    CreationDate: dateOf(each.createdAt).toISOString(),
    OwnerId: each.ownerId,
    ImageOwnerAlias: each.publishedByAmazon ? "amazon" : undefined,
    Public: each.publishedByAmazon,
    ImageType: "machine",
    PlatformDetails: "Linux/UNIX",
    UsageOperation: "RunInstances",
    RootDeviceName: each.rootDevice,
    RootDeviceType: "ebs",
    BlockDeviceMappings: each.devices.map(({ name, snapshotId, sizeGiB, type, encrypted, goesToo }) => ({
      DeviceName: name,
      Ebs: {
        SnapshotId: snapshotId || undefined,
        VolumeSize: sizeGiB,
        VolumeType: type as VolumeType,
        Encrypted: encrypted,
        DeleteOnTermination: goesToo,
      },
    })),
    VirtualizationType: "hvm",
    Hypervisor: "xen",
    EnaSupport: true,
    SriovNetSupport: "simple",
    BootMode: "uefi-preferred",
    ImdsSupport: each.imdsV2 ? "v2.0" : undefined,
    SourceInstanceId: each.own?.sourceInstanceId,
    SourceImageId: each.own?.sourceImageId,
    SourceImageRegion: each.own && call.region,
    Tags: tagListOf(call, each.id),
  };
}

function unavailable(id: string): Refusal {
  return new Refusal("InvalidAMIID.Unavailable", `The image ID '${id}' is no longer available`);
}
