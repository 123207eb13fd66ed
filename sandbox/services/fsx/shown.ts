import type { AdministrativeAction, FileSystem, LustreFileSystemConfiguration } from "@aws-sdk/client-fsx";
import type { Call } from "../../service.ts";
import { toTags } from "../key-value-tags.ts";
import type { ActionState, Change, FileSystemState } from "./state.ts";

/** A file system as FSx describes it: without its security groups, which only its interfaces tell. */
export function shownFileSystem(call: Call, fileSystem: FileSystemState): FileSystem {
  const { id, failure } = fileSystem;
  return {
    OwnerId: call.account,
    CreationTime: new Date(fileSystem.createdAt),
    FileSystemId: id,
    FileSystemType: "LUSTRE",
    Lifecycle: fileSystem.lifecycle,
    ...(failure !== undefined && { FailureDetails: { Message: failure } }),
    ...(fileSystem.capacityGiB !== undefined && { StorageCapacity: fileSystem.capacityGiB }),
    StorageType: fileSystem.storageType,
    VpcId: fileSystem.vpcId,
    SubnetIds: [fileSystem.subnetId],
    NetworkInterfaceIds: call.shuffled(fileSystem.interfaceIds),
    // In China too, without .cn.
    DNSName: `${id}.fsx.${call.region}.amazonaws.com`,
    ...(fileSystem.kmsKeyArn !== undefined && { KmsKeyId: fileSystem.kmsKeyArn }),
    ResourceARN: fileSystem.arn,
    Tags: call.shuffled(toTags(fileSystem.tags)),
    LustreConfiguration: lustreOf(fileSystem),
    AdministrativeActions: fileSystem.actions.map((action) => shownAction(call, action)),
    FileSystemTypeVersion: fileSystem.version,
  };
}

function lustreOf(fileSystem: FileSystemState): LustreFileSystemConfiguration {
  const { throughputPerTiB, throughputCapacity, readCache, metadata, driveCache, rootSquash } = fileSystem;
  const persistent = fileSystem.deploymentType.startsWith("PERSISTENT");
  return {
    WeeklyMaintenanceStartTime: fileSystem.weeklyMaintenance,
    DeploymentType: fileSystem.deploymentType,
    ...(throughputPerTiB !== undefined && { PerUnitStorageThroughput: throughputPerTiB }),
    MountName: fileSystem.mountName,
    ...(fileSystem.backupRetentionDays > 0 && { DailyAutomaticBackupStartTime: fileSystem.backupStart }),
    ...(persistent && { AutomaticBackupRetentionDays: fileSystem.backupRetentionDays }),
    CopyTagsToBackups: fileSystem.copyTagsToBackups,
    ...(driveCache !== undefined && { DriveCacheType: driveCache }),
    DataCompressionType: fileSystem.compression,
    LogConfiguration: { Level: "DISABLED" },
    ...(rootSquash !== undefined && { RootSquashConfiguration: rootSquash }),
    ...(metadata !== undefined && { MetadataConfiguration: metadata }),
    ...(fileSystem.deploymentType === "PERSISTENT_2" && { EfaEnabled: fileSystem.efa }),
    ...(throughputCapacity !== undefined && { ThroughputCapacity: throughputCapacity }),
    ...(readCache !== undefined && { DataReadCacheConfiguration: readCache }),
  };
}

function shownAction({ now }: Call, action: ActionState): AdministrativeAction {
  const { type, requestedAt, doneAt, status, target, doom } = action;
  const percent = Math.floor((100 * (now - requestedAt)) / Math.max(1, doneAt - requestedAt));
  const underWay = status === "IN_PROGRESS" || status === "OPTIMIZING";
  return {
    AdministrativeActionType: type,
    ...(underWay && { ProgressPercent: Math.max(0, Math.min(99, percent)) }),
    RequestTime: new Date(requestedAt),
    Status: status,
    ...(target !== undefined && { TargetFileSystemValues: targetOf(target) }),
    ...(status === "FAILED" && doom !== undefined && { FailureDetails: { Message: doom } }),
  };
}

function targetOf(target: Change): FileSystem {
  const lustre: LustreFileSystemConfiguration = {
    ...(target.throughputPerTiB !== undefined && { PerUnitStorageThroughput: target.throughputPerTiB }),
    ...(target.compression !== undefined && { DataCompressionType: target.compression }),
    ...(target.weeklyMaintenance !== undefined && { WeeklyMaintenanceStartTime: target.weeklyMaintenance }),
    ...(target.backupRetentionDays !== undefined && { AutomaticBackupRetentionDays: target.backupRetentionDays }),
    ...(target.rootSquash !== undefined && { RootSquashConfiguration: target.rootSquash }),
    ...(target.metadata !== undefined && { MetadataConfiguration: target.metadata }),
  };
  return {
    ...(target.capacityGiB !== undefined && { StorageCapacity: target.capacityGiB }),
    ...(target.version !== undefined && { FileSystemTypeVersion: target.version }),
    ...(Object.keys(lustre).length > 0 && { LustreConfiguration: lustre }),
  };
}
