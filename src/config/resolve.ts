import { resolve } from "node:path";
import type { Config, ContainerConfig, ProgramPackage, ScratchConfig, WorkloadConfig } from "./config.ts";
import { PINNED, type Pins, resolveFilesystem } from "./filesystem.ts";
import type { LoadedConfig, WorkloadProblem } from "./load.ts";
import { partitionOf } from "./partitions.ts";
import { brokenRules } from "./rules.ts";
import type { CompleteConfig } from "./schema.ts";

/** Refuses what is wrong whatever was chosen before, so that nothing is asked of AWS for it. */
export function checkConfig(loaded: LoadedConfig, region: string): void {
  partitionOf(region);
  demandRules(loaded, region);
}

function demandRules({ values, others, refuse }: LoadedConfig, region: string, pins?: Pins | null): void {
  const broken = [values, ...others].flatMap((one) =>
    brokenRules(one, { region, ...(pins && { pins }) }).map((problem) => ({ ...problem, workload: one.workload })),
  );
  const problems = [...broken, ...others.flatMap((one) => tooLong(one, region))];
  if (problems.length > 0) throw refuse(problems);
}

/** Of a role's name: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const LONGEST_ROLE = 64;

/** Every role's name holds the environment's, the region and, of a further workload, its own: the longest of them must fit. */
function tooLong({ name, workload }: CompleteConfig, region: string): readonly WorkloadProblem[] {
  const role = `${name}-${region}-image-builder-role.${workload}`;
  const over = role.length - LONGEST_ROLE;
  if (over <= 0) return [];
  const text = `${workload} makes the name of a role (${role}) ${over} characters longer than IAM takes: make it the first, or give the environment a shorter name`;
  return [{ path: ["workloads"], text, workload }];
}

/**
 * Closes what depends on the region. `pins` are those of an earlier run, so that what was chosen then stays chosen; null
 * where nothing is to be made: then a config that may fit them will do. Throws `ConfigError` with every problem at once.
 */
export function resolveConfig(loaded: LoadedConfig, region: string, pins: Pins | null = {}): Config {
  const { values, others, folder } = loaded;
  const partition = partitionOf(region);
  demandRules(loaded, region, pins);

  const { name, network, machineImage, iam, logs, tags = {} } = values;
  const filesystem = filesystemOf(values, region, pins ?? {});
  return {
    name,
    region,
    partition,
    network,
    filesystem,
    machineImage,
    workloads: [workloadOf(values, folder, undefined), ...others.map((one) => workloadOf(one, folder, one.workload))],
    iam,
    logs,
    tags: texts(tags),
    pins: Object.fromEntries(
      PINNED.filter((key) => filesystem?.[key] !== undefined).map((key) => [
        `filesystem.${key}`,
        String(filesystem?.[key]),
      ]),
    ),
  };
}

function filesystemOf({ filesystem, machineImage }: CompleteConfig, region: string, pins: Pins): Config["filesystem"] {
  if (!filesystem.enabled) return undefined;
  const resolved = resolveFilesystem(filesystem, { region, os: machineImage.os, pins });
  return "capacityGiB" in resolved ? resolved : undefined;
}

function workloadOf(
  { workload, scratch, container, compute, job }: CompleteConfig,
  folder: string,
  suffix: string | undefined,
): WorkloadConfig {
  const { purchase, bidPercentage, ...machines } = compute;
  return {
    name: workload,
    suffix,
    scratch: scratchOf(scratch),
    container: containerOf(container, folder),
    compute: {
      ...machines,
      purchase: purchase === "spot" ? { kind: purchase, bidPercentage } : { kind: purchase },
      updateTimeoutMinutes: machines.updateTimeoutMinutes ?? job.timeoutMinutes,
    },
    job: {
      ...job,
      parameters: texts(job.parameters),
      environment: texts(job.environment),
      buckets: { read: job.buckets.read ?? [], write: job.buckets.write ?? [] },
    },
  };
}

function scratchOf({ kind, mountPoint, sizeGiB }: CompleteConfig["scratch"]): ScratchConfig {
  if (kind === "ebs" && sizeGiB !== undefined) return { kind, mountPoint, sizeGiB };
  return kind === "instance-store" ? { kind, mountPoint } : { kind: "none" };
}

function containerOf(
  { image, context, builder, args, package: program, mirrors = {} }: CompleteConfig["container"],
  folder: string,
): ContainerConfig {
  if (image !== undefined) return { kind: "ready", image };
  return {
    kind: "build",
    context: /[/\\]|^\.+$/.test(context)
      ? { kind: "folder", path: resolve(folder, context) }
      : { kind: "template", name: context },
    builder,
    package: program === undefined ? undefined : packageOf(program, folder),
    args: texts(args),
    mirrors,
  };
}

function packageOf(program: string, folder: string): ProgramPackage {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(program) ?? [];
  return bucket === undefined || key === undefined
    ? { kind: "file", path: resolve(folder, program) }
    : { kind: "s3", bucket, key };
}

function texts(values: Readonly<Record<string, string | number | boolean>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}
