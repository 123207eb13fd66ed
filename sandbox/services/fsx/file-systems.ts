import type { CreateFileSystemCommandInput, UpdateFileSystemCommandInput } from "@aws-sdk/client-fsx";
import { doomOf, MINUTE_MS, overAt, type Span } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import { attachInterfaces } from "../ec2/interfaces.ts";
import { useServiceLinkedRole } from "../iam.ts";
import { tagTrouble, toTagMap } from "../key-value-tags.ts";
import { busyTasks } from "./data-repositories.ts";
import { placeOf } from "./network.ts";
import { checkThroughputChange, growthFits, type Resolved, resolve, serverCount } from "./rules.ts";
import { shownFileSystem } from "./shown.ts";
import {
  type ActionState,
  arnOf,
  badRequest,
  type Change,
  type FileSystemState,
  type FsxOperations,
  fileSystemLife,
  fileSystems,
  fsxState,
  paged,
} from "./state.ts";

const STORAGE_LIMIT_GIB = 100_800;
const COUNT_LIMIT = 100;
const MOUNT_LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

export const fileSystemOperations = {
  CreateFileSystem(input, call) {
    const { tokens } = fsxState(call);
    const { ClientRequestToken: token, ...asked } = input;
    const askedText = JSON.stringify(asked);
    const bound = token === undefined ? undefined : tokens[token];
    if (bound !== undefined) {
      const there = fileSystems.find(call, bound.id);
      if (bound.asked !== askedText || there === undefined) {
        throw new Refusal(
          "IncompatibleParameterError",
          "The client request token provided was used in an earlier request with different parameters.",
          400,
          { Parameter: "ClientRequestToken" },
        );
      }
      return { FileSystem: shownFileSystem(call, there) };
    }
    const resolved = resolve(input, call);
    const trouble = tagTrouble({}, input.Tags ?? []);
    if (trouble !== undefined) throw badRequest(trouble);
    checkLimits(call, resolved, input.StorageCapacity ?? 0);
    const made = newFileSystem(call, input, resolved);
    const fileSystem = fileSystems.add(call, made.id, made);
    if (token !== undefined) tokens[token] = { asked: askedText, id: fileSystem.id };
    useServiceLinkedRole(call, "fsx.amazonaws.com", fileSystem.arn);
    return { FileSystem: shownFileSystem(call, fileSystem) };
  },

  /** In pages that may be short and still have a successor. */
  DescribeFileSystems(input, call) {
    const chosen = fileSystems.chosen(call, input.FileSystemIds);
    const most = input.MaxResults ?? 100;
    const MaxResults = chosen.length > 1 && call.random() < 0.3 ? Math.min(most, Math.ceil(chosen.length / 2)) : most;
    const { items, next } = paged(call, { ...input, MaxResults }, chosen, ({ id }) => id);
    return { FileSystems: items.map((fileSystem) => shownFileSystem(call, fileSystem)), ...next };
  },

  UpdateFileSystem(input, call) {
    const fileSystem = fileSystems.get(call, input.FileSystemId);
    const change = changeIn(input, fileSystem);
    const { lifecycle, id } = fileSystem;
    if (lifecycle !== "AVAILABLE") throw badRequest(`Cannot update file system ${id} while in ${lifecycle} state.`);
    checkChange(call, fileSystem, change);
    const fate = call.fate();
    const doom = doomOf(fate, "An internal error occurred during the update.");
    const doneAt = overAt(call, updateTakes(change), fate);
    const update: ActionState = {
      type: "FILE_SYSTEM_UPDATE",
      requestedAt: call.now,
      target: change,
      status: "PENDING",
      nextAt: call.now + Math.min(30_000, (doneAt - call.now) / 4),
      doneAt,
      doom,
    };
    const grows = change.capacityGiB !== undefined && doom === undefined;
    const rebalance: ActionState = {
      type: "STORAGE_OPTIMIZATION",
      requestedAt: call.now,
      status: "PENDING",
      nextAt: doneAt,
      doneAt: doneAt + call.between(20 * MINUTE_MS, 26 * MINUTE_MS),
    };
    fileSystem.actions = [update, ...(grows ? [rebalance] : []), ...fileSystem.actions].slice(0, 10);
    fileSystem.lifecycle = "UPDATING";
    return { FileSystem: shownFileSystem(call, fileSystem) };
  },

  /** Lustre's default is no final backup: what is on the file system is gone. */
  DeleteFileSystem(input, call) {
    const fileSystem = fileSystems.get(call, input.FileSystemId);
    const { id } = fileSystem;
    const tasks = busyTasks(call, id);
    if (tasks.length > 0) {
      throw badRequest(
        `File system '${id}' cannot be deleted while data repository tasks are PENDING or EXECUTING: ${tasks.join(", ")}`,
      );
    }
    if (input.LustreConfiguration?.SkipFinalBackup === false) {
      throw badRequest(`A final backup cannot be taken of file system '${id}'.`);
    }
    if (fileSystem.lifecycle !== "DELETING") {
      Object.assign(fileSystem, fileSystemLife.entering(call, "DELETING", call.fate()));
    }
    return { FileSystemId: id, Lifecycle: "DELETING", LustreResponse: {} };
  },
} satisfies FsxOperations;

function newFileSystem(call: Call, input: CreateFileSystemCommandInput, resolved: Resolved): FileSystemState {
  const lustre = input.LustreConfiguration ?? {};
  const efa = lustre.EfaEnabled ?? false;
  const place = placeOf(call, input.SubnetIds!, input.SecurityGroupIds, efa);
  const id = call.id("fs-");
  const interfaces = attachServers(call, id, place.subnet.id, place.groupIds, serverCount(resolved, input));
  const fate = call.fate();
  const failure = "The file system could not be created because of insufficient capacity in the Availability Zone.";
  return {
    id,
    arn: arnOf(call, `file-system/${id}`),
    createdAt: call.now,
    visibleFrom: call.now + call.unseenMs + (call.random() < 0.3 ? call.between(500, 3_000) : 0),
    ...fileSystemLife.entering(call, "CREATING", fate),
    doom: doomOf(fate, failure),
    deploymentType: resolved.deploymentType,
    storageType: resolved.storageType,
    capacityGiB: input.StorageCapacity,
    throughputPerTiB: lustre.PerUnitStorageThroughput,
    throughputCapacity: lustre.ThroughputCapacity,
    readCache: lustre.DataReadCacheConfiguration,
    metadata: lustre.MetadataConfiguration,
    version: resolved.version,
    mountName: resolved.deploymentType === "SCRATCH_1" ? "fsx" : mountName(call),
    subnetId: place.subnet.id,
    vpcId: place.subnet.vpcId,
    interfaceIds: interfaces,
    kmsKeyArn: resolved.deploymentType.startsWith("PERSISTENT") ? keyArn(call, input.KmsKeyId) : undefined,
    driveCache: lustre.DriveCacheType,
    efa,
    copyTagsToBackups: lustre.CopyTagsToBackups ?? false,
    compression: lustre.DataCompressionType ?? "NONE",
    weeklyMaintenance: lustre.WeeklyMaintenanceStartTime ?? weeklyStart(call),
    backupRetentionDays: lustre.AutomaticBackupRetentionDays ?? 0,
    backupStart: lustre.DailyAutomaticBackupStartTime ?? "05:00",
    rootSquash: lustre.RootSquashConfiguration,
    tags: toTagMap(input.Tags),
    actions: [],
  };
}

function attachServers(
  call: Call,
  id: string,
  subnetId: string,
  groupIds: readonly string[],
  count: number,
): readonly string[] {
  const description = `Created By Amazon FSx for File System ID: ${id}`;
  try {
    const made = attachInterfaces(call, { subnetId, groupIds, description, requester: "amazon-fsx" }, count);
    return made.map((each) => each.id);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(
      "InvalidNetworkSettings",
      `The subnet '${subnetId}' does not have enough free IP addresses for the file system`,
      400,
      { InvalidSubnetId: subnetId },
    );
  }
}

function changeIn(input: UpdateFileSystemCommandInput, fileSystem: FileSystemState): Change {
  const lustre = input.LustreConfiguration ?? {};
  const { MetadataConfiguration: metadata } = lustre;
  const wanted: Change = {
    capacityGiB: input.StorageCapacity,
    throughputPerTiB: lustre.PerUnitStorageThroughput,
    version: input.FileSystemTypeVersion,
    compression: lustre.DataCompressionType,
    weeklyMaintenance: lustre.WeeklyMaintenanceStartTime,
    backupRetentionDays: lustre.AutomaticBackupRetentionDays,
    rootSquash: lustre.RootSquashConfiguration,
    metadata: metadata && { Mode: metadata.Mode ?? fileSystem.metadata?.Mode, Iops: metadata.Iops },
  };
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  if (given.length === 0) throw badRequest("At least one property to update must be specified.");
  return Object.fromEntries(given) as Change;
}

function checkChange(
  call: Call,
  fileSystem: FileSystemState,
  { capacityGiB, throughputPerTiB, version, metadata }: Change,
): void {
  const { deploymentType, storageType, actions } = fileSystem;
  if (capacityGiB !== undefined) {
    if (actions.some(({ type, status }) => type === "STORAGE_OPTIMIZATION" && status !== "COMPLETED")) {
      throw badRequest("Storage capacity cannot be increased while an earlier increase is being optimized.");
    }
    if (capacityGiB <= (fileSystem.capacityGiB ?? 0)) {
      throw badRequest(
        `The new storage capacity (${capacityGiB} GiB) must be larger than the current one ` +
          `(${fileSystem.capacityGiB} GiB).`,
      );
    }
    if (!growthFits(deploymentType, storageType, fileSystem.throughputPerTiB, capacityGiB)) {
      throw badRequest(`StorageCapacity ${capacityGiB} is not valid for deployment type ${deploymentType}.`);
    }
  }
  if (throughputPerTiB !== undefined) checkThroughputChange(deploymentType, storageType, throughputPerTiB, call);
  if (version !== undefined && !(Number(version) > Number(fileSystem.version))) {
    throw badRequest(`Lustre version ${version} is not newer than the current version ${fileSystem.version}.`);
  }
  if (metadata !== undefined && fileSystem.metadata === undefined) {
    throw badRequest("The file system has no metadata configuration to update.");
  }
}

/** Settings alone take moments; throughput and version replace servers; growth takes longest. */
function updateTakes({ capacityGiB, throughputPerTiB, version, metadata }: Change): Span {
  if (capacityGiB !== undefined) return [14 * MINUTE_MS, 18 * MINUTE_MS];
  const replacesServers = throughputPerTiB !== undefined || version !== undefined || metadata !== undefined;
  return replacesServers ? [8 * MINUTE_MS, 15 * MINUTE_MS] : [20_000, 90_000];
}

function checkLimits(call: Call, { deploymentType }: Resolved, capacityGiB: number): void {
  const family = deploymentType.startsWith("SCRATCH") ? "SCRATCH" : deploymentType;
  const there = fileSystems.all(call).filter((each) => each.deploymentType.startsWith(family));
  const total = there.reduce((sum, each) => sum + (each.capacityGiB ?? 0), capacityGiB);
  if (there.length >= COUNT_LIMIT) throw limitExceeded("FILE_SYSTEM_COUNT", "number of file systems");
  if (total > STORAGE_LIMIT_GIB) throw limitExceeded("TOTAL_STORAGE", "total storage capacity");
}

function limitExceeded(Limit: string, what: string): Refusal {
  return new Refusal(
    "ServiceLimitExceeded",
    `The request exceeds your service limit on the ${what} of this type in this region.`,
    400,
    { Limit },
  );
}

function keyArn(call: Call, keyId: string | undefined): string {
  const { partition, region, account } = call;
  const arnOf = (id: string) => `arn:${partition}:kms:${region}:${account}:key/${id}`;
  if (keyId !== undefined) return keyId.startsWith("arn:") ? keyId : arnOf(keyId);
  const state = fsxState(call);
  state.defaultKeyArn ??= arnOf(call.uuid());
  return state.defaultKeyArn;
}

function mountName(call: Call): string {
  const letter = () => MOUNT_LETTERS[Math.floor(call.random() * MOUNT_LETTERS.length)];
  return Array.from({ length: 8 }, letter).join("");
}

function weeklyStart(call: Call): string {
  const hour = String(Math.floor(call.random() * 24)).padStart(2, "0");
  return `${1 + Math.floor(call.random() * 7)}:${hour}:${call.random() < 0.5 ? "00" : "30"}`;
}
