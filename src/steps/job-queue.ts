import {
  CreateJobQueueCommand,
  DeleteJobQueueCommand,
  DescribeJobQueuesCommand,
  type JobQueueDetail,
  type JobStateTimeLimitAction,
  type JobStatus,
  type JQStatus,
  paginateListJobs,
  TagResourceCommand,
  TerminateJobCommand,
  UpdateJobQueueCommand,
  type UpdateJobQueueRequest,
} from "@aws-sdk/client-batch";
import pLimit from "p-limit";
import type { Cloud } from "../aws/clients.ts";
import { driftOf, drifts } from "../aws/drift.ts";
import { orNothing } from "../aws/errors.ts";
import { stateFrom } from "../aws/state.ts";
import { fingerprintTags, fromTags, tagsOf } from "../aws/tags.ts";
import type { Drift, State, Step } from "../engine/step.ts";

export interface JobQueueInputs {
  /** The first has precedence. */
  readonly computeEnvironmentArns: readonly string[];
  /** Higher goes first, among queues of one compute environment. */
  readonly priority: number;
  /** A job at the head of the queue that no machine can take is cancelled after so long; 600 to 86,400. */
  readonly maxRunnableSeconds: number;
  /** Given once and for ever: a queue is either first in, first out, or fair-share. */
  readonly schedulingPolicyArn?: string | undefined;
}

export interface JobQueueOutput {
  readonly arn: string;
  readonly jobQueueName: string;
}

/** Where jobs are submitted to. */
export const jobQueue: Step<JobQueueInputs, JobQueueOutput, unknown, Cloud> = {
  kind: "job-queue",
  singular: true,
  repeatable: true,
  pace: { expectMs: 4_000, everyMs: 2_000, timeoutMs: 15 * 60_000 },

  fixed: ({ schedulingPolicyArn }) => ({ schedulingPolicyArn }),

  async find(context) {
    const { cloud, inputs, name } = context;
    const live = await described(cloud, name);
    if (!live) return [];
    return [
      {
        ref: live.jobQueueArn!,
        ...fromTags(context, live.tags ?? {}),
        ...condition(live),
        output: { arn: live.jobQueueArn!, jobQueueName: live.jobQueueName! },
        drift: inputs && driftFrom(inputs, live),
      },
    ];
  },

  async create(context) {
    const { cloud, inputs, name } = context;
    const { jobQueueArn } = await cloud.batch.send(
      new CreateJobQueueCommand({
        jobQueueName: name,
        ...settingsOf(inputs),
        schedulingPolicyArn: inputs.schedulingPolicyArn,
        tags: tagsOf(context),
      }),
    );
    return jobQueueArn!;
  },

  async update(context, found) {
    const { cloud, inputs } = context;
    if (found.state === "pending") return;
    if (!found.drift?.length) {
      await cloud.batch.send(new TagResourceCommand({ resourceArn: found.ref, tags: fingerprintTags(context) }));
      return;
    }
    const changed = Object.entries(settingsOf(inputs)).filter(([field]) => drifts(found, field));
    await cloud.batch.send(new UpdateJobQueueCommand({ jobQueue: found.ref, ...Object.fromEntries(changed) }));
  },

  async destroy({ cloud, name }, { ref }) {
    const live = await described(cloud, ref);
    if (!live || ["pending", "deleting"].includes(condition(live).state)) return;
    if (live.state === "ENABLED") {
      await orNothing(cloud.batch.send(new UpdateJobQueueCommand({ jobQueue: ref, state: "DISABLED" })));
      return;
    }
    const jobs = await unfinishedJobs(cloud, ref);
    if (jobs.length > 0) await terminate(cloud, jobs, `the environment ${name} is being taken down`);
    else await orNothing(cloud.batch.send(new DeleteJobQueueCommand({ jobQueue: ref })));
  },
};

const STATE: Readonly<Record<JQStatus, State>> = {
  CREATING: "pending",
  UPDATING: "pending",
  VALID: "ready",
  INVALID: "failed",
  DELETING: "deleting",
  DELETED: "deleting",
};

const UNFINISHED: readonly JobStatus[] = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"];

/** Why a job may be stuck for good, in the words that Batch matches. */
const STUCK = [
  "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
  "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
  "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
] as const;

async function described({ batch }: Cloud, nameOrArn: string): Promise<JobQueueDetail | undefined> {
  const { jobQueues } = await batch.send(new DescribeJobQueuesCommand({ jobQueues: [nameOrArn] }));
  // A deleted one is shown for a while.
  return jobQueues?.find(({ status }) => status !== "DELETED");
}

function condition({ state, status, statusReason }: JobQueueDetail) {
  const { state: now, detail } = stateFrom(STATE, status);
  const word = state === "DISABLED" ? `${detail}, DISABLED` : detail;
  return { state: now, detail: status === "INVALID" ? (statusReason ?? word) : word };
}

type Settings = Required<
  Pick<UpdateJobQueueRequest, "state" | "priority" | "computeEnvironmentOrder" | "jobStateTimeLimitActions">
>;

/** In AWS's own words, for create as for update. */
function settingsOf({ computeEnvironmentArns, maxRunnableSeconds, priority }: JobQueueInputs) {
  return {
    state: "ENABLED",
    priority,
    computeEnvironmentOrder: computeEnvironmentArns.map((computeEnvironment, at) => ({
      order: at + 1,
      computeEnvironment,
    })),
    jobStateTimeLimitActions: STUCK.map(
      (reason): JobStateTimeLimitAction => ({
        reason,
        state: "RUNNABLE",
        maxTimeSeconds: maxRunnableSeconds,
        action: "CANCEL",
      }),
    ),
  } satisfies Settings;
}

function driftFrom(inputs: JobQueueInputs, live: JobQueueDetail): Drift[] {
  return driftOf(normal(settingsOf(inputs)), normal(live));
}

/** Lists come back in any order. */
function normal({ state, priority, computeEnvironmentOrder, jobStateTimeLimitActions }: Settings | JobQueueDetail) {
  return {
    state,
    priority,
    computeEnvironmentOrder: [...(computeEnvironmentOrder ?? [])]
      .sort((a, b) => a.order! - b.order!)
      .map(({ computeEnvironment }) => computeEnvironment),
    jobStateTimeLimitActions: (jobStateTimeLimitActions ?? [])
      .map(({ reason, state, action, maxTimeSeconds }) => `${reason} ${state} ${action} after ${maxTimeSeconds} s`)
      .sort(),
  };
}

async function unfinishedJobs({ batch }: Cloud, queue: string): Promise<string[]> {
  const lists = UNFINISHED.map(async (jobStatus) => {
    const ids: string[] = [];
    // Asked for no status, Batch would answer only the running ones.
    for await (const page of paginateListJobs({ client: batch }, { jobQueue: queue, jobStatus })) {
      ids.push(...(page.jobSummaryList ?? []).map(({ jobId }) => jobId!));
    }
    return ids;
  });
  return (await Promise.all(lists)).flat();
}

async function terminate({ batch }: Cloud, jobIds: readonly string[], reason: string): Promise<void> {
  const limit = pLimit(8);
  await Promise.all(jobIds.map((jobId) => limit(() => batch.send(new TerminateJobCommand({ jobId, reason })))));
}
