import type { Partition } from "./partitions.ts";
import type { CompleteConfig } from "./schema.ts";

/** The shape that the schema gives it. */
type Complete = DeepReadonly<CompleteConfig>;

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** What an environment is to be, with nothing left open but what only the account can tell (VPC, zones, memory). */
export interface Config {
  readonly name: string;
  readonly region: string;
  readonly partition: Partition;
  readonly network: Complete["network"];
  /** Undefined: an environment without Lustre. */
  readonly filesystem: FilesystemConfig | undefined;
  readonly machineImage: Complete["machineImage"];
  readonly iam: Complete["iam"];
  readonly logs: Complete["logs"];
  /** The user's own, on everything that is made. */
  readonly tags: Readonly<Record<string, string>>;
  /** Chosen for the user, by region; kept in the manifest, so that a later release chooses alike. */
  readonly pins: Readonly<Record<string, string>>;
  /** The first one's things have the environment's bare name. */
  readonly workloads: readonly [WorkloadConfig, ...WorkloadConfig[]];
}

/** One kind of work, with what is its own. */
export interface WorkloadConfig {
  /** Its preset's. */
  readonly name: string;
  /** What its own nodes' ids end in: its name, and nothing where it is the first. */
  readonly suffix: string | undefined;
  readonly scratch: ScratchConfig;
  readonly container: ContainerConfig;
  readonly compute: Omit<Complete["compute"], "purchase" | "bidPercentage"> & {
    readonly purchase: Purchase;
    /** Never below `job.timeoutMinutes`, so that an update kills no job. */
    readonly updateTimeoutMinutes: number;
  };
  readonly job: Omit<Complete["job"], "parameters" | "environment" | "buckets"> & {
    readonly parameters: Readonly<Record<string, string>>;
    readonly environment: Readonly<Record<string, string>>;
    readonly buckets: { readonly read: readonly string[]; readonly write: readonly string[] };
  };
}

/** What may be left open in a file, and is chosen for every file system. */
type Chosen = "deploymentType" | "storageType" | "capacityGiB" | "lustreVersion";

/** Without `throughputPerTiB` where it cannot be chosen, and with `driveCache` where FSx insists on it: for HDD. */
export type FilesystemConfig = Omit<Complete["filesystem"], "enabled" | Chosen> & {
  readonly [K in Chosen]: NonNullable<Complete["filesystem"][K]>;
};

export type ScratchConfig =
  | { readonly kind: "instance-store"; readonly mountPoint: string }
  | { readonly kind: "ebs"; readonly mountPoint: string; readonly sizeGiB: number }
  | { readonly kind: "none" };

export type ContainerConfig =
  | { readonly kind: "ready"; readonly image: string }
  | {
      readonly kind: "build";
      readonly context: ContextFolder;
      readonly builder: Complete["container"]["builder"];
      /** The program to put into the image. */
      readonly package?: ProgramPackage | undefined;
      readonly args: Readonly<Record<string, string>>;
      readonly mirrors: NonNullable<Complete["container"]["mirrors"]>;
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
