import type {
  CompletionReport,
  DataRepositoryAssociation,
  DataRepositoryLifecycle,
  DataRepositoryTask,
  DataRepositoryTaskLifecycle,
  DataRepositoryTaskType,
  S3DataRepositoryConfiguration,
} from "@aws-sdk/client-fsx";
import { collection } from "../../collection.ts";
import { doomOf, lifecycle, MINUTE_MS, overAt } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import { type TagMap, toTagMap, toTags } from "../key-value-tags.ts";
import { arnOf, badRequest, type FsxOperations, fileSystems, paged } from "./state.ts";

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

export const associations = collection(
  (call) => repositories(call).associations,
  (id) => new Refusal("DataRepositoryAssociationNotFound", `Data repository association '${id}' does not exist.`),
);

export const tasks = collection(
  (call) => repositories(call).tasks,
  (id) => new Refusal("DataRepositoryTaskNotFound", `Data repository task '${id}' does not exist.`),
);

const associationLife = lifecycle<AssociationState, "lifecycle">("lifecycle", {
  CREATING: { takesMs: [3 * MINUTE_MS, 8 * MINUTE_MS], to: "AVAILABLE" },
  DELETING: { takesMs: [8 * MINUTE_MS, 10 * MINUTE_MS] },
});

/** Ids of the tasks that keep a file system from being deleted. */
export function busyTasks(call: Call, fileSystemId: string): readonly string[] {
  return tasks
    .all(call)
    .filter((task) => task.fileSystemId === fileSystemId && isBusy(task))
    .map(({ id }) => id);
}

export function settleDataRepositories(call: Call): void {
  associationLife.settle(call, repositories(call).associations);
  for (const task of tasks.all(call)) {
    if (task.lifecycle === "PENDING" && call.now >= task.startsAt) task.lifecycle = "EXECUTING";
    if (call.now < task.endsAt) continue;
    if (task.lifecycle === "CANCELING") task.lifecycle = "CANCELED";
    else if (task.lifecycle === "EXECUTING") task.lifecycle = task.doom === undefined ? "SUCCEEDED" : "FAILED";
  }
}

export const dataRepositoryOperations = {
  CreateDataRepositoryAssociation(input, call) {
    const fileSystem = fileSystems.get(call, input.FileSystemId);
    const path = input.FileSystemPath ?? "/";
    const { deploymentType, storageType, version, lifecycle, id: fileSystemId } = fileSystem;
    if (deploymentType === "SCRATCH_1" || storageType === "INTELLIGENT_TIERING" || version === "2.10") {
      throw badRequest(`File system '${fileSystemId}' does not support data repository associations.`);
    }
    if (lifecycle !== "AVAILABLE") throw badRequest(`File system '${fileSystemId}' is not available.`);
    const beside = associations.all(call).filter((each) => each.fileSystemId === fileSystemId);
    if (beside.length >= ASSOCIATION_LIMIT) throw badRequest("A file system can have 8 data repository associations.");
    if (!path.startsWith("/") || beside.some((each) => overlaps(each.path, path))) {
      throw badRequest(`FileSystemPath '${path}' is not valid or overlaps with that of another association.`);
    }
    const id = call.id("dra-");
    const association = associations.add(call, id, {
      id,
      arn: arnOf(call, `association/${fileSystemId}/${id}`),
      fileSystemId,
      path,
      repository: input.DataRepositoryPath!,
      importsMetadata: input.BatchImportMetaDataOnCreate ?? false,
      chunkMiB: input.ImportedFileChunkSize ?? 1024,
      s3: input.S3 ?? {},
      createdAt: call.now,
      ...associationLife.entering(call, "CREATING"),
      tags: toTagMap(input.Tags),
    });
    return { Association: shownAssociation(association) };
  },

  DeleteDataRepositoryAssociation(input, call) {
    const association = associations.get(call, input.AssociationId);
    if (association.lifecycle !== "DELETING") Object.assign(association, associationLife.entering(call, "DELETING"));
    return {
      AssociationId: association.id,
      Lifecycle: "DELETING",
      DeleteDataInFileSystem: input.DeleteDataInFileSystem ?? false,
    };
  },

  DescribeDataRepositoryAssociations(input, call) {
    const fits = associations
      .chosen(call, input.AssociationIds)
      .filter(fitting(input.Filters, { "file-system-id": ({ fileSystemId }) => fileSystemId }));
    const { items, next } = paged(call, input, fits, ({ id }) => id);
    return { Associations: items.map(shownAssociation), ...next };
  },

  CreateDataRepositoryTask(input, call) {
    const { id: fileSystemId, lifecycle } = fileSystems.get(call, input.FileSystemId);
    if (lifecycle !== "AVAILABLE") throw badRequest(`File system '${fileSystemId}' is not available.`);
    if (busyTasks(call, fileSystemId).length > 0) {
      throw new Refusal(
        "DataRepositoryTaskExecuting",
        `An existing data repository task is currently executing on file system '${fileSystemId}'.`,
      );
    }
    const linked = associations.all(call).some((each) => each.fileSystemId === fileSystemId);
    if (!linked) throw badRequest(`File system '${fileSystemId}' is not linked to a data repository.`);
    const fate = call.fate();
    const startsAt = call.now + call.between(20_000, 60_000);
    const id = call.id("task-");
    const task = tasks.add(call, id, {
      id,
      arn: arnOf(call, `task/${id}`),
      fileSystemId,
      type: input.Type!,
      paths: input.Paths ?? [],
      report: input.Report!,
      createdAt: call.now,
      startsAt,
      endsAt: overAt(call, [2 * MINUTE_MS, 10 * MINUTE_MS], fate, startsAt),
      doom: doomOf(fate, "One or more files failed."),
      lifecycle: "PENDING",
      tags: toTagMap(input.Tags),
    });
    return { DataRepositoryTask: shownTask(call, task) };
  },

  CancelDataRepositoryTask(input, call) {
    const task = tasks.get(call, input.TaskId);
    if (!isBusy(task)) throw new Refusal("DataRepositoryTaskEnded", `Data repository task '${task.id}' has ended.`);
    if (task.lifecycle !== "CANCELING") {
      task.lifecycle = "CANCELING";
      task.endsAt = call.now + call.between(10_000, 40_000);
    }
    return { TaskId: task.id, Lifecycle: task.lifecycle };
  },

  DescribeDataRepositoryTasks(input, call) {
    const fields = {
      "file-system-id": ({ fileSystemId }: TaskState) => fileSystemId,
      "task-lifecycle": ({ lifecycle }: TaskState) => lifecycle,
    };
    const fits = tasks.chosen(call, input.TaskIds).filter(fitting(input.Filters, fields));
    const { items, next } = paged(call, input, fits, ({ id }) => id);
    return { DataRepositoryTasks: items.map((task) => shownTask(call, task)), ...next };
  },
} satisfies FsxOperations;

function repositories(call: Call): RepositoriesState {
  return call.slice<RepositoriesState>("fsx-repositories", call.region, () => ({ associations: {}, tasks: {} }));
}

interface Filter {
  readonly Name?: string | undefined;
  readonly Values?: readonly string[] | undefined;
}

/** Passes what fits every filter; one of another name is not looked at. */
function fitting<T>(filters: readonly Filter[] = [], fields: Readonly<Record<string, (item: T) => string>>) {
  return (item: T) =>
    filters.every(({ Name = "", Values }) => !(Name in fields) || Values?.includes(fields[Name]!(item)));
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
