import { NEVER } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import type { InstanceTypeFacts } from "../ec2/instance-types.ts";
import { jobIndex, type Line } from "./job-index.ts";
import { launchNode, registeredMemoryMiB } from "./nodes.ts";
import { profileReadyAt, typesOf } from "./resources.ts";
import { batchState, type EnvironmentState, type JobState, jobsOf, type Node, type QueueState } from "./state.ts";

const MAX_RESOURCE =
  "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the vCPU " +
  "requirement of the job: it is more than their maxvCpus allow.";
const JOB_RESOURCE =
  "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that " +
  "can be met by the CE(s) attached to the job queue.";
const NO_CAPACITY =
  "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type";

type Verdict = "placed" | "waits" | { readonly blocked: string };

/** Gives every RUNNABLE job a node, launching what is needed and allowed; says of the others why they wait. */
export function placeJobs(call: Call): void {
  const { queues, environments } = batchState(call);
  for (const environment of Object.values(environments)) keepMinimum(call, environment);
  const byPriority = Object.values(queues).sort((a, b) => b.priority - a.priority);
  for (const queue of byPriority) {
    if (queue.status === "VALID" || queue.status === "UPDATING") placeQueue(call, queue);
  }
}

/** Marks nodes that nothing runs on, from now. */
export function noteIdle(call: Call): void {
  for (const { nodes } of Object.values(batchState(call).environments)) {
    for (const node of nodes) {
      const busy = jobIndex(call).on(node.instanceId).length > 0;
      if (busy) node.idleSince = undefined;
      else node.idleSince ??= Math.max(call.now, node.readyAt === NEVER ? call.now : node.readyAt);
    }
  }
}

export function jobsOn(call: Call, { instanceId }: Node): JobState[] {
  return jobIndex(call)
    .on(instanceId)
    .map((id) => jobsOf(call).get(id)!);
}

/** First come, first served; what does not fit lets what comes after it pass. */
function placeQueue(call: Call, queue: QueueState): void {
  const all = Object.values(batchState(call).environments);
  const order = queue.order
    .map(({ computeEnvironment }) => all.find(({ arn }) => arn === computeEnvironment))
    .filter((each) => each?.state === "ENABLED" && each.status === "VALID");
  const stuck = new Set<Line>();
  const next = () =>
    jobIndex(call)
      .linesOf(queue.arn)
      .find((line) => !stuck.has(line));
  for (let line = next(); line !== undefined; line = next()) {
    const job = jobsOf(call).get(line.ids[0]!)!;
    const verdicts = order.map((environment): Verdict => place(call, job, environment!));
    if (job.node !== undefined) {
      job.statusReason = undefined;
      job.blockedSince = undefined;
      continue;
    }
    stuck.add(line);
    tellLine(call, line, verdicts);
  }
}

/** What keeps the first of a line keeps all; each is told once. */
function tellLine(call: Call, line: Line, verdicts: readonly Verdict[]): void {
  const reasons = verdicts.flatMap((verdict) => (typeof verdict === "object" ? [verdict.blocked] : []));
  // Only when no environment can do it are they blocked; else they wait their turn.
  const reason = reasons.length > 0 && reasons.length === verdicts.length ? reasons[0] : undefined;
  const jobs = jobsOf(call);
  for (const id of reason === line.reason ? line.fresh : line.ids) {
    if (jobs.look(id)!.statusReason === reason) continue;
    const job = jobs.get(id)!;
    job.blockedSince = reason === undefined ? undefined : call.now;
    job.statusReason = reason;
  }
  line.reason = reason;
  line.fresh.clear();
}

function place(call: Call, job: JobState, environment: EnvironmentState): Verdict {
  if (job.node !== undefined) return "placed";
  const resources = environment.resources;
  if (resources === undefined) return "waits";
  const free = environment.nodes.find((node) => node.readyAt !== NEVER && fitsBeside(call, node, job));
  if (free !== undefined) return assign(call, job, environment, free);
  const max = resources.maxvCpus ?? 0;
  const fitting = typesOf(resources).filter((type) => fits(type, job));
  if (fitting.length === 0) return { blocked: JOB_RESOURCE };
  const type = fitting.find(({ vCpus }) => vCpus <= max);
  if (type === undefined) return { blocked: MAX_RESOURCE };
  if (environment.nodes.some(({ readyAt }) => readyAt === NEVER)) return "waits";
  const used = environment.nodes.reduce((sum, { vCpus }) => sum + vCpus, 0);
  const limit = resources.allocationStrategy === "BEST_FIT" ? used + type.vCpus <= max : used < max;
  if (!limit || profileReadyAt(call, resources) > call.now) return "waits";
  if (job.fate?.kind === "capacity" && call.now < job.createdAt + (job.fate.ms ?? NEVER)) {
    return { blocked: `${NO_CAPACITY} [${type.id}]` };
  }
  const node = launch(call, environment, type);
  if (node === "") return "waits";
  return typeof node === "string" ? { blocked: node } : assign(call, job, environment, node);
}

function assign(call: Call, job: JobState, { name }: EnvironmentState, node: Node): Verdict {
  job.node = { environment: name, instanceId: node.instanceId };
  node.idleSince = undefined;
  job.nextAt = node.readyAt === NEVER ? undefined : Math.max(call.now + 1_000, node.readyAt);
  return "placed";
}

/** The node, or why the job has to wait: what EC2 refuses for good makes the environment INVALID. */
function launch(call: Call, environment: EnvironmentState, type: InstanceTypeFacts): Node | string {
  try {
    return launchNode(call, environment, type);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // Batch has no word for it: the environment stays VALID, and its jobs wait.
    if (error.code === "VcpuLimitExceeded") return "";
    if (error.code === "InsufficientInstanceCapacity") return `${NO_CAPACITY} [${type.id}]`;
    environment.status = "INVALID";
    environment.statusReason = `CLIENT_ERROR - ${error.message}`;
    return "";
  }
}

function keepMinimum(call: Call, environment: EnvironmentState): void {
  const { resources, status } = environment;
  if (resources === undefined || status !== "VALID" || profileReadyAt(call, resources) > call.now) return;
  const target = Math.max(resources.minvCpus ?? 0, resources.desiredvCpus ?? 0);
  const total = () => environment.nodes.reduce((sum, { vCpus }) => sum + vCpus, 0);
  while (total() < target) {
    const types = typesOf(resources);
    const missing = target - total();
    const type = types.findLast(({ vCpus }) => vCpus <= missing) ?? types[0];
    if (type === undefined || typeof launch(call, environment, type) === "string") return;
  }
  resources.desiredvCpus = resources.minvCpus;
}

function fits(type: InstanceTypeFacts, { vCpus, memoryMiB, gpus }: JobState): boolean {
  return gpus === 0 && vCpus <= type.vCpus && memoryMiB <= registeredMemoryMiB(type);
}

function fitsBeside(call: Call, node: Node, job: JobState): boolean {
  if (job.gpus > 0) return false;
  const beside = jobIndex(call)
    .on(node.instanceId)
    .map((id) => jobsOf(call).look(id)!);
  const vCpus = beside.reduce((sum, each) => sum + each.vCpus, job.vCpus);
  const memoryMiB = beside.reduce((sum, each) => sum + each.memoryMiB, job.memoryMiB);
  return vCpus <= node.vCpus && memoryMiB <= node.memoryMiB;
}
