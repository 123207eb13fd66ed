import type {
  ComputeEnvironmentOrder,
  ComputeResource,
  JobStateTimeLimitAction,
  JobStatus,
  RegisterJobDefinitionRequest,
  SubmitJobRequest,
} from "@aws-sdk/client-batch";
import { isVisible, pages } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";
import type { Table } from "../../world.ts";
import type { Operations } from "../operations.ts";

export type BatchOperations = Operations<typeof import("@aws-sdk/client-batch")>;

export type Status = "CREATING" | "UPDATING" | "DELETING" | "DELETED" | "VALID" | "INVALID";

/** An instance Batch runs for a compute environment. */
/** When a node gives its disks up, and what it says then. */
export interface BootTrouble {
  readonly at: number;
  readonly environment: string;
  readonly words: string;
}

export interface Node {
  readonly instanceId: string;
  readonly type: string;
  readonly vCpus: number;
  /** What the ECS agent registers, less than the type's memory. */
  readonly memoryMiB: number;
  readonly launchedAt: number;
  /** When it has joined the cluster; never, if its role does not let it, ECS is out of its reach or its disks are. */
  readonly readyAt: number;
  /** Until it has told it. */
  trouble?: BootTrouble | undefined;
  idleSince?: number | undefined;
  /** Images it has pulled. */
  images: string[];
}

export interface EnvironmentState {
  readonly name: string;
  readonly arn: string;
  readonly uuid: string;
  readonly createdAt: number;
  readonly visibleFrom?: number | undefined;
  readonly managed: boolean;
  readonly context?: string | undefined;
  readonly clusterArn: string;
  state: "ENABLED" | "DISABLED";
  status: Status;
  statusReason: string;
  /** When the status that is on its way is reached. */
  nextAt?: number | undefined;
  resources?: ComputeResource | undefined;
  /** The launch template's version as it was when it was last looked at. */
  templateVersion?: number | undefined;
  serviceRole: string;
  updatePolicy: { terminateJobsOnUpdate: boolean; jobExecutionTimeoutMinutes: number };
  tags: Record<string, string>;
  nodes: Node[];
  /** An infrastructure update under way: it waits for running jobs until `killsAt`. */
  update?: { readonly resources: ComputeResource; readonly killsAt: number; readonly replacesMs: number } | undefined;
  /** Scripted: why it will turn out INVALID. */
  doom?: string | undefined;
}

export interface QueueState {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  readonly visibleFrom?: number | undefined;
  readonly schedulingPolicyArn?: string | undefined;
  state: "ENABLED" | "DISABLED";
  status: Status;
  statusReason: string;
  nextAt?: number | undefined;
  priority: number;
  order: ComputeEnvironmentOrder[];
  limits: JobStateTimeLimitAction[];
  tags: Record<string, string>;
}

export interface DefinitionState {
  readonly name: string;
  readonly arn: string;
  readonly revision: number;
  readonly registeredAt: number;
  readonly visibleFrom?: number | undefined;
  readonly body: RegisterJobDefinitionRequest;
  status: "ACTIVE" | "INACTIVE";
  inactiveSince?: number | undefined;
  tags: Record<string, string>;
}

export interface Attempt {
  readonly startedAt?: number | undefined;
  readonly stoppedAt: number;
  readonly statusReason: string;
  readonly exitCode?: number | undefined;
  readonly reason?: string | undefined;
  readonly containerInstanceArn?: string | undefined;
  readonly taskArn?: string | undefined;
  readonly logStreamName?: string | undefined;
}

/** Scripted at SubmitJob: how the job will go. */
export interface JobFate {
  readonly kind: string;
  readonly reason?: string | undefined;
  readonly ms?: number | undefined;
}

/** How a program that cannot do its work ends. */
export interface Failure {
  readonly exitCode: number;
  readonly words: string;
}

export interface JobState {
  readonly id: string;
  readonly arn: string;
  readonly name: string;
  readonly queueArn: string;
  readonly definitionArn: string;
  /** What SubmitJob was sent; an array's children have their parent's. */
  readonly asked?: SubmitJobRequest | undefined;
  readonly createdAt: number;
  readonly vCpus: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  readonly image: string;
  readonly command: readonly string[];
  readonly fate?: JobFate | undefined;
  /** Of an array's parent: its size. Of a child: its place. */
  readonly arraySize?: number | undefined;
  readonly arrayIndex?: number | undefined;
  readonly parentId?: string | undefined;
  status: JobStatus;
  statusReason?: string | undefined;
  /** When the next step is due; absent when it waits for something else. */
  nextAt?: number | undefined;
  startedAt?: number | undefined;
  stoppedAt?: number | undefined;
  /** Since when it stands RUNNABLE for the reason its statusReason gives. */
  blockedSince?: number | undefined;
  node?: { readonly environment: string; readonly instanceId: string } | undefined;
  taskArn?: string | undefined;
  logStreamName?: string | undefined;
  attempts: Attempt[];
  /** Found when it began to run: how it will end. */
  failure?: Failure | undefined;
  isCancelled?: boolean | undefined;
  isTerminated?: boolean | undefined;
  /** Told to end: with this reason, at `nextAt`. */
  endingFor?: string | undefined;
  tags: Record<string, string>;
}

export interface BatchState {
  readonly environments: Record<string, EnvironmentState>;
  readonly queues: Record<string, QueueState>;
  /** By ARN. */
  readonly definitions: Record<string, DefinitionState>;
  /** Last revision by name: numbers are never used twice. */
  readonly revisions: Record<string, number>;
  /** Until when a compute environment still counts as used by a queue that is gone, by the environment's ARN. */
  readonly ghosts: Record<string, number>;
}

export function batchState(call: Call): BatchState {
  return call.slice<BatchState>("batch", call.region, () => ({
    environments: {},
    queues: {},
    definitions: {},
    revisions: {},
    ghosts: {},
  }));
}

/** Jobs, by id: there may be very many. */
export function jobsOf(call: Call): Table<JobState> {
  return call.table<JobState>("batch-jobs", call.region);
}

export function askedOf(call: Call, { asked, parentId = "" }: Readonly<JobState>): SubmitJobRequest {
  return asked ?? jobsOf(call).look(parentId)!.asked!;
}

export function batchArn({ partition, region, account }: Call, resource: string): string {
  return `arn:${partition}:batch:${region}:${account}:${resource}`;
}

/** The same call at an earlier moment: what came due is done as of then. */
export function at(call: Call, ms: number): Call {
  return { ...call, now: ms };
}

export function clientException(message: string): Refusal {
  return new Refusal("ClientException", message);
}

export function badToken(): Refusal {
  return clientException("nextToken is not valid.");
}

const paged = pages({ token: "nextToken", size: "maxResults", usual: 100, badToken });

/** One page of what reads show of these, at most 100 on it. */
export function page<T extends { readonly arn: string }>(
  call: Call,
  input: Parameters<typeof paged>[1],
  list: readonly T[],
) {
  const maxResults = Math.min(input.maxResults || 100, 100);
  const seen = list.filter((thing) => isVisible(call, thing));
  return paged(call, { ...input, maxResults }, seen, ({ arn }) => arn);
}

export function checkTagKeys(tags: Readonly<Record<string, string>> | undefined): void {
  if (!Object.keys(tags ?? {}).some((key) => /^aws:/i.test(key))) return;
  throw clientException("aws: prefixed tag key names are not allowed for external use.");
}

/** What Batch was refused by a service it asks: told in Batch's own frame. */
export function executionError(call: Call, words: string): Refusal {
  return clientException(`Error executing request, Exception : ${words}, RequestId: ${call.uuid()}`);
}

export function environmentOf(call: Call, nameOrArn: string | undefined): EnvironmentState | undefined {
  return Object.values(batchState(call).environments).find(({ name, arn }) => name === nameOrArn || arn === nameOrArn);
}

/** For a change; one that shows DELETED is not there. */
export function liveEnvironment(call: Call, nameOrArn: string | undefined): EnvironmentState {
  const environment = environmentOf(call, nameOrArn);
  if (environment !== undefined && isLive(environment)) return environment;
  throw clientException(`Compute environment ${nameOrArn} does not exist.`);
}

export function queueOf(call: Call, nameOrArn: string | undefined): QueueState | undefined {
  return Object.values(batchState(call).queues).find(({ name, arn }) => name === nameOrArn || arn === nameOrArn);
}

const COUNT_LIMIT = 50;

/** Refuses a name that a live one has, and one more than there may be; what shows DELETED counts for neither. */
export function demandRoom(
  what: string,
  all: Readonly<Record<string, { readonly status: Status }>>,
  there: { readonly status: Status } | undefined,
): void {
  if (there !== undefined && isLive(there)) throw clientException("Object already exists");
  if (Object.values(all).filter(isLive).length >= COUNT_LIMIT) {
    throw clientException(`${what} limit of ${COUNT_LIMIT} exceeded.`);
  }
}

export function isLive({ status }: { readonly status: Status }): boolean {
  return status !== "DELETED";
}

export function isModified({ status }: { readonly status: Status }): boolean {
  return status === "CREATING" || status === "UPDATING" || status === "DELETING";
}

export function isTerminal({ status }: Pick<JobState, "status">): boolean {
  return status === "SUCCEEDED" || status === "FAILED";
}
