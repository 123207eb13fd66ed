import {
  CreateFileSystemCommand,
  DeleteFileSystemCommand,
  type FileSystem,
  type FileSystemLifecycle,
  paginateDescribeFileSystems,
  TagResourceCommand,
  UpdateFileSystemCommand,
} from "@aws-sdk/client-fsx";
import type { Cloud } from "../../aws/clients.ts";
import { awsWords, isAwsError, orNothing, unless } from "../../aws/errors.ts";
import { subnetsElsewhere } from "../../aws/facts.ts";
import { changeOf } from "../../aws/fields.ts";
import { countUnfinishedJobs, liveNodes } from "../../aws/jobs.ts";
import { stateFrom } from "../../aws/state.ts";
import { fingerprintTags, fromTags, tagList, tagRecord, tagsOf, tagsOnRecord } from "../../aws/tags.ts";
import { StepError } from "../../engine/errors.ts";
import type { Drift, FindContext, Found, State, Step, StepContext } from "../../engine/step.ts";
import { driftFrom, FIELDS, type FilesystemInputs, isRunning, reasonOf, updates } from "./fields.ts";

export interface FilesystemOutput {
  readonly fileSystemId: string;
  /** As AWS says it: it ends in amazonaws.com in China too, unlike everything else there. */
  readonly dnsName: string;
  readonly mountName: string;
  readonly arn: string;
  readonly subnetId: string;
  readonly vpcId?: string | undefined;
  readonly shape: FilesystemShape;
}

/** What was chosen for it, as it lives, or will when a growth under way is done; a lost manifest is made good from it. */
export interface FilesystemShape {
  readonly deploymentType?: string | undefined;
  readonly storageType?: string | undefined;
  readonly capacityGiB?: number | undefined;
  readonly throughputPerTiB?: number | undefined;
  readonly lustreVersion?: string | undefined;
  readonly driveCache?: string | undefined;
}

/** FSx for Lustre: holds data, grows in place, never shrinks. */
export const filesystem: Step<FilesystemInputs, FilesystemOutput, unknown, Cloud> = {
  kind: "filesystem",
  naming: "token",
  protect: true,
  // Made in minutes, grown in up to an hour.
  pace: { expectMs: 90_000, everyMs: 5_000, timeoutMs: 90 * 60_000 },

  fixed({ subnetId, securityGroupIds, deploymentType, storageType, driveCache, kmsKeyId, throughputPerTiB }) {
    return {
      ...{
        subnetId,
        securityGroupIds: [...securityGroupIds].sort(),
        deploymentType,
        storageType,
        driveCache,
        kmsKeyId,
      },
      // FSx changes the throughput of SSD only.
      ...(storageType === "HDD" && { throughputPerTiB }),
    };
  },

  async find(context) {
    const { cloud, inputs } = context;
    const found: Found<FilesystemOutput>[] = [];
    // FSx has no filter for tags.
    for await (const page of paginateDescribeFileSystems({ client: cloud.fsx }, {})) {
      for (const live of page.FileSystems ?? []) {
        const origin = originOf(context, live);
        if (!origin.owned && !origin.hint) continue;
        const differs = inputs && driftFrom(inputs, live);
        const now = condition(live, differs);
        const drift = now.state === "ready" ? await unlessInUse(context, differs) : differs;
        found.push({
          ref: live.FileSystemId!,
          ...origin,
          ...now,
          createdAt: live.CreationTime,
          output: outputOf(live),
          drift,
        });
      }
    }
    return found;
  },

  async create(context) {
    const { cloud, inputs, token } = context;
    const asked = cloud.fsx.send(
      new CreateFileSystemCommand({
        ClientRequestToken: token,
        FileSystemType: "LUSTRE",
        FileSystemTypeVersion: inputs.lustreVersion,
        StorageType: inputs.storageType,
        StorageCapacity: inputs.capacityGiB,
        SubnetIds: [inputs.subnetId],
        SecurityGroupIds: [...inputs.securityGroupIds],
        KmsKeyId: inputs.kmsKeyId,
        Tags: tagList(tagsOf(context)),
        LustreConfiguration: {
          DeploymentType: inputs.deploymentType,
          PerUnitStorageThroughput: inputs.throughputPerTiB,
          DataCompressionType: inputs.compression,
          DriveCacheType: inputs.driveCache,
          ...(inputs.metadataMode && { MetadataConfiguration: { Mode: inputs.metadataMode } }),
        },
      }),
    );
    const { FileSystem: made } = await asked.catch((cause) => refusedThere(context, cause));
    return made!.FileSystemId!;
  },

  async stamp(context, { output }) {
    const Tags = tagList(fingerprintTags(context));
    await context.cloud.fsx.send(new TagResourceCommand({ ResourceARN: output!.arn, Tags }));
  },

  async update({ cloud, inputs }, found) {
    const { FileSystemTypeVersion, StorageCapacity, ...LustreConfiguration } = changeOf(FIELDS, inputs, found);
    // A version is raised alone: if that fails, all of it is rolled back.
    const change = FileSystemTypeVersion
      ? { FileSystemTypeVersion }
      : { StorageCapacity, ...(Object.keys(LustreConfiguration).length > 0 && { LustreConfiguration }) };
    await cloud.fsx
      .send(new UpdateFileSystemCommand({ FileSystemId: found.ref, ...change }))
      // A change is under way already, this one or another; it may take an hour, and `find` tells when it is done.
      .catch(unless("busy"));
  },

  async destroy({ cloud }, { ref, state }) {
    if (state === "deleting") return;
    // Lustre's own default is to leave no final backup behind.
    await orNothing(cloud.fsx.send(new DeleteFileSystemCommand({ FileSystemId: ref })));
  },
};

/** Not every zone has FSx, and no list says which: where it is the zone that is refused, the VPC's others are named. */
async function refusedThere(
  { cloud, node, inputs }: StepContext<FilesystemInputs, Cloud>,
  cause: unknown,
): Promise<never> {
  if (!isAwsError(cause) || cause.name !== "BadRequest" || !/availability zone|subnet/i.test(cause.message))
    throw cause;
  const others = await subnetsElsewhere(cloud, inputs.subnetId).catch(() => []);
  const hint =
    others.length > 0
      ? `name another subnet with network.subnetId, then run the same command again; the VPC's other zones have ${others.join(", ")}`
      : "name a subnet in another zone with network.subnetId, then run the same command again";
  throw new StepError(`creating filesystem (${node}): ${awsWords(cause)}`, { node, cause, hint });
}

/** By its tags; one that is on record and lacks some of them is not to be doubled, and its tags can be given back. */
function originOf(
  { known, ...context }: FindContext<unknown, unknown>,
  { FileSystemId = "", ResourceARN, Tags }: FileSystem,
): Pick<Found, "node" | "owned" | "hint" | "fingerprint" | "fixedFingerprint" | "token"> {
  const tags = tagRecord(Tags);
  const origin = fromTags(context, tags);
  const record = known?.[FileSystemId];
  if (!record) return origin;
  const { fingerprint = record.fingerprint, fixedFingerprint = record.fixedFingerprint } = origin;
  const whole = tagsOnRecord(context, { ...record, fingerprint, fixedFingerprint });
  const lost = Object.entries(whole).filter(([key, value]) => tags[key] !== value);
  if (lost.length === 0) return origin;
  const given = lost.map(([key, value]) => `Key=${key},Value=${value}`).join(" ");
  return {
    ...{ ...origin, node: record.node, owned: false },
    hint: `give it its tags back, then run the same command again: aws fsx tag-resource --region ${context.region} --resource-arn ${ResourceARN} --tags ${given}`,
  };
}

const STATE: Readonly<Record<FileSystemLifecycle, State>> = {
  CREATING: "pending",
  AVAILABLE: "ready",
  UPDATING: "pending",
  DELETING: "deleting",
  FAILED: "failed",
  MISCONFIGURED: "failed",
  MISCONFIGURED_UNAVAILABLE: "failed",
};

/** State and AWS's words for it; a change still on its way counts as pending although the lifecycle says AVAILABLE. */
function condition(live: FileSystem, drift: readonly Drift[] | undefined): Pick<Found, "state" | "detail" | "unsure"> {
  const told = stateFrom(STATE, live.Lifecycle);
  const { state, detail: lifecycle } = told;
  if (state === "failed") return { state, detail: live.FailureDetails?.Message ?? lifecycle };
  if (state !== "ready") return told;

  const actions = live.AdministrativeActions ?? [];
  const running = actions.filter(({ Status }) => Status === "PENDING" || Status === "IN_PROGRESS");
  const changing = running.find(({ AdministrativeActionType }) => AdministrativeActionType === "FILE_SYSTEM_UPDATE");
  if (changing) return { state: "pending", detail: `${changing.AdministrativeActionType} ${changing.Status}` };
  const [balancing] = running;
  if (balancing) {
    const { AdministrativeActionType, ProgressPercent = 0 } = balancing;
    // The data can be used meanwhile; only the next change has to wait.
    return { state: drift?.length ? "pending" : "ready", detail: `${AdministrativeActionType} ${ProgressPercent}%` };
  }
  const [last] = updates(live);
  if (last?.Status === "FAILED" && drift?.length) {
    return { state, detail: `FILE_SYSTEM_UPDATE FAILED: ${reasonOf(last)}` };
  }
  return { state, detail: lifecycle };
}

function outputOf(live: FileSystem): FilesystemOutput | undefined {
  const { FileSystemId, DNSName, LustreConfiguration, ResourceARN, SubnetIds, VpcId } = live;
  const [subnetId] = SubnetIds ?? [];
  const mountName = LustreConfiguration?.MountName;
  if (!FileSystemId || !DNSName || !mountName || !ResourceARN || !subnetId) return undefined;
  return {
    ...{ fileSystemId: FileSystemId, dnsName: DNSName, mountName, arn: ResourceARN, subnetId, vpcId: VpcId },
    shape: shapeOf(live),
  };
}

/** A version that is being raised may yet be rolled back, so it counts when it is there. */
function shapeOf({ StorageType, FileSystemTypeVersion, LustreConfiguration, ...live }: FileSystem): FilesystemShape {
  const target = updates(live).find(isRunning)?.TargetFileSystemValues;
  return {
    deploymentType: LustreConfiguration?.DeploymentType,
    storageType: StorageType,
    capacityGiB: target?.StorageCapacity ?? live.StorageCapacity,
    throughputPerTiB:
      target?.LustreConfiguration?.PerUnitStorageThroughput ?? LustreConfiguration?.PerUnitStorageThroughput,
    lustreVersion: FileSystemTypeVersion,
    driveCache: LustreConfiguration?.DriveCacheType,
  };
}

/** A version can be raised only while no client is connected, or FSx fails and rolls it back; nobody can use it meanwhile. */
async function unlessInUse(
  { cloud, name }: FindContext<unknown, Cloud>,
  drift: readonly Drift[] | undefined,
): Promise<readonly Drift[] | undefined> {
  if (!drift?.some(({ field, never }) => field === "lustreVersion" && never === undefined)) return drift;
  const [nodes, jobs] = await Promise.all([liveNodes(cloud, name), countUnfinishedJobs(cloud, name)]);
  const judged =
    nodes.length + jobs === 0
      ? { asks: "nobody can use it for up to 30 minutes, and no other machine may have it mounted" }
      : {
          never: `FSx raises a version only while nothing has it mounted, and ${inUse(nodes, jobs)}`,
          first: "wait until the jobs are done and the nodes are gone (compute.minVcpus must be 0), then run it again",
        };
  return drift.map((entry) => (entry.field === "lustreVersion" ? { ...entry, ...judged } : entry));
}

function inUse(nodes: readonly string[], jobs: number): string {
  return [
    ...(nodes.length > 0 ? [`${nodes.length} of its nodes live (${nodes.slice(0, 5).join(", ")})`] : []),
    ...(jobs > 0 ? [`${jobs} jobs are not done`] : []),
  ].join(" and ");
}
