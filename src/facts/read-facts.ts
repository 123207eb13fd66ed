import { resolve } from "node:path";
import type { Cloud } from "../aws/clients.ts";
import { chooseNetwork, describeInstanceTypes, type Identity, latestBaseImage } from "../aws/facts.ts";
import type { Config } from "../config/config.ts";
import { addressesOf } from "../config/filesystem-rules.ts";
import type { Clock } from "../engine/clock.ts";
import { ConfigError } from "../engine/errors.ts";
import type { Pins } from "../engine/manifest/manifest.ts";
import type { Facts } from "../environment/index.ts";
import { type BuildConfig, buildArguments, buildContext, imageSources, packedContext } from "../render/recipe.ts";
import { chooseLocalBuilder, type LocalBuilder } from "../steps/container-image/local-build.ts";
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
  const [network, instanceTypes, baseImageId, build] = await Promise.all([
    networkOf(scope),
    describeInstanceTypes(scope.cloud, config.compute.instanceTypes),
    chosen.baseImage || newestBaseImage(scope),
    buildOf(scope),
  ]);
  demandFit(config, instanceTypes);
  return {
    ...{ account: identity.account, partition: identity.partition, ...network, baseImageId, build },
    computeSubnetIds: computeSubnetsOf(scope, network),
    forcedAt: chosen.forcedAt || undefined,
    instanceTypes: instanceTypes.sort((a, b) => a.vcpus - b.vcpus || a.memoryMiB - b.memoryMiB),
  };
}

export function newestBaseImage({ cloud, config }: Scope): Promise<string> {
  return latestBaseImage(cloud, { os: config.machineImage.os, architecture: "x86_64" });
}

/** The choices, as `up` writes them down before it makes anything. */
export function pinsOf(
  { config }: Pick<Scope, "config">,
  { vpcId, subnetId, computeSubnetIds, baseImageId, forcedAt }: Facts,
): Pins {
  const elsewhere = computeSubnetIds.join() === subnetId ? "" : computeSubnetIds.join();
  return {
    ...{ ...config.pins, vpcId, subnetId, baseImage: baseImageId, forcedAt: forcedAt ?? "" },
    computeSubnetIds: elsewhere,
  };
}

/** At most so many stand at once: one for the machine image, one for the container image. */
const BUILDERS = 2;

async function networkOf({ cloud, config, chosen, note }: Scope) {
  const { network, compute, filesystem, machineImage } = config;
  const vpcId = network.vpcId ?? chosen.vpcId;
  const subnetId = network.subnetId ?? chosen.subnetId;
  // What was chosen once is not weighed again; what the config names anew is.
  if (vpcId !== undefined && subnetId !== undefined && vpcId === chosen.vpcId && subnetId === chosen.subnetId) {
    return { vpcId, subnetId };
  }
  const open = network.vpcId === undefined && network.subnetId === undefined;
  return chooseNetwork(cloud, {
    ...(open ? { vpcId, subnetId } : network),
    computeSubnetIds: compute.subnetIds,
    instanceTypes: [...compute.instanceTypes, machineImage.builderInstanceType],
    freeIps: BUILDERS + (filesystem ? addressesOf(filesystem) : 0),
    warn: note,
  });
}

/** Beside the file system, unless the config says otherwise, or said so before. */
function computeSubnetsOf(
  { config, chosen }: Scope,
  { vpcId, subnetId }: { readonly vpcId: string; readonly subnetId: string },
): readonly string[] {
  const { subnetIds } = config.compute;
  if (subnetIds) return [...subnetIds].sort();
  const stays = vpcId === chosen.vpcId && subnetId === chosen.subnetId;
  return stays && chosen.computeSubnetIds ? chosen.computeSubnetIds.split(",") : [subnetId];
}

async function buildOf({ config: { container }, sandbox, endpoint, buildFolder }: Scope): Promise<Facts["build"]> {
  if (container.kind === "ready") return undefined;
  const builder =
    container.builder === "auto"
      ? await chooseBuilder(container, sandbox || endpoint !== undefined)
      : container.builder;
  const files = buildContext(container);
  return {
    builder,
    folder: resolve(buildFolder),
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
