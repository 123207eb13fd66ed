import type { Call, Constraint, Service } from "../service.ts";
import { dataRepositoryOperations, settleDataRepositories } from "./fsx/data-repositories.ts";
import { fileSystemOperations } from "./fsx/file-systems.ts";
import { settleFileSystems } from "./fsx/settle.ts";
import { tagOperations } from "./fsx/tags.ts";

const token: Constraint = { pattern: /^[A-Za-z0-9_.-]+$/, length: [1, 63] };
const fileSystemId: Constraint = { pattern: /^fs-[0-9a-f]{8,}$/, length: [11, 21] };
const capacity: Constraint = { range: [0, 2_147_483_647] };
const throughput: Constraint = { range: [12, 1000] };
const compression: Constraint = { oneOf: ["NONE", "LZ4"] };
const weekly: Constraint = { pattern: /^[1-7]:([01]\d|2[0-3]):[0-5]\d$/, length: [7, 7] };
const daily: Constraint = { pattern: /^([01]\d|2[0-3]):[0-5]\d$/, length: [5, 5] };
const retention: Constraint = { range: [0, 90] };
const version: Constraint = { pattern: /^[0-9](.[0-9]+)*$/, length: [1, 20] };
const arn: Constraint = {
  pattern: /^arn:[^:]{1,63}:[^:]{0,63}:[^:]{0,63}:(?:|\d{12}):[^/].{0,1023}$/,
  length: [8, 512],
};
const maxResults: Constraint = { range: [1, 2_147_483_647] };
const tags = {
  Tags: { length: [1, 50] },
  "Tags[].Key": { length: [1, 128], pattern: /^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$/u },
  "Tags[].Value": { length: [0, 256], pattern: /^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$/u },
} as const;

export const fsx: Service = {
  name: "fsx",
  client: () => import("@aws-sdk/client-fsx"),
  settle(call: Call) {
    settleFileSystems(call);
    settleDataRepositories(call);
  },
  operations: {
    ...dataRepositoryOperations,
    ...fileSystemOperations,
    ...tagOperations,
  },
  constraints: {
    CreateDataRepositoryAssociation: { ClientRequestToken: token, FileSystemId: fileSystemId, ...tags },
    CreateDataRepositoryTask: {
      ClientRequestToken: token,
      FileSystemId: fileSystemId,
      Type: {
        oneOf: ["EXPORT_TO_REPOSITORY", "IMPORT_METADATA_FROM_REPOSITORY", "RELEASE_DATA_FROM_FILESYSTEM"],
      },
      Paths: { length: [0, 100] },
      ...tags,
    },
    CreateFileSystem: {
      ClientRequestToken: token,
      FileSystemType: { oneOf: ["WINDOWS", "LUSTRE", "ONTAP", "OPENZFS"] },
      StorageType: { oneOf: ["SSD", "HDD", "INTELLIGENT_TIERING"] },
      StorageCapacity: capacity,
      SubnetIds: { length: [0, 50] },
      "SubnetIds[]": { pattern: /^subnet-[0-9a-f]{8,}$/, length: [15, 24] },
      SecurityGroupIds: { length: [0, 50] },
      "SecurityGroupIds[]": { pattern: /^sg-[0-9a-f]{8,}$/, length: [11, 20] },
      KmsKeyId: { length: [1, 2048] },
      FileSystemTypeVersion: version,
      ...tags,
      "LustreConfiguration.DeploymentType": { oneOf: ["SCRATCH_1", "SCRATCH_2", "PERSISTENT_1", "PERSISTENT_2"] },
      "LustreConfiguration.PerUnitStorageThroughput": throughput,
      "LustreConfiguration.DataCompressionType": compression,
      "LustreConfiguration.DriveCacheType": { oneOf: ["NONE", "READ"] },
      "LustreConfiguration.WeeklyMaintenanceStartTime": weekly,
      "LustreConfiguration.DailyAutomaticBackupStartTime": daily,
      "LustreConfiguration.AutomaticBackupRetentionDays": retention,
      "LustreConfiguration.MetadataConfiguration.Mode": { oneOf: ["AUTOMATIC", "USER_PROVISIONED"] },
      "LustreConfiguration.MetadataConfiguration.Iops": { range: [1500, 192_000] },
      "LustreConfiguration.ThroughputCapacity": { range: [8, 2_000_000] },
    },
    DeleteFileSystem: { FileSystemId: fileSystemId, ClientRequestToken: token },
    DescribeFileSystems: {
      FileSystemIds: { length: [0, 50] },
      "FileSystemIds[]": fileSystemId,
      MaxResults: maxResults,
    },
    ListTagsForResource: { ResourceARN: arn, MaxResults: maxResults },
    TagResource: { ResourceARN: arn, ...tags },
    UntagResource: { ResourceARN: arn, TagKeys: { length: [1, 50] } },
    UpdateFileSystem: {
      FileSystemId: fileSystemId,
      ClientRequestToken: token,
      StorageCapacity: capacity,
      FileSystemTypeVersion: version,
      "LustreConfiguration.PerUnitStorageThroughput": throughput,
      "LustreConfiguration.DataCompressionType": compression,
      "LustreConfiguration.WeeklyMaintenanceStartTime": weekly,
      "LustreConfiguration.AutomaticBackupRetentionDays": retention,
    },
  },
};
