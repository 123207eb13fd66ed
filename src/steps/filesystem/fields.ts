import type {
  AdministrativeAction,
  FileSystem,
  LustreDeploymentType,
  StorageType,
  UpdateFileSystemLustreConfiguration,
  UpdateFileSystemRequest,
} from "@aws-sdk/client-fsx";
import { driftOf, type FieldsOfOneCall } from "../../aws/fields.ts";
import type { Drift } from "../../engine/step.ts";

export interface FilesystemInputs {
  readonly subnetId: string;
  readonly securityGroupIds: readonly string[];
  readonly deploymentType: LustreDeploymentType;
  readonly storageType: StorageType;
  readonly capacityGiB: number;
  /** MB/s for each TiB; the persistent types want it, scratch has none. */
  readonly throughputPerTiB?: number | undefined;
  readonly lustreVersion: string;
  readonly compression: "NONE" | "LZ4";
  /** HDD wants it. */
  readonly driveCache?: "NONE" | "READ" | undefined;
  /** FSx refuses a PERSISTENT_2 one on 2.15 without it, and none can be given one later. */
  readonly metadataMode?: "AUTOMATIC" | undefined;
  /** Persistent types only; without it the account's own key for FSx. */
  readonly kmsKeyId?: string | undefined;
}

type Change = Pick<UpdateFileSystemRequest, "FileSystemTypeVersion" | "StorageCapacity"> &
  Pick<UpdateFileSystemLustreConfiguration, "DataCompressionType" | "PerUnitStorageThroughput">;

/** What FSx changes in place. Security groups are not among what AWS tells of a file system, so they cannot drift. */
export const FIELDS: FieldsOfOneCall<FilesystemInputs, FileSystem, Change> = {
  capacityGiB: {
    want: ({ capacityGiB }) => capacityGiB,
    have: ({ StorageCapacity }) => StorageCapacity,
    onlyUp: "FSx for Lustre grows but never shrinks",
    change: ({ capacityGiB: StorageCapacity }) => ({ StorageCapacity }),
  },
  lustreVersion: {
    want: ({ lustreVersion }) => lustreVersion,
    have: ({ FileSystemTypeVersion }) => FileSystemTypeVersion,
    onlyUp: "a Lustre version is only ever raised",
    change: ({ lustreVersion: FileSystemTypeVersion }) => ({ FileSystemTypeVersion }),
  },
  compression: {
    want: ({ compression }) => compression,
    have: ({ LustreConfiguration }) => LustreConfiguration?.DataCompressionType,
    change: ({ compression: DataCompressionType }) => ({ DataCompressionType }),
  },
  throughputPerTiB: {
    want: ({ throughputPerTiB }) => throughputPerTiB,
    have: ({ LustreConfiguration }) => LustreConfiguration?.PerUnitStorageThroughput,
    change: ({ throughputPerTiB: PerUnitStorageThroughput }) => ({ PerUnitStorageThroughput }),
  },
};

/** What the last change asked for and AWS could not make is marked, with its reason. */
export function driftFrom(inputs: FilesystemInputs, live: FileSystem): readonly Drift[] {
  const LustreConfiguration = { DataCompressionType: "NONE" as const, ...live.LustreConfiguration };
  const drift = driftOf(FIELDS, inputs, { ...live, LustreConfiguration });
  const [last] = updates(live);
  if (last?.Status !== "FAILED") return drift;
  const failed = { reason: reasonOf(last), at: last.RequestTime };
  const notAsked = driftOf(FIELDS, inputs, last.TargetFileSystemValues ?? {}).map(({ field }) => field);
  return drift.map((entry) => (notAsked.includes(entry.field) ? entry : { ...entry, failed }));
}

/** The newest first. */
export function updates({ AdministrativeActions = [] }: FileSystem): AdministrativeAction[] {
  return AdministrativeActions.filter(
    ({ AdministrativeActionType }) => AdministrativeActionType === "FILE_SYSTEM_UPDATE",
  ).sort((a, b) => Number(b.RequestTime ?? 0) - Number(a.RequestTime ?? 0));
}

export function isRunning({ Status }: AdministrativeAction): boolean {
  return Status === "PENDING" || Status === "IN_PROGRESS";
}

export function reasonOf({ FailureDetails }: AdministrativeAction): string {
  return FailureDetails?.Message ?? "no reason given";
}
