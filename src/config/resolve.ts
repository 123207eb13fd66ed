import { resolve } from "node:path";
import type { Config, ContainerConfig, ProgramPackage, ScratchConfig, WorkloadConfig } from "./config.ts";
import { PINNED, type Pins, resolveFilesystem } from "./filesystem.ts";
import type { LoadedConfig } from "./load.ts";
import { partitionOf } from "./partitions.ts";
import { brokenRulesOf, rulesIn } from "./rules.ts";
import type { CompleteConfig } from "./schema.ts";

/** Refuses what is wrong whatever was chosen before, so that nothing is asked of AWS for it; once for each region. */
export function checkConfig(loaded: LoadedConfig, region: string): LoadedConfig {
  const { values, others, refuse } = loaded;
  if (values.region === region) return loaded;
  partitionOf(region);
  const problems = brokenRulesOf([values, ...others], rulesIn(region));
  if (problems.length > 0) throw refuse(problems);
  return { ...loaded, values: { ...values, region } };
}

/**
 * Closes what depends on the region. `pins` are those of an earlier run, so that what was chosen then stays chosen; null
 * where nothing is to be made: then a config that may fit them will do. Throws `ConfigError` with every problem at once.
 */
export function resolveConfig(loaded: LoadedConfig, region: string, pins: Pins | null = {}): Config {
  const { values, others, folder, refuse } = checkConfig(loaded, region);
  const { name, network, machineImage, iam, logs, tags = {} } = values;
  const { filesystem, problems } = values.filesystem.enabled
    ? resolveFilesystem(values.filesystem, { region, os: machineImage.os, pins: pins ?? {} })
    : { problems: [] };
  if (pins && problems.length > 0) throw refuse(problems);
  return {
    name,
    region,
    partition: partitionOf(region),
    network,
    filesystem,
    machineImage,
    workloads: [workloadOf(values, folder, undefined), ...others.map((one) => workloadOf(one, folder, one.workload))],
    iam,
    logs,
    tags: texts(tags),
    pins: Object.fromEntries(
      PINNED.flatMap((key) =>
        filesystem?.[key] === undefined ? [] : [[`filesystem.${key}`, String(filesystem[key])]],
      ),
    ),
  };
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
