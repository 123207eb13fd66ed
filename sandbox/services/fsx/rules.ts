import type { CreateFileSystemCommandInput, LustreDeploymentType, StorageType } from "@aws-sdk/client-fsx";
import { type Call, Refusal } from "../../service.ts";
import { badRequest } from "./state.ts";

interface StorageRule {
  /** MB/s for each TiB; undefined where it cannot be chosen. */
  readonly throughputs: readonly number[] | undefined;
  readonly capacityFits: (capacityGiB: number, throughputPerTiB: number | undefined) => boolean;
  readonly capacities: string;
}

interface DeploymentRule {
  readonly versions: readonly string[];
  readonly storage: Partial<Readonly<Record<StorageType, StorageRule>>>;
}

function steps(stepGiB: number, throughputs?: readonly number[]): StorageRule {
  return {
    throughputs,
    capacityFits: (capacity) => capacity === 1200 || capacity === 2400 || (capacity > 0 && capacity % stepGiB === 0),
    capacities: `1200, 2400, and increments of ${stepGiB}`,
  };
}

const RULES: Readonly<Record<LustreDeploymentType, DeploymentRule>> = {
  SCRATCH_1: { versions: ["2.10", "2.12", "2.15"], storage: { SSD: steps(3600) } },
  SCRATCH_2: { versions: ["2.10", "2.12", "2.15"], storage: { SSD: steps(2400) } },
  PERSISTENT_1: {
    versions: ["2.10", "2.12", "2.15"],
    storage: {
      SSD: steps(2400, [50, 100, 200]),
      HDD: {
        throughputs: [12, 40],
        capacityFits: (capacity, throughput) => capacity > 0 && capacity % (throughput === 12 ? 6000 : 1800) === 0,
        capacities: "increments of 6000 at 12 MB/s/TiB and of 1800 at 40 MB/s/TiB",
      },
    },
  },
  PERSISTENT_2: {
    versions: ["2.12", "2.15"],
    storage: {
      SSD: steps(2400, [125, 250, 500, 1000]),
      INTELLIGENT_TIERING: { throughputs: undefined, capacityFits: () => true, capacities: "" },
    },
  },
};

/** Regions without PERSISTENT_2. */
const NO_PERSISTENT_2 = new Set([
  "af-south-1",
  "ap-northeast-3",
  "ap-south-2",
  "ap-southeast-3",
  "ap-southeast-4",
  "eu-central-2",
  "eu-south-1",
  "eu-south-2",
  "eu-west-3",
  "me-central-1",
  "me-south-1",
  "sa-east-1",
  "us-gov-east-1",
  "us-gov-west-1",
]);

/** Regions with PERSISTENT_2 at no more than this throughput, and what they have beside it. */
const SMALL_THROUGHPUT = 250;
const SMALL_REGIONS: Readonly<Record<string, readonly LustreDeploymentType[]>> = {
  "ap-east-2": [],
  "ap-southeast-5": [],
  "ap-southeast-7": [],
  "ca-west-1": [],
  "il-central-1": ["SCRATCH_1", "SCRATCH_2"],
  "mx-central-1": [],
};

export interface Resolved {
  readonly deploymentType: LustreDeploymentType;
  readonly storageType: StorageType;
  readonly version: string;
}

/** What was asked with AWS's defaults filled in; refuses combinations that FSx for Lustre does not have. */
export function resolve(input: CreateFileSystemCommandInput, call: Call): Resolved {
  if (input.FileSystemType !== "LUSTRE") {
    throw badRequest(`File system type ${input.FileSystemType} is not supported in this region.`);
  }
  const lustre = input.LustreConfiguration ?? {};
  const deploymentType = lustre.DeploymentType ?? "SCRATCH_1";
  const storageType = input.StorageType ?? "SSD";
  checkDeployment(deploymentType, call);
  const rule = RULES[deploymentType];
  const storage = rule.storage[storageType];
  if (storage === undefined) {
    throw badRequest(`StorageType ${storageType} is not supported for deployment type ${deploymentType}.`);
  }
  checkMetadata(input, deploymentType);
  const version = versionOf(input, deploymentType, rule.versions, call);
  checkThroughput(deploymentType, storageType, inRegion(storage, call), lustre.PerUnitStorageThroughput);
  checkCapacity(input, deploymentType, storageType, storage);
  checkDrive(input, storageType);
  if (storageType === "INTELLIGENT_TIERING") checkTiering(input);
  else if (lustre.ThroughputCapacity !== undefined || lustre.DataReadCacheConfiguration !== undefined) {
    throw badRequest("ThroughputCapacity and DataReadCacheConfiguration require StorageType INTELLIGENT_TIERING.");
  }
  if (input.KmsKeyId !== undefined && deploymentType.startsWith("SCRATCH")) {
    throw badRequest(`KmsKeyId is not supported for deployment type ${deploymentType}.`);
  }
  if (lustre.EfaEnabled && (deploymentType !== "PERSISTENT_2" || lustre.MetadataConfiguration === undefined)) {
    throw badRequest("EfaEnabled requires deployment type PERSISTENT_2 with a metadata configuration.");
  }
  if ((lustre.AutomaticBackupRetentionDays ?? 0) > 0 && deploymentType.startsWith("SCRATCH")) {
    throw badRequest(`Backups are not supported for deployment type ${deploymentType}.`);
  }
  return { deploymentType, storageType, version };
}

/** Whether a file system of this kind can be grown to a capacity; SCRATCH_1 cannot grow. */
export function growthFits(
  deploymentType: LustreDeploymentType,
  storageType: StorageType,
  throughputPerTiB: number | undefined,
  capacityGiB: number,
): boolean {
  const rule = RULES[deploymentType].storage[storageType];
  return deploymentType !== "SCRATCH_1" && rule?.capacityFits(capacityGiB, throughputPerTiB) === true;
}

export function checkThroughputChange(
  deploymentType: LustreDeploymentType,
  storageType: StorageType,
  throughputPerTiB: number,
  call: Call,
): void {
  const rule = RULES[deploymentType].storage[storageType];
  if (storageType === "HDD" || rule?.throughputs === undefined) {
    throw badRequest(
      `PerUnitStorageThroughput cannot be updated for deployment type ${deploymentType} and storage type ` +
        `${storageType}.`,
    );
  }
  checkThroughput(deploymentType, storageType, inRegion(rule, call), throughputPerTiB);
}

function inRegion(rule: StorageRule, { region }: Call): StorageRule {
  if (!(region in SMALL_REGIONS)) return rule;
  return { ...rule, throughputs: rule.throughputs?.filter((throughput) => throughput <= SMALL_THROUGHPUT) };
}

/** One metadata server and the object servers that hold the capacity: each takes an address of the subnet. */
export function serverCount({ deploymentType, storageType }: Resolved, input: CreateFileSystemCommandInput): number {
  const capacity = input.StorageCapacity ?? 0;
  if (storageType === "INTELLIGENT_TIERING") return 1 + (input.LustreConfiguration?.ThroughputCapacity ?? 4000) / 4000;
  if (storageType === "HDD") {
    return 1 + capacity / (input.LustreConfiguration?.PerUnitStorageThroughput === 12 ? 6000 : 1800);
  }
  return 1 + Math.ceil(capacity / (deploymentType === "SCRATCH_1" ? 3600 : 2400));
}

function checkDeployment(deploymentType: LustreDeploymentType, { partition, region }: Call): void {
  const beside = SMALL_REGIONS[region];
  const missing =
    partition === "aws-cn"
      ? deploymentType !== "PERSISTENT_1"
      : deploymentType === "PERSISTENT_2"
        ? NO_PERSISTENT_2.has(region)
        : beside !== undefined && !beside.includes(deploymentType);
  if (missing) throw badRequest(`Deployment type ${deploymentType} is not supported in region ${region}.`);
}

function versionOf(
  { FileSystemTypeVersion, LustreConfiguration }: CreateFileSystemCommandInput,
  deploymentType: LustreDeploymentType,
  versions: readonly string[],
  { partition, region }: Call,
): string {
  const withMetadata = LustreConfiguration?.MetadataConfiguration !== undefined;
  const standard = deploymentType === "PERSISTENT_2" ? (withMetadata ? "2.15" : "2.12") : "2.10";
  const version = FileSystemTypeVersion ?? standard;
  // China's pages know no version beyond 2.12.
  const here = partition === "aws-cn" ? versions.filter((each) => each !== "2.15") : versions;
  if (!here.includes(version) || (withMetadata && version !== "2.15")) {
    throw badRequest(
      `Lustre version ${version} is not supported for deployment type ${deploymentType} in region ${region}.`,
    );
  }
  return version;
}

function checkThroughput(
  deploymentType: LustreDeploymentType,
  storageType: StorageType,
  { throughputs }: StorageRule,
  wanted: number | undefined,
): void {
  if (throughputs === undefined && wanted === undefined) return;
  if (wanted !== undefined && throughputs?.includes(wanted)) return;
  const kind = `deployment type ${deploymentType} and storage type ${storageType}`;
  throw new Refusal(
    "InvalidPerUnitStorageThroughput",
    throughputs === undefined
      ? `PerUnitStorageThroughput cannot be specified for ${kind}.`
      : wanted === undefined
        ? `PerUnitStorageThroughput must be specified for ${kind}. Valid values are ${throughputs.join(", ")}.`
        : `PerUnitStorageThroughput ${wanted} is not valid for ${kind}. Valid values are ${throughputs.join(", ")}.`,
  );
}

function checkCapacity(
  { StorageCapacity, LustreConfiguration }: CreateFileSystemCommandInput,
  deploymentType: LustreDeploymentType,
  storageType: StorageType,
  { capacityFits, capacities }: StorageRule,
): void {
  if (storageType === "INTELLIGENT_TIERING") {
    if (StorageCapacity === undefined) return;
    throw badRequest("StorageCapacity cannot be specified for storage type INTELLIGENT_TIERING.");
  }
  if (StorageCapacity === undefined) throw badRequest("StorageCapacity must be specified.");
  if (capacityFits(StorageCapacity, LustreConfiguration?.PerUnitStorageThroughput)) return;
  throw badRequest(
    `StorageCapacity ${StorageCapacity} is not valid for deployment type ${deploymentType} and storage type ` +
      `${storageType}. Valid values are ${capacities}.`,
  );
}

function checkDrive({ LustreConfiguration }: CreateFileSystemCommandInput, storageType: StorageType): void {
  const given = LustreConfiguration?.DriveCacheType !== undefined;
  if (given === (storageType === "HDD")) return;
  throw badRequest(
    given
      ? `DriveCacheType cannot be specified for storage type ${storageType}.`
      : "DriveCacheType must be specified for storage type HDD.",
  );
}

function checkMetadata(
  { LustreConfiguration }: CreateFileSystemCommandInput,
  deploymentType: LustreDeploymentType,
): void {
  const metadata = LustreConfiguration?.MetadataConfiguration;
  if (metadata === undefined) return;
  if (deploymentType !== "PERSISTENT_2") {
    throw badRequest(`MetadataConfiguration is not supported for deployment type ${deploymentType}.`);
  }
  const { Mode, Iops } = metadata;
  if (Mode === "AUTOMATIC" && Iops !== undefined) throw badRequest("Iops cannot be specified in AUTOMATIC mode.");
  if (Mode === "USER_PROVISIONED" && !isIops(Iops)) {
    throw badRequest("Metadata Iops must be 1500, 3000, 6000, 12000, or a multiple of 12000 up to 192000.");
  }
}

function isIops(iops: number | undefined): boolean {
  if (iops === undefined) return false;
  return [1500, 3000, 6000].includes(iops) || (iops % 12_000 === 0 && iops > 0 && iops <= 192_000);
}

function checkTiering({ LustreConfiguration: lustre }: CreateFileSystemCommandInput): void {
  const { ThroughputCapacity = 0, DataReadCacheConfiguration: cache, MetadataConfiguration: metadata } = lustre ?? {};
  if (ThroughputCapacity < 4000 || ThroughputCapacity % 4000 !== 0) {
    throw badRequest("ThroughputCapacity must be 4000 or a multiple of 4000 for storage type INTELLIGENT_TIERING.");
  }
  if (cache === undefined) {
    throw badRequest("DataReadCacheConfiguration must be specified for storage type INTELLIGENT_TIERING.");
  }
  if ((cache.SizingMode === "USER_PROVISIONED") !== (cache.SizeGiB !== undefined)) {
    throw badRequest("SizeGiB goes with SizingMode USER_PROVISIONED, and only with it.");
  }
  if (metadata?.Mode !== "USER_PROVISIONED" || ![6000, 12_000].includes(metadata.Iops ?? 0)) {
    throw badRequest(
      "Storage type INTELLIGENT_TIERING needs a USER_PROVISIONED metadata configuration of 6000 or 12000 Iops.",
    );
  }
}
