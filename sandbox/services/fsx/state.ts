import type {
  AdministrativeActionType,
  DataCompressionType,
  DriveCacheType,
  FileSystemLifecycle,
  FileSystemLustreMetadataConfiguration,
  LustreDeploymentType,
  LustreReadCacheConfiguration,
  LustreRootSquashConfiguration,
  Status,
  StorageType,
} from "@aws-sdk/client-fsx";
import { collection, pages } from "../../collection.ts";
import { lifecycle, MINUTE_MS } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import type { TagMap } from "../key-value-tags.ts";
import type { Operations } from "../operations.ts";

export type FsxOperations = Operations<typeof import("@aws-sdk/client-fsx")>;

/** What an UpdateFileSystem changes; absent members stay. */
export interface Change {
  readonly capacityGiB?: number | undefined;
  readonly throughputPerTiB?: number | undefined;
  readonly version?: string | undefined;
  readonly compression?: DataCompressionType | undefined;
  readonly weeklyMaintenance?: string | undefined;
  readonly backupRetentionDays?: number | undefined;
  readonly rootSquash?: LustreRootSquashConfiguration | undefined;
  readonly metadata?: FileSystemLustreMetadataConfiguration | undefined;
}

export interface ActionState {
  readonly type: AdministrativeActionType;
  readonly requestedAt: number;
  readonly target?: Change | undefined;
  status: Status;
  /** When it goes on: IN_PROGRESS, then done. */
  nextAt: number;
  readonly doneAt: number;
  doom?: string | undefined;
}

export interface FileSystemState {
  readonly id: string;
  readonly arn: string;
  readonly createdAt: number;
  readonly visibleFrom: number;
  lifecycle: FileSystemLifecycle;
  /** When CREATING or DELETING ends; absent when nothing is on its way. */
  nextAt?: number | undefined;
  /** Set at creation for one that will fail. */
  readonly doom?: string | undefined;
  failure?: string | undefined;
  readonly deploymentType: LustreDeploymentType;
  readonly storageType: StorageType;
  capacityGiB?: number | undefined;
  throughputPerTiB?: number | undefined;
  readonly throughputCapacity?: number | undefined;
  readonly readCache?: LustreReadCacheConfiguration | undefined;
  metadata?: FileSystemLustreMetadataConfiguration | undefined;
  version: string;
  readonly mountName: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly interfaceIds: readonly string[];
  readonly kmsKeyArn?: string | undefined;
  readonly driveCache?: DriveCacheType | undefined;
  readonly efa: boolean;
  readonly copyTagsToBackups: boolean;
  compression: DataCompressionType;
  weeklyMaintenance: string;
  backupRetentionDays: number;
  readonly backupStart?: string | undefined;
  rootSquash?: LustreRootSquashConfiguration | undefined;
  tags: TagMap;
  /** Newest first. */
  actions: ActionState[];
}

export interface FsxState {
  readonly fileSystems: Record<string, FileSystemState>;
  /** By client request token: what was asked with it, and the file system it made. */
  readonly tokens: Record<string, { readonly asked: string; readonly id: string }>;
  /** Interfaces outlive their file system by a little. */
  lingering: { readonly interfaceIds: readonly string[]; readonly until: number }[];
  /** The key AWS made for this account's file systems. */
  defaultKeyArn?: string | undefined;
}

export function fsxState(call: Call): FsxState {
  return call.slice<FsxState>("fsx", call.region, () => ({ fileSystems: {}, tokens: {}, lingering: [] }));
}

export const fileSystems = collection(
  (call) => fsxState(call).fileSystems,
  (id) => new Refusal("FileSystemNotFound", `File system '${id}' does not exist.`),
);

export const fileSystemLife = lifecycle<FileSystemState, "lifecycle">("lifecycle", {
  CREATING: { takesMs: [4 * MINUTE_MS, 8 * MINUTE_MS], to: "AVAILABLE", failed: "FAILED" },
  DELETING: { takesMs: [5 * MINUTE_MS, 6 * MINUTE_MS] },
});

export const paged = pages({
  ...{ token: "NextToken", size: "MaxResults", usual: 100 },
  badToken: () => badRequest("The NextToken value is not valid."),
});

export function arnOf({ partition, region, account }: Call, resource: string): string {
  return `arn:${partition}:fsx:${region}:${account}:${resource}`;
}

export function badRequest(message: string): Refusal {
  return new Refusal("BadRequest", message);
}
