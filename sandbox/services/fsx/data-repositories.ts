import type {
  CompletionReport,
  DataRepositoryAssociation,
  DataRepositoryLifecycle,
  DataRepositoryTask,
  DataRepositoryTaskLifecycle,
  DataRepositoryTaskType,
  S3DataRepositoryConfiguration,
} from "@aws-sdk/client-fsx";
import { type Call, Refusal } from "../../service.ts";
import { type TagMap, toTagMap, toTags } from "../key-value-tags.ts";
import { pageOf } from "../paging.ts";
import { badRequest, type FsxOperations, fileSystemOf, MINUTE_MS } from "./state.ts";

export interface AssociationState {
  readonly id: string;
  readonly arn: string;
  readonly fileSystemId: string;
  readonly path: string;
  readonly repository: string;
  readonly importsMetadata: boolean;
  readonly chunkMiB: number;
  readonly s3: S3DataRepositoryConfiguration;
  readonly createdAt: number;
  lifecycle: DataRepositoryLifecycle;
  nextAt?: number | undefined;
  tags: TagMap;
}

export interface TaskState {
  readonly id: string;
  readonly arn: string;
  readonly fileSystemId: string;
  readonly type: DataRepositoryTaskType;
  readonly paths: readonly string[];
  readonly report: CompletionReport;
  readonly createdAt: number;
  readonly startsAt: number;
  endsAt: number;
  readonly doom?: string | undefined;
  lifecycle: DataRepositoryTaskLifecycle;
  tags: TagMap;
}

export interface RepositoriesState {
  readonly associations: Record<string, AssociationState>;
  readonly tasks: Record<string, TaskState>;
}

const ASSOCIATION_LIMIT = 8;

export function associationsOf(call: Call): Record<string, AssociationState> {
  return repositories(call).associations;
}

export function tasksOf(call: Call): Record<string, TaskState> {
  return repositories(call).tasks;
}

/** Ids of the tasks that keep a file system from being deleted. */
export function busyTasks(call: Call, fileSystemId: string): readonly string[] {
  return Object.values(tasksOf(call))
    .filter((task) => task.fileSystemId === fileSystemId && isBusy(task))
    .map(({ id }) => id);
}

export function settleDataRepositories(call: Call): void {
  const { associations, tasks } = repositories(call);
  for (const association of Object.values(associations)) {
    if (association.nextAt === undefined || call.now < association.nextAt) continue;
    association.nextAt = undefined;
    if (association.lifecycle === "DELETING") delete associations[association.id];
    else association.lifecycle = "AVAILABLE";
  }
  for (const task of Object.values(tasks)) {
    if (task.lifecycle === "PENDING" && call.now >= task.startsAt) task.lifecycle = "EXECUTING";
    if (call.now < task.endsAt) continue;
    if (task.lifecycle === "CANCELING") task.lifecycle = "CANCELED";
    else if (task.lifecycle === "EXECUTING") task.lifecycle = task.doom === undefined ? "SUCCEEDED" : "FAILED";
  }
}

export const dataRepositoryOperations = {
  CreateDataRepositoryAssociation(input, call) {
    const { associations } = repositories(call);
    const fileSystem = fileSystemOf(call, input.FileSystemId);
    const path = input.FileSystemPath ?? "/";
    const { deploymentType, storageType, version, lifecycle, id: fileSystemId } = fileSystem;
    if (deploymentType === "SCRATCH_1" || storageType === "INTELLIGENT_TIERING" || version === "2.10") {
      throw badRequest(`File system '${fileSystemId}' does not support data repository associations.`);
    }
    if (lifecycle !== "AVAILABLE") throw badRequest(`File system '${fileSystemId}' is not available.`);
    const beside = Object.values(associations).filter((each) => each.fileSystemId === fileSystemId);
    if (beside.length >= ASSOCIATION_LIMIT) throw badRequest("A file system can have 8 data repository associations.");
    if (!path.startsWith("/") || beside.some((each) => overlaps(each.path, path))) {
      throw badRequest(`FileSystemPath '${path}' is not valid or overlaps with that of another association.`);
    }
    const id = call.id("dra-");
    const association: AssociationState = {
      id,
      arn: arnOf(call, `association/${fileSystemId}/${id}`),
      fileSystemId,
      path,
      repository: input.DataRepositoryPath!,
      importsMetadata: input.BatchImportMetaDataOnCreate ?? false,
      chunkMiB: input.ImportedFileChunkSize ?? 1024,
      s3: input.S3 ?? {},
      createdAt: call.now,
      lifecycle: "CREATING",
      nextAt: call.now + call.between(3 * MINUTE_MS, 8 * MINUTE_MS),
      tags: toTagMap(input.Tags),
    };
    associations[id] = association;
    return { Association: shownAssociation(association) };
  },

  DeleteDataRepositoryAssociation(input, call) {
    const association = repositories(call).associations[input.AssociationId!] ?? noAssociation(input.AssociationId);
    if (association.lifecycle !== "DELETING") {
      association.lifecycle = "DELETING";
      association.nextAt = call.now + call.between(8 * MINUTE_MS, 10 * MINUTE_MS);
    }
    return {
      AssociationId: association.id,
      Lifecycle: "DELETING",
      DeleteDataInFileSystem: input.DeleteDataInFileSystem ?? false,
    };
  },

  DescribeDataRepositoryAssociations(input, call) {
    const { associations } = repositories(call);
    const chosen =
      input.AssociationIds?.map((id) => associations[id] ?? noAssociation(id)) ?? Object.values(associations);
    const fits = chosen.filter((each) =>
      (input.Filters ?? []).every(
        ({ Name, Values }) => Name !== "file-system-id" || Values?.includes(each.fileSystemId),
      ),
    );
    const { items, next } = pageOf(fits, ({ id }) => id, input.MaxResults ?? 100, input.NextToken, badToken);
    return {
      Associations: call.shuffled(items).map(shownAssociation),
      ...(next !== undefined && { NextToken: next }),
    };
  },

  CreateDataRepositoryTask(input, call) {
    const { id: fileSystemId, lifecycle } = fileSystemOf(call, input.FileSystemId);
    if (lifecycle !== "AVAILABLE") throw badRequest(`File system '${fileSystemId}' is not available.`);
    if (busyTasks(call, fileSystemId).length > 0) {
      throw new Refusal(
        "DataRepositoryTaskExecuting",
        `An existing data repository task is currently executing on file system '${fileSystemId}'.`,
      );
    }
    const linked = Object.values(associationsOf(call)).some((each) => each.fileSystemId === fileSystemId);
    if (!linked) throw badRequest(`File system '${fileSystemId}' is not linked to a data repository.`);
    const fate = call.fate();
    const startsAt = call.now + call.between(20_000, 60_000);
    const id = call.id("task-");
    const task: TaskState = {
      id,
      arn: arnOf(call, `task/${id}`),
      fileSystemId,
      type: input.Type!,
      paths: input.Paths ?? [],
      report: input.Report!,
      createdAt: call.now,
      startsAt,
      endsAt:
        fate?.kind === "never" ? Number.MAX_SAFE_INTEGER : startsAt + (fate?.ms ?? call.between(120_000, 600_000)),
      doom: fate?.kind === "fail" ? (fate.reason ?? "One or more files failed.") : undefined,
      lifecycle: "PENDING",
      tags: toTagMap(input.Tags),
    };
    tasksOf(call)[id] = task;
    return { DataRepositoryTask: shownTask(call, task) };
  },

  CancelDataRepositoryTask(input, call) {
    const task = tasksOf(call)[input.TaskId!] ?? noTask(input.TaskId);
    if (!isBusy(task)) throw new Refusal("DataRepositoryTaskEnded", `Data repository task '${task.id}' has ended.`);
    if (task.lifecycle !== "CANCELING") {
      task.lifecycle = "CANCELING";
      task.endsAt = call.now + call.between(10_000, 40_000);
    }
    return { TaskId: task.id, Lifecycle: task.lifecycle };
  },

  DescribeDataRepositoryTasks(input, call) {
    const tasks = tasksOf(call);
    const chosen = input.TaskIds?.map((id) => tasks[id] ?? noTask(id)) ?? Object.values(tasks);
    const fits = chosen.filter((task) =>
      (input.Filters ?? []).every(({ Name, Values }) =>
        Name === "file-system-id"
          ? Values?.includes(task.fileSystemId)
          : Name !== "task-lifecycle" || Values?.includes(task.lifecycle),
      ),
    );
    const { items, next } = pageOf(fits, ({ id }) => id, input.MaxResults ?? 100, input.NextToken, badToken);
    return {
      DataRepositoryTasks: call.shuffled(items).map((task) => shownTask(call, task)),
      ...(next !== undefined && { NextToken: next }),
    };
  },
} satisfies FsxOperations;

function repositories(call: Call): RepositoriesState {
  return call.slice<RepositoriesState>("fsx-repositories", call.region, () => ({ associations: {}, tasks: {} }));
}

function isBusy({ lifecycle }: TaskState): boolean {
  return lifecycle === "PENDING" || lifecycle === "EXECUTING" || lifecycle === "CANCELING";
}

function overlaps(a: string, b: string): boolean {
  const within = (path: string, parent: string) => `${path}/`.startsWith(parent.endsWith("/") ? parent : `${parent}/`);
  return within(a, b) || within(b, a);
}

function shownAssociation(association: AssociationState): DataRepositoryAssociation {
  return {
    AssociationId: association.id,
    ResourceARN: association.arn,
    FileSystemId: association.fileSystemId,
    Lifecycle: association.lifecycle,
    FileSystemPath: association.path,
    DataRepositoryPath: association.repository,
    BatchImportMetaDataOnCreate: association.importsMetadata,
    ImportedFileChunkSize: association.chunkMiB,
    S3: association.s3,
    Tags: toTags(association.tags),
    CreationTime: new Date(association.createdAt),
  };
}

function shownTask({ now }: Call, task: TaskState): DataRepositoryTask {
  const started = task.startsAt <= now;
  const ended = !isBusy(task);
  return {
    TaskId: task.id,
    Lifecycle: task.lifecycle,
    Type: task.type,
    CreationTime: new Date(task.createdAt),
    ...(started && { StartTime: new Date(task.startsAt) }),
    ...(ended && { EndTime: new Date(task.endsAt) }),
    ResourceARN: task.arn,
    Tags: toTags(task.tags),
    FileSystemId: task.fileSystemId,
    Paths: [...task.paths],
    ...(task.lifecycle === "FAILED" && { FailureDetails: { Message: task.doom } }),
    Status: { TotalCount: 0, SucceededCount: 0, FailedCount: 0, LastUpdatedTime: new Date(now) },
    Report: task.report,
  };
}

function arnOf({ partition, region, account }: Call, resource: string): string {
  return `arn:${partition}:fsx:${region}:${account}:${resource}`;
}

function badToken(): Refusal {
  return badRequest("The NextToken value is not valid.");
}

function noAssociation(id: string | undefined): never {
  throw new Refusal("DataRepositoryAssociationNotFound", `Data repository association '${id}' does not exist.`);
}

function noTask(id: string | undefined): never {
  throw new Refusal("DataRepositoryTaskNotFound", `Data repository task '${id}' does not exist.`);
}
