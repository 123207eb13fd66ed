import type { ComputeEnvironmentOrder, JobQueueDetail, JobStateTimeLimitAction } from "@aws-sdk/client-batch";
import { MINUTE_MS, overAt } from "../../lifecycle.ts";
import type { Call } from "../../service.ts";
import { noteLimits } from "./job-index.ts";
import { typesOf } from "./resources.ts";
import {
  type BatchOperations,
  batchArn,
  batchState,
  checkTagKeys,
  clientException,
  demandRoom,
  type EnvironmentState,
  environmentOf,
  isLive,
  isModified,
  page,
  type QueueState,
  queueOf,
} from "./state.ts";

const BLOCKED_REASONS = [
  "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
  "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
  "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
  "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
];

export const queueOperations = {
  CreateJobQueue(input, call) {
    const name = input.jobQueueName!;
    const { queues } = batchState(call);
    demandRoom("Job queue", queues, queueOf(call, name));
    checkTagKeys(input.tags);
    const order = checkedOrder(call, input.computeEnvironmentOrder);
    const limits = checkedLimits(input.jobStateTimeLimitActions);
    const fate = call.fate();
    const arn = batchArn(call, `job-queue/${name}`);
    queues[name] = {
      name,
      arn,
      createdAt: call.now,
      schedulingPolicyArn: input.schedulingPolicyArn,
      state: input.state ?? "ENABLED",
      status: "CREATING",
      statusReason: "",
      visibleFrom: call.now + call.unseenMs,
      nextAt: overAt(call, [5_000, 30_000], fate),
      priority: input.priority!,
      order,
      limits,
      tags: input.tags ?? {},
    };
    return { jobQueueName: name, jobQueueArn: arn };
  },

  DescribeJobQueues(input, call) {
    const chosen = input.jobQueues?.length
      ? input.jobQueues.flatMap((name) => queueOf(call, name) ?? [])
      : Object.values(batchState(call).queues);
    const { items, next } = page(call, input, chosen);
    return { jobQueues: items.map(shown), ...next };
  },

  UpdateJobQueue(input, call) {
    const queue = liveQueue(call, input.jobQueue);
    if (isModified(queue)) throw clientException("Cannot update, resource is being modified.");
    if (input.schedulingPolicyArn !== undefined && queue.schedulingPolicyArn === undefined) {
      throw clientException("A scheduling policy cannot be added to a job queue that was created without one.");
    }
    if (input.computeEnvironmentOrder) queue.order = checkedOrder(call, input.computeEnvironmentOrder);
    if (input.jobStateTimeLimitActions) {
      queue.limits = checkedLimits(input.jobStateTimeLimitActions);
      noteLimits(call);
    }
    queue.priority = input.priority ?? queue.priority;
    queue.state = input.state ?? queue.state;
    change(call, queue, "UPDATING");
    return { jobQueueName: queue.name, jobQueueArn: queue.arn };
  },

  /** Its jobs are ended before it is gone. */
  DeleteJobQueue(input, call) {
    const queue = liveQueue(call, input.jobQueue);
    if (isModified(queue)) throw clientException("Cannot delete, resource is being modified.");
    if (queue.state !== "DISABLED") throw clientException("Cannot delete, state of the job queue must be DISABLED.");
    change(call, queue, "DELETING");
    return {};
  },
} satisfies BatchOperations;

function change(call: Call, queue: QueueState, status: "UPDATING" | "DELETING"): void {
  queue.status = status;
  queue.statusReason = "";
  queue.nextAt = overAt(call, status === "UPDATING" ? [5_000, 30_000] : [10_000, MINUTE_MS], call.fate());
}

function liveQueue(call: Call, nameOrArn: string | undefined): QueueState {
  const queue = queueOf(call, nameOrArn);
  if (queue !== undefined && isLive(queue)) return queue;
  throw clientException(`Job queue ${nameOrArn} does not exist.`);
}

function checkedOrder(call: Call, order: readonly ComputeEnvironmentOrder[] | undefined): ComputeEnvironmentOrder[] {
  if (!order?.length) throw clientException("computeEnvironmentOrder is required.");
  if (order.length > 3) throw clientException("A job queue can have at most 3 compute environments.");
  if (new Set(order.map((each) => each.order)).size < order.length) {
    throw clientException("computeEnvironmentOrder must not use an order twice.");
  }
  const environments = order.map(({ computeEnvironment }) => validEnvironment(call, computeEnvironment!));
  const architectures = environments.flatMap(({ resources }) => (resources ? typesOf(resources).slice(0, 1) : []));
  if (new Set(architectures.map(({ architecture }) => architecture)).size > 1) {
    throw clientException("Compute environments of different architectures cannot be mixed in a job queue.");
  }
  return order
    .map((each, index) => ({ order: each.order, computeEnvironment: environments[index]!.arn }))
    .sort((a, b) => a.order! - b.order!);
}

function validEnvironment(call: Call, nameOrArn: string): EnvironmentState {
  const environment = environmentOf(call, nameOrArn);
  if (environment === undefined || !isLive(environment)) {
    throw clientException(`Compute environment ${nameOrArn} does not exist.`);
  }
  // One being updated was valid and will be.
  if (environment.status === "VALID" || environment.status === "UPDATING") return environment;
  throw clientException(`Compute environment ${environment.arn} is not valid: its status is ${environment.status}.`);
}

function checkedLimits(limits: readonly JobStateTimeLimitAction[] | undefined): JobStateTimeLimitAction[] {
  for (const { reason, maxTimeSeconds = 0 } of limits ?? []) {
    if (!BLOCKED_REASONS.includes(reason ?? "")) {
      throw clientException(`jobStateTimeLimitActions reason must be one of ${BLOCKED_REASONS.join(", ")}.`);
    }
    if (maxTimeSeconds < 600 || maxTimeSeconds > 86_400) {
      throw clientException("jobStateTimeLimitActions maxTimeSeconds must be between 600 and 86400.");
    }
  }
  return [...(limits ?? [])];
}

function shown(queue: QueueState): JobQueueDetail {
  const { schedulingPolicyArn } = queue;
  return {
    jobQueueName: queue.name,
    jobQueueArn: queue.arn,
    state: queue.state,
    ...(schedulingPolicyArn !== undefined && { schedulingPolicyArn }),
    status: queue.status,
    statusReason: queue.statusReason,
    priority: queue.priority,
    computeEnvironmentOrder: queue.order,
    serviceEnvironmentOrder: [],
    jobQueueType: "ECS",
    tags: { ...queue.tags },
    jobStateTimeLimitActions: queue.limits,
  };
}
