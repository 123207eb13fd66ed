import type { BlockDeviceMapping, VolumeType } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { diskKeyOf } from "./disk-key.ts";
import type { AnyImage } from "./images.ts";
import { volumes } from "./kinds.ts";
import { dateOf, listed } from "./listing.ts";
import type { BlockDevice, Ec2Operations, Instance, Volume } from "./slice.ts";
import { setTags, tagListOf } from "./tags.ts";

/** gp3's floor comes free; every other type has none of its own. */
const GP3 = { iops: 3000, throughput: 125 } as const;
const IOPS_LIMITS: Readonly<Record<string, readonly [number, number]>> = {
  gp3: [3000, 80_000],
  io1: [100, 64_000],
  io2: [100, 256_000],
};
const TYPES = ["gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"];

type WantedVolume = Omit<Volume, "id" | "zone" | "createdAt" | "attachedTo"> & {
  readonly device: string;
  readonly goesToo: boolean;
};

/** The image's own disks with what the request changes about them, and the disks the request adds. */
export function wantedVolumes(image: AnyImage, mappings: readonly BlockDeviceMapping[] | undefined): WantedVolume[] {
  const byDevice = new Map((mappings ?? []).map((mapping) => [mapping.DeviceName ?? "", mapping]));
  const own = image.devices.flatMap((device) => {
    const mapping = byDevice.get(device.name);
    byDevice.delete(device.name);
    return mapping?.NoDevice === undefined ? [wantedVolume(device, mapping)] : [];
  });
  const added = [...byDevice].flatMap(([name, mapping]) => {
    if (mapping.Ebs === undefined) return [];
    const { SnapshotId: snapshotId = "", VolumeSize } = mapping.Ebs;
    if (VolumeSize === undefined && snapshotId === "") {
      throw new Refusal("MissingParameter", `The request must contain the parameter size or snapshotId for ${name}`);
    }
    return [
      wantedVolume(
        { name, snapshotId, sizeGiB: VolumeSize ?? 8, type: "gp2", encrypted: false, goesToo: true },
        mapping,
      ),
    ];
  });
  return [...own, ...added];
}

function wantedVolume(device: BlockDevice, mapping: BlockDeviceMapping | undefined): WantedVolume {
  const {
    VolumeSize,
    VolumeType: type = device.type,
    Iops,
    Throughput,
    Encrypted,
    KmsKeyId,
    DeleteOnTermination,
  } = mapping?.Ebs ?? {};
  const sizeGiB = VolumeSize ?? device.sizeGiB;
  if (!TYPES.includes(type)) throw invalid(type, "volumeType", `Unknown volume type`);
  if (sizeGiB < 1 || sizeGiB > 65_536) throw invalid(sizeGiB, "volumeSize", "It must be 1 to 65536 GiB");
  if (sizeGiB < device.sizeGiB) {
    const words =
      `Volume of size ${sizeGiB}GB is smaller than snapshot '${device.snapshotId}', ` +
      `expect size>= ${device.sizeGiB}GB`;
    throw new Refusal("InvalidBlockDeviceMapping", words);
  }
  const limits = IOPS_LIMITS[type];
  if (Iops !== undefined && (limits === undefined || Iops < limits[0] || Iops > limits[1])) {
    throw invalid(Iops, "iops", `The volume type ${type} does not take it`);
  }
  if (Throughput !== undefined && (type !== "gp3" || Throughput < 125 || Throughput > 2000)) {
    throw invalid(Throughput, "throughput", "Only gp3 takes a throughput, of 125 to 2000 MiB/s");
  }
  if (device.encrypted && Encrypted === false)
    throw invalid("false", "encrypted", "An encrypted snapshot stays encrypted");
  return {
    device: device.name,
    goesToo: DeleteOnTermination ?? device.goesToo,
    sizeGiB,
    type,
    iops: Iops ?? (type === "gp3" ? GP3.iops : undefined),
    throughput: Throughput ?? (type === "gp3" ? GP3.throughput : undefined),
    encrypted: Encrypted ?? device.encrypted,
    kmsKeyId: KmsKeyId,
    snapshotId: device.snapshotId || undefined,
  };
}

function invalid(value: unknown, parameter: string, why: string): Refusal {
  return new Refusal("InvalidParameterValue", `Value (${value}) for parameter ${parameter} is invalid. ${why}.`);
}

/** Makes the volumes of a new instance; tells its devices. */
export function attachVolumes(
  call: Call,
  instanceId: string,
  zone: string,
  wanted: readonly WantedVolume[],
  tags: Readonly<Record<string, string>>,
): Instance["devices"] {
  return wanted.map(({ device, goesToo, ...rest }) => {
    const id = call.id("vol-");
    const kmsKeyId = rest.encrypted ? (rest.kmsKeyId ?? diskKeyOf(call)) : undefined;
    const attachedTo = { instanceId, device, goesToo };
    volumes.add(call, id, { id, zone, createdAt: call.now, attachedTo, ...rest, kmsKeyId });
    setTags(call, id, tags);
    return { name: device, volumeId: id, goesToo };
  });
}

/** What becomes of a terminated instance's volumes. */
export function releaseVolumes(call: Call, { devices }: Instance): void {
  for (const { volumeId, goesToo } of devices) {
    const volume = volumes.find(call, volumeId);
    if (goesToo) volumes.remove(call, volumeId);
    else if (volume !== undefined) volume.attachedTo = undefined;
  }
}

export const volumeOperations = {
  DescribeVolumes(input, call) {
    const all = volumes.chosen(call, input.VolumeIds);
    const { items, nextToken } = listed(call, input, all, {
      "attachment.delete-on-termination": ({ attachedTo }) => attachedTo?.goesToo,
      "attachment.device": ({ attachedTo }) => attachedTo?.device,
      "attachment.instance-id": ({ attachedTo }) => attachedTo?.instanceId,
      "attachment.status": ({ attachedTo }) => attachedTo && "attached",
      "availability-zone": ({ zone }) => zone,
      encrypted: ({ encrypted }) => encrypted,
      size: ({ sizeGiB }) => sizeGiB,
      "snapshot-id": ({ snapshotId }) => snapshotId,
      status: (volume) => stateOf(volume),
      "volume-id": ({ id }) => id,
      "volume-type": ({ type }) => type,
    });
    return {
      Volumes: items.map((volume) => ({
        VolumeId: volume.id,
        AvailabilityZone: volume.zone,
        CreateTime: dateOf(volume.createdAt),
        Encrypted: volume.encrypted,
        KmsKeyId: volume.kmsKeyId,
        Size: volume.sizeGiB,
        SnapshotId: volume.snapshotId ?? "",
        State: stateOf(volume),
        VolumeType: volume.type as VolumeType,
        Iops: volume.iops ?? (volume.type === "gp2" ? Math.max(100, volume.sizeGiB * 3) : undefined),
        Throughput: volume.throughput,
        MultiAttachEnabled: false,
        Attachments: volume.attachedTo
          ? [
              {
                AttachTime: dateOf(volume.createdAt),
                DeleteOnTermination: volume.attachedTo.goesToo,
                Device: volume.attachedTo.device,
                InstanceId: volume.attachedTo.instanceId,
                State: "attached",
                VolumeId: volume.id,
              },
            ]
          : [],
        Tags: tagListOf(call, volume.id),
      })),
      NextToken: nextToken,
    };
  },

  DeleteVolume({ VolumeId: id = "" }, call) {
    const volume = volumes.get(call, id);
    if (volume.attachedTo !== undefined) {
      throw new Refusal("VolumeInUse", `Volume ${id} is currently attached to ${volume.attachedTo.instanceId}`);
    }
    volumes.remove(call, id);
  },
} satisfies Ec2Operations;

function stateOf({ attachedTo }: Volume): "in-use" | "available" {
  return attachedTo === undefined ? "available" : "in-use";
}
