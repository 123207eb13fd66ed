import { resolve } from "node:path";
import type { Cloud } from "../aws/clients.ts";
import {
  chooseNetwork,
  describeInstanceTypes,
  type Identity,
  type InstanceTypeFacts,
  latestBaseImage,
} from "../aws/facts.ts";
import type { Config, WorkloadConfig } from "../config/config.ts";
import { addressesOf } from "../config/filesystem-rules.ts";
import type { Clock } from "../engine/clock.ts";
import { ConfigError } from "../engine/errors.ts";
import type { Pins } from "../engine/manifest/manifest.ts";
import type { BuildFacts, Facts, WorkloadFacts } from "../environment/scope.ts";
import {
  type BuildConfig,
  buildArguments,
  buildContext,
  imageSources,
  packedContext,
} from "../render/build-context.ts";
import { chooseLocalBuilder, type LocalBuilder } from "../steps/container-image/local-build.ts";
import { subnetsPin } from "./chosen.ts";
import { demandFit } from "./preflight.ts";

/** Who asks, of which cloud, for which config. */
export interface Scope {
  readonly config: Config;
  readonly identity: Identity;
  readonly cloud: Cloud;
  readonly clock: Clock;
  /** What was chosen before; the manifest's pins, or where it lacks them what lives. */
  readonly chosen: Pins;
  readonly sandbox: boolean;
  /** What stands for AWS, where somebody said so. */
  readonly endpoint: string | undefined;
  /** Where an image is built on this machine; what a killed run left there goes when the next one holds the lock. */
  readonly buildFolder: string;
  /** One line for the person watching. */
  note(text: string): void;
}

/** Start here: everything that only the account can tell, in as few calls as what is pinned leaves. */
export async function readFacts(scope: Scope): Promise<Facts> {
  const { config, identity, chosen } = scope;
  const [network, instanceTypes, baseImageId, builds] = await Promise.all([
    networkOf(scope),
    describeInstanceTypes(scope.cloud, allTypes(config)),
    chosen.baseImage || newestBaseImage(scope),
    Promise.all(config.workloads.map((workload) => buildOf(scope, workload))),
  ]);
  const workloads = config.workloads.map((workload, at): readonly [string, WorkloadFacts] => {
    const own = instanceTypes.filter(({ instanceType }) => workload.compute.instanceTypes.includes(instanceType));
    const computeSubnetIds = computeSubnetsOf(scope, workload, network);
    return [workload.name, { computeSubnetIds, instanceTypes: own.sort(bySize), build: builds[at] }];
  });
  demandFit(config, Object.fromEntries(workloads));
  return {
    ...{ account: identity.account, partition: identity.partition, ...network, baseImageId },
    forcedAt: chosen.forcedAt || undefined,
    workloads: Object.fromEntries(workloads),
  };
}

function bySize(a: InstanceTypeFacts, b: InstanceTypeFacts): number {
  return a.vcpus - b.vcpus || a.memoryMiB - b.memoryMiB;
}

function allTypes({ workloads }: Config): string[] {
  return [...new Set(workloads.flatMap(({ compute }) => compute.instanceTypes))];
}

export function newestBaseImage({ cloud, config }: Scope): Promise<string> {
  return latestBaseImage(cloud, { os: config.machineImage.os, architecture: "x86_64" });
}

/** The choices, as `up` writes them down before it makes anything. */
export function pinsOf(
  { config }: Pick<Scope, "config">,
  { vpcId, subnetId, workloads, baseImageId, forcedAt }: Facts,
): Pins {
  const elsewhere = config.workloads.map(({ name, suffix }) => {
    const subnets = workloads[name]!.computeSubnetIds.join();
    return [subnetsPin(suffix), subnets === subnetId ? "" : subnets] as const;
  });
  return {
    ...{ ...config.pins, vpcId, subnetId, baseImage: baseImageId, forcedAt: forcedAt ?? "" },
    ...Object.fromEntries(elsewhere),
  };
}

async function networkOf({ cloud, config, chosen, note }: Scope) {
  const { network, filesystem, machineImage, workloads } = config;
  const vpcId = network.vpcId ?? chosen.vpcId;
  const subnetId = network.subnetId ?? chosen.subnetId;
  // What was chosen once is not weighed again; what the config names anew is.
  if (vpcId !== undefined && subnetId !== undefined && vpcId === chosen.vpcId && subnetId === chosen.subnetId) {
    return { vpcId, subnetId };
  }
  const open = network.vpcId === undefined && network.subnetId === undefined;
  return chooseNetwork(cloud, {
    ...(open ? { vpcId, subnetId } : network),
    computeSubnetIds: stated(workloads.flatMap(({ compute }) => compute.subnetIds ?? [])),
    instanceTypes: [...allTypes(config), machineImage.builderInstanceType],
    // At most so many builders stand at once: one for the machine image, one for each container image.
    freeIps: 1 + workloads.length + (filesystem ? addressesOf(filesystem) : 0),
    warn: note,
  });
}

/** Beside the file system, unless the config says otherwise, or said so before. */
function computeSubnetsOf(
  { chosen }: Scope,
  { suffix, compute: { subnetIds } }: WorkloadConfig,
  { vpcId, subnetId }: { readonly vpcId: string; readonly subnetId: string },
): readonly string[] {
  if (subnetIds) return [...subnetIds].sort();
  const stays = vpcId === chosen.vpcId && subnetId === chosen.subnetId;
  const before = chosen[subnetsPin(suffix)];
  return stays && before ? before.split(",") : [subnetId];
}

function stated(ids: readonly string[]): readonly string[] | undefined {
  return ids.length > 0 ? [...new Set(ids)] : undefined;
}

async function buildOf(
  { sandbox, endpoint, buildFolder }: Scope,
  { suffix = "", container }: WorkloadConfig,
): Promise<BuildFacts | undefined> {
  if (container.kind === "ready") return undefined;
  const builder =
    container.builder === "auto"
      ? await chooseBuilder(container, sandbox || endpoint !== undefined)
      : container.builder;
  const files = buildContext(container);
  return {
    builder,
    folder: resolve(buildFolder, suffix),
    files,
    digests: imageSources(container, files),
    args: buildArguments(container),
    contextBase64: builder === "instance" ? await packedContext(files) : "",
    packageInS3: container.package?.kind === "s3" ? container.package : undefined,
  };
}

/** What is in S3 an instance fetches with its role; what is on disk only a builder beside it can read. */
async function chooseBuilder({ package: program }: BuildConfig, standsIn: boolean): Promise<LocalBuilder | "instance"> {
  // What stands in for AWS names a registry that only AWS has, so there a local builder must be asked for.
  const local = program?.kind === "s3" || standsIn ? undefined : await chooseLocalBuilder();
  if (local === undefined && program?.kind === "file") {
    throw new ConfigError(
      `container.package: ${program.path} is on this machine, and ${standsIn ? "what stands in for AWS builds on an instance" : "no docker, podman or buildah answers here"}`,
      "put the file into S3 and name s3://BUCKET/KEY: then an instance in the region fetches it",
    );
  }
  return local ?? "instance";
}
