import { MINUTE_MS, NEVER } from "../../lifecycle.ts";
import type { Call } from "../../service.ts";
import { findRole, releaseServiceLinkedRole } from "../iam.ts";
import { isForgotten, jobIndex, limitOf } from "./job-index.ts";
import { advanceJob, failWaiting, loseHost, settleDependencies } from "./job-life.ts";
import { endNodes, lostNodes, tellTroubles } from "./nodes.ts";
import { jobsOn, noteIdle, placeJobs } from "./placement.ts";
import { profileReadyAt, templateVersionOf, troubleWith, userDataTrouble } from "./resources.ts";
import {
  at,
  type BatchState,
  batchState,
  type EnvironmentState,
  isTerminal,
  type JobState,
  jobsOf,
  type Node,
  type QueueState,
} from "./state.ts";

const IDLE_MS = 10 * MINUTE_MS;
const NEVER_JOINED_MS = 20 * MINUTE_MS;
const NOT_JOINED =
  "CLIENT_ERROR - Your compute environment has been INVALIDATED and scaled down because none of the instances joined " +
  "the underlying ECS Cluster. Common issues preventing instances joining are the following: VPC/Subnet configuration preventing " +
  "communication to ECS, incorrect Instance Profile policy preventing authorization to ECS, or customized AMI or " +
  "LaunchTemplate configurations affecting ECS agent.";
const STEPS_LIMIT = 200_000;

/** Start here: whatever came due since the last request is done, each thing as of its own moment. */
export function settleBatch(call: Call): void {
  const state = batchState(call);
  for (let step = 0; step < STEPS_LIMIT; step++) {
    const due = Math.min(earliest(state), jobIndex(call).earliest());
    if (due > call.now) break;
    settleMoment(at(call, due), state);
  }
  watchNodes(call, state);
  watchHealth(call, state);
  settleDependencies(call);
  placeJobs(call);
  noteIdle(call);
}

function settleMoment(call: Call, state: BatchState): void {
  for (const environment of Object.values(state.environments)) {
    if (isDue(call, environment.nextAt)) settleEnvironment(call, state, environment);
    settleNodes(call, environment);
  }
  for (const queue of Object.values(state.queues)) if (isDue(call, queue.nextAt)) settleQueue(call, state, queue);
  for (const id of jobIndex(call).takeDue(call.now)) {
    const job = jobsOf(call).get(id);
    if (job === undefined) continue;
    const limit = limitOf(call, job);
    if (isForgotten(call, job)) jobsOf(call).delete(id);
    else if (isDue(call, job.nextAt)) advanceJob(call, job);
    else if (isDue(call, limit?.at)) failWaiting(call, job, limit!.reason);
  }
  settleDependencies(call);
  placeJobs(call);
  noteIdle(call);
}

function isDue({ now }: Call, moment: number | undefined): boolean {
  return moment !== undefined && moment <= now;
}

function earliest(state: BatchState): number {
  const { environments, queues } = state;
  let first = NEVER;
  const note = (moment: number | undefined) => {
    if (moment !== undefined && moment < first) first = moment;
  };
  for (const environment of Object.values(environments)) {
    note(environment.nextAt);
    for (const node of environment.nodes) {
      note(endOf(environment, node));
      note(node.trouble?.at);
    }
  }
  for (const { nextAt } of Object.values(queues)) note(nextAt);
  return first;
}

/** When a node goes: idle for long enough and not needed for the minimum, or never joined. */
function endOf({ resources, nodes, status }: EnvironmentState, node: Node): number | undefined {
  if (status === "UPDATING" || status === "DELETING") return undefined;
  if (node.readyAt === NEVER) return node.launchedAt + NEVER_JOINED_MS;
  if (node.idleSince === undefined) return undefined;
  const total = nodes.reduce((sum, { vCpus }) => sum + vCpus, 0);
  if (total - node.vCpus < (resources?.minvCpus ?? 0)) return undefined;
  const delay = resources?.scalingPolicy?.minScaleDownDelayMinutes;
  return node.idleSince + (delay ? delay * MINUTE_MS : IDLE_MS);
}

function settleNodes(call: Call, environment: EnvironmentState): void {
  tellTroubles(call, environment);
  for (const node of [...environment.nodes]) {
    if (!isDue(call, endOf(environment, node))) continue;
    if (node.readyAt === NEVER) {
      environment.status = "INVALID";
      environment.statusReason = NOT_JOINED;
    }
    for (const job of jobsOn(call, node)) loseHost(call, job);
    endNodes(call, environment, [node]);
  }
}

function settleEnvironment(call: Call, state: BatchState, environment: EnvironmentState): void {
  environment.nextAt = undefined;
  switch (environment.status) {
    case "CREATING":
      becomeValid(call, environment);
      return;
    case "UPDATING":
      if (environment.update) replaceNodes(call, environment);
      else becomeValid(call, environment);
      return;
    case "DELETING":
      finishDeletion(call, environment);
      return;
    case "DELETED":
      delete state.environments[environment.name];
      return;
  }
}

function becomeValid(call: Call, environment: EnvironmentState): void {
  const { resources, serviceRole, doom } = environment;
  const young = resources === undefined ? call.now : profileReadyAt(call, resources);
  if (young > call.now && young < call.now + 5 * MINUTE_MS) {
    environment.nextAt = young + call.between(1_000, 5_000);
    return;
  }
  const trouble =
    doom ??
    (resources && troubleWith(call, resources, serviceRole)) ??
    (resources && userDataTrouble(call, resources, environment.templateVersion));
  environment.doom = undefined;
  environment.status = trouble === undefined ? "VALID" : "INVALID";
  environment.statusReason = trouble ?? "ComputeEnvironment Healthy";
}

/** Waits for running jobs as long as the update policy lets it, then replaces the nodes. */
function replaceNodes(call: Call, environment: EnvironmentState): void {
  const { update, nodes } = environment;
  const running = nodes.flatMap((node) => jobsOn(call, node)).filter(({ status }) => status !== "RUNNABLE");
  if (running.length > 0 && call.now < update!.killsAt) {
    const next = Math.min(...running.map(({ nextAt = NEVER }) => nextAt), update!.killsAt);
    environment.nextAt = Math.max(call.now + 1_000, next + 1);
    return;
  }
  for (const node of nodes) for (const job of jobsOn(call, node)) loseHost(call, job);
  endNodes(call, environment, nodes);
  environment.resources = update!.resources;
  environment.templateVersion = troubleless(() => templateVersionOf(call, update!.resources));
  environment.nextAt = call.now + update!.replacesMs;
  environment.update = undefined;
}

function finishDeletion(call: Call, environment: EnvironmentState): void {
  const { nodes, serviceRole, arn } = environment;
  if (nodes.length > 0) {
    for (const node of nodes) for (const job of jobsOn(call, node)) loseHost(call, job);
    endNodes(call, environment, nodes);
    environment.nextAt = call.now + call.between(60_000, 120_000);
    return;
  }
  if (findRole(call, serviceRole) === undefined) {
    environment.status = "INVALID";
    environment.statusReason = `CLIENT_ERROR - The service role ${serviceRole} does not exist or cannot be assumed.`;
    return;
  }
  environment.status = "DELETED";
  environment.nextAt = call.now + call.between(5_000, 60_000);
  releaseServiceLinkedRole(call, "batch.amazonaws.com", arn);
}

function settleQueue(call: Call, state: BatchState, queue: QueueState): void {
  queue.nextAt = undefined;
  switch (queue.status) {
    case "CREATING":
    case "UPDATING":
      queue.status = "VALID";
      queue.statusReason = "JobQueue Healthy";
      return;
    case "DELETING": {
      const open = [...jobsOf(call).all()].filter((job) => job.queueArn === queue.arn && !isTerminal(job));
      for (const { id } of open) endWithQueue(call, jobsOf(call).get(id)!);
      if (open.length > 0) {
        queue.nextAt = call.now + call.between(20_000, 40_000);
        return;
      }
      queue.status = "DELETED";
      queue.nextAt = call.now + call.between(2_000, 30_000);
      // An environment counts as used for a moment longer.
      for (const { computeEnvironment } of queue.order) {
        state.ghosts[computeEnvironment!] = call.now + call.between(3_000, 20_000);
      }
      return;
    }
    case "DELETED":
      delete state.queues[queue.name];
  }
}

function endWithQueue(call: Call, job: JobState): void {
  const reason = "Job was terminated because its job queue was deleted";
  if (job.status === "STARTING" || job.status === "RUNNING") {
    job.endingFor = reason;
    job.nextAt = call.now + call.between(2_000, 15_000);
  } else {
    failWaiting(call, job, reason);
  }
}

function watchNodes(call: Call, { environments }: BatchState): void {
  for (const environment of Object.values(environments)) {
    for (const node of lostNodes(call, environment)) {
      for (const job of jobsOn(call, node)) loseHost(call, job);
      environment.nodes = environment.nodes.filter((each) => each !== node);
    }
  }
}

/** A role, profile, group or template removed behind its back makes an environment INVALID. */
function watchHealth(call: Call, { environments }: BatchState): void {
  for (const environment of Object.values(environments)) {
    const { resources, status, serviceRole } = environment;
    if (status !== "VALID" || resources === undefined) continue;
    const trouble = troubleWith(call, resources, serviceRole);
    if (trouble === undefined) continue;
    environment.status = "INVALID";
    environment.statusReason = trouble;
  }
}

function troubleless<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
