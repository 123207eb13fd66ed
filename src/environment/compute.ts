import type { Config } from "../config/config.ts";
import { canonical } from "../engine/fingerprint.ts";
import { type Handle, placed } from "../engine/graph.ts";
import { type NodeBoot, nodeUserData } from "../render/user-data.ts";
import type { AmiOutput } from "../steps/ami.ts";
import type { FilesystemOutput } from "../steps/filesystem/filesystem.ts";
import type { InstanceProfileOutput } from "../steps/instance-profile.ts";
import type { LaunchTemplateOutput } from "../steps/launch-template.ts";
import type { LogGroupOutput } from "../steps/log-group.ts";
import type { SecurityGroupOutput } from "../steps/security-group.ts";
import type { ServiceLinkedRoleOutput } from "../steps/service-linked-role.ts";
import type { Scope, Workload } from "./scope.ts";

/**
 * The account's own roles that AWS works under, never removed. Batch and FSx make theirs at first use, and IAM lets
 * nobody delete one in use: https://docs.aws.amazon.com/batch/latest/userguide/using-service-linked-roles.html. Spot's
 * has to be there before.
 */
export const SERVICE_LINKED_ROLES = {
  batch: { service: "batch.amazonaws.com", roleName: "AWSServiceRoleForBatch" },
  fsx: { service: "fsx.amazonaws.com", roleName: "AWSServiceRoleForAmazonFSx" },
  spot: { service: "spot.amazonaws.com", roleName: "AWSServiceRoleForEC2Spot" },
} as const;

/** Where EC2 is told to attach a scratch volume; a Nitro instance shows it as an NVMe disk under another name. */
const SCRATCH_DEVICE = "/dev/xvdb";

export function usesSpot({ workloads }: Config): boolean {
  return workloads.some(({ compute }) => compute.purchase.kind === "spot");
}

/** Whether the workload's machines can boot by the other's launch template: they have the same disk. */
export function agreesOnDisks(workload: Workload, other: Workload): boolean {
  return canonical(disksOf(workload)) === canonical(disksOf(other));
}

/**
 * Whether the workload's jobs can run in the other's compute environment: it has the same machines, as many and where
 * they are wanted, and when it changes it waits at least as long for running jobs. What is shared is the other's alone, so
 * that it stays as it is when the workload goes.
 */
export function agreesOnMachines(workload: Workload, other: Workload): boolean {
  const [own, theirs] = [workload, other].map(({ compute, computeSubnetIds }) => {
    const { updateTimeoutMinutes: _waits, subnetIds: _subnets, ...machines } = compute;
    return canonical({ ...machines, computeSubnetIds });
  });
  return (
    own === theirs &&
    agreesOnDisks(workload, other) &&
    workload.compute.updateTimeoutMinutes <= other.compute.updateTimeoutMinutes
  );
}

export function template(
  { config }: Scope,
  workload: Workload,
  needs: { readonly image: Handle<AmiOutput>; readonly disk: Handle<FilesystemOutput> | undefined },
) {
  const { name, filesystem, tags } = config;
  const { scratch } = workload;
  return placed({
    needs,
    inputs: ({ image, disk }) => ({
      imageId: image.imageId,
      // Named only where there are any, so that without them the template stays the one it is.
      ...(Object.keys(tags).length > 0 && { tags }),
      userData: nodeUserData({
        environment: name,
        image: image.imageId,
        filesystem: filesystem && disk && { ...filesystem, ...disk },
        scratch: disksOf(workload),
      }),
      volumes: scratch.kind === "ebs" ? [{ deviceName: SCRATCH_DEVICE, sizeGiB: scratch.sizeGiB }] : [],
    }),
  });
}

function disksOf({ scratch, instanceTypes }: Workload): NodeBoot["scratch"] {
  switch (scratch.kind) {
    case "ebs":
      return { ...scratch, device: SCRATCH_DEVICE };
    case "instance-store":
      return { ...scratch, disks: Math.min(...instanceTypes.map(({ diskSizesGB }) => diskSizesGB.length)) };
    case "none":
      return scratch;
  }
}

export function environment(
  { config: { machineImage } }: Scope,
  { compute, computeSubnetIds }: Workload,
  needs: {
    readonly group: Handle<SecurityGroupOutput>;
    readonly nodeProfile: Handle<InstanceProfileOutput>;
    readonly image: Handle<AmiOutput>;
    readonly template: Handle<LaunchTemplateOutput>;
    /** Its machines write there until they are gone. */
    readonly log: Handle<LogGroupOutput>;
    readonly spotRole: Handle<ServiceLinkedRoleOutput> | undefined;
  },
) {
  const { purchase } = compute;
  return placed({
    needs,
    inputs: ({ group, nodeProfile, image, template }) => ({
      purchase: purchase.kind,
      bidPercentage: purchase.kind === "spot" ? purchase.bidPercentage : undefined,
      instanceTypes: compute.instanceTypes,
      minVcpus: compute.minVcpus,
      maxVcpus: compute.maxVcpus,
      subnetIds: computeSubnetIds,
      securityGroupIds: [group.groupId],
      instanceProfileArn: nodeProfile.arn,
      imageId: image.imageId,
      imageType: machineImage.os === "al2" ? ("ECS_AL2" as const) : ("ECS_AL2023" as const),
      launchTemplateId: template.launchTemplateId,
      launchTemplateVersion: template.version,
      jobTimeoutMinutes: compute.updateTimeoutMinutes,
    }),
  });
}
