import type { DeploymentType, LustreVersion, StorageType } from "./filesystem-rules.ts";
import type { Partition } from "./partitions.ts";

/** What an environment is to be, with nothing left open but what only the account can tell (VPC, zones, memory). */
export interface Config {
  readonly name: string;
  readonly region: string;
  readonly partition: Partition;
  readonly workload: string;
  readonly network: { readonly vpcId?: string | undefined; readonly subnetId?: string | undefined };
  /** Undefined: a workload without Lustre. */
  readonly filesystem: FilesystemConfig | undefined;
  readonly scratch: ScratchConfig;
  readonly machineImage: {
    readonly os: "al2023" | "al2";
    readonly packages: readonly string[];
    readonly builderInstanceType: string;
    readonly rootGiB?: number | undefined;
    readonly keep: number;
    readonly fuseHours: number;
  };
  readonly container: ContainerConfig;
  readonly compute: {
    readonly instanceTypes: readonly string[];
    readonly maxVcpus: number;
    readonly minVcpus: number;
    readonly purchase: Purchase;
    /** Undefined: the file system's subnet. */
    readonly subnetIds?: readonly string[] | undefined;
    /** Never below `job.timeoutMinutes`, so that an update kills no job. */
    readonly updateTimeoutMinutes: number;
  };
  readonly job: {
    /** Undefined: what fits the smallest instance type. */
    readonly vcpus?: number | undefined;
    readonly memoryMiB?: number | undefined;
    readonly timeoutMinutes: number;
    readonly attempts: number;
    readonly command?: readonly string[] | undefined;
    readonly parameters: Readonly<Record<string, string>>;
    readonly environment: Readonly<Record<string, string>>;
    readonly buckets: { readonly read: readonly string[]; readonly write: readonly string[] };
    readonly maxRunnableMinutes: number;
  };
  readonly iam: { readonly path: string; readonly permissionsBoundary?: string | undefined };
  readonly logs: { readonly retentionDays: number };
  /** The user's own, on everything that is made. */
  readonly tags: Readonly<Record<string, string>>;
  /** Chosen for the user, by region; kept in the manifest, so that a later release chooses alike. */
  readonly pins: Readonly<Record<string, string>>;
}

export interface FilesystemConfig {
  readonly deploymentType: DeploymentType;
  readonly storageType: StorageType;
  readonly capacityGiB: number;
  /** MB/s for each TiB; undefined for SCRATCH_2, where it cannot be chosen. */
  readonly throughputPerTiB?: number | undefined;
  readonly lustreVersion: LustreVersion;
  /** AUTOMATIC for PERSISTENT_2 with 2.15, which FSx refuses without a metadata configuration. */
  readonly metadataMode?: "AUTOMATIC" | undefined;
  readonly compression: "NONE" | "LZ4";
  /** Set for HDD, where FSx insists on it. */
  readonly driveCache?: "NONE" | "READ" | undefined;
  readonly kmsKeyId?: string | undefined;
  readonly mountPoint: string;
  readonly directories: readonly string[];
}

export type ScratchConfig =
  | { readonly kind: "instance-store"; readonly mountPoint: string }
  | { readonly kind: "ebs"; readonly mountPoint: string; readonly sizeGiB: number }
  | { readonly kind: "none" };

export type ContainerConfig =
  | { readonly kind: "ready"; readonly image: string }
  | {
      readonly kind: "build";
      readonly context: ContextFolder;
      readonly builder: "auto" | "docker" | "podman" | "buildah" | "instance";
      /** The program to put into the image. */
      readonly package?: ProgramPackage | undefined;
      readonly args: Readonly<Record<string, string>>;
      readonly mirrors: {
        readonly baseImage?: string | undefined;
        readonly conda?: string | undefined;
        readonly packages?: string | undefined;
      };
    };

/** An RPM, or a zip that holds one. One on disk is sent with the context; one in S3 is fetched by an instance in the region. */
export type ProgramPackage =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "s3"; readonly bucket: string; readonly key: string };

/** Ours in templates/docker, by its name; or the user's own, by its absolute path. */
export type ContextFolder =
  | { readonly kind: "template"; readonly name: string }
  | { readonly kind: "folder"; readonly path: string };

export type Purchase =
  | { readonly kind: "on-demand" }
  | { readonly kind: "spot"; readonly bidPercentage?: number | undefined };
