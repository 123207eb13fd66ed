import {
  CreateJobQueueCommand,
  DeleteJobQueueCommand,
  DescribeJobQueuesCommand,
  type JobQueueDetail,
  paginateDescribeJobQueues,
  paginateListJobs,
  TagResourceCommand,
  TerminateJobCommand,
  UpdateJobQueueCommand,
} from "@aws-sdk/client-batch";
import pLimit from "p-limit";
import { batchState } from "../aws/batch-state.ts";
import type { Cloud } from "../aws/clients.ts";
import { orNothing } from "../aws/errors.ts";
import { changeOf, driftOf, sameNames, wholeOf } from "../aws/fields.ts";
import { UNFINISHED } from "../aws/jobs.ts";
import { fingerprintTags, fromTags, isNameOf, nameFor, tagsOf, workloadOf } from "../aws/tags.ts";
import type { FindContext, Step } from "../engine/step.ts";

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
  naming: "fixed",
  pace: { expectMs: 4_000, everyMs: 2_000, timeoutMs: 15 * 60_000 },

  fixed: ({ schedulingPolicyArn }) => ({ schedulingPolicyArn }),

  async find(context) {
    const { inputs } = context;
    return (await queuesOf(context)).map((live) => ({
      ref: live.jobQueueArn!,
      ...fromTags(context, live.tags ?? {}),
      ...batchState(live),
      output: { arn: live.jobQueueArn!, jobQueueName: live.jobQueueName! },
      drift: inputs && driftOf(FIELDS, inputs, live),
    }));
  },

  async create(context) {
    const { cloud, inputs } = context;
    const { jobQueueArn } = await cloud.batch.send(
      new CreateJobQueueCommand({
        jobQueueName: nameFor(context),
        ...wholeOf(FIELDS, inputs),
        schedulingPolicyArn: inputs.schedulingPolicyArn,
        tags: tagsOf(context),
      }),
    );
    return jobQueueArn!;
  },

  async stamp(context, { ref: resourceArn }) {
    await context.cloud.batch.send(new TagResourceCommand({ resourceArn, tags: fingerprintTags(context) }));
  },

  async update({ cloud, inputs }, found) {
    const change = changeOf(FIELDS, inputs, found);
    await cloud.batch.send(new UpdateJobQueueCommand({ jobQueue: found.ref, ...change }));
  },

  async destroy({ cloud, name, signal }, { ref, node }) {
    const live = await described(cloud, ref);
    if (!live || ["pending", "deleting"].includes(batchState(live).state)) return;
    if (live.state === "ENABLED") {
      await orNothing(cloud.batch.send(new UpdateJobQueueCommand({ jobQueue: ref, state: "DISABLED" })));
      return;
    }
    const told = toldBy(cloud);
    const { untold, areLeft } = await unfinishedJobs(cloud, ref, told);
    const what = workloadOf(node) === undefined ? `the environment ${name}` : `the queue ${nameFor({ name, node })}`;
    if (untold.length > 0) await terminate(cloud, untold, told, `${what} is being taken down`, signal);
    else if (!areLeft) await orNothing(cloud.batch.send(new DeleteJobQueueCommand({ jobQueue: ref })));
  },
};

/** Why a job may be stuck for good, in the words that Batch matches. */
const STUCK = [
  "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
  "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
  "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
] as const;

/** A node's, or every workload's: Batch is asked for whole names or for all. */
async function queuesOf({ cloud, name, node }: FindContext<unknown, Cloud>): Promise<readonly JobQueueDetail[]> {
  if (node !== undefined) return [(await described(cloud, nameFor({ name, node }))) ?? []].flat();
  const all: JobQueueDetail[] = [];
  for await (const page of paginateDescribeJobQueues({ client: cloud.batch }, {})) all.push(...(page.jobQueues ?? []));
  return all.filter(({ jobQueueName, status }) => isNameOf(name, jobQueueName) && status !== "DELETED");
}

async function described({ batch }: Cloud, nameOrArn: string): Promise<JobQueueDetail | undefined> {
  const { jobQueues } = await batch.send(new DescribeJobQueuesCommand({ jobQueues: [nameOrArn] }));
  // A deleted one is shown for a while.
  return jobQueues?.find(({ status }) => status !== "DELETED");
}

type Settings = Required<
  Pick<JobQueueDetail, "state" | "priority" | "computeEnvironmentOrder" | "jobStateTimeLimitActions">
>;

const FIELDS = sameNames<JobQueueInputs, Settings>({
  state: { set: () => "ENABLED" },
  priority: { set: ({ priority }) => priority },
  computeEnvironmentOrder: {
    set: ({ computeEnvironmentArns }) =>
      computeEnvironmentArns.map((computeEnvironment, at) => ({ order: at + 1, computeEnvironment })),
    normal: (order = []) =>
      [...order].sort((a, b) => a.order! - b.order!).map(({ computeEnvironment }) => computeEnvironment),
  },
  jobStateTimeLimitActions: {
    set: ({ maxRunnableSeconds: maxTimeSeconds }) =>
      STUCK.map((reason) => ({ reason, state: "RUNNABLE", maxTimeSeconds, action: "CANCEL" })),
    normal: (actions = []) =>
      actions
        .map(({ reason, state, action, maxTimeSeconds }) => `${reason} ${state} ${action} after ${maxTimeSeconds} s`)
        .sort(),
  },
});

/** In one nudge; the next one comes soon. */
const MOST_TOLD = 200;

/** A job ends some time after it was told to, and is told again only so many nudges later. */
const NUDGES_UNTIL_TOLD_AGAIN = 60;

/** The jobs that were told to end, with the number of nudges since; each run has clients of its own. */
const TOLD = new WeakMap<Cloud, Map<string, number>>();

function toldBy(cloud: Cloud): Map<string, number> {
  const before = [...(TOLD.get(cloud) ?? [])].map(([jobId, nudges]) => [jobId, nudges + 1] as const);
  const told = new Map(before.filter(([, nudges]) => nudges < NUDGES_UNTIL_TOLD_AGAIN));
  TOLD.set(cloud, told);
  return told;
}

/** Whether there are any, and of those that were not told yet as many as one nudge tells. */
async function unfinishedJobs(
  { batch }: Cloud,
  queue: string,
  told: ReadonlyMap<string, number>,
): Promise<{ readonly untold: readonly string[]; readonly areLeft: boolean }> {
  const untold: string[] = [];
  let areLeft = false;
  for (const jobStatus of UNFINISHED) {
    for await (const page of paginateListJobs({ client: batch }, { jobQueue: queue, jobStatus })) {
      for (const { jobId } of page.jobSummaryList ?? []) {
        areLeft = true;
        if (!told.has(jobId!)) untold.push(jobId!);
      }
      if (untold.length >= MOST_TOLD) return { untold: untold.slice(0, MOST_TOLD), areLeft };
    }
  }
  return { untold, areLeft };
}

/** One that could not be told is told by the next nudge; only where none could be, AWS's reason is thrown. */
async function terminate(
  { batch }: Cloud,
  jobIds: readonly string[],
  told: Map<string, number>,
  reason: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const limit = pLimit(8);
  const answers = await Promise.allSettled(
    jobIds.map((jobId) =>
      limit(async () => {
        if (signal?.aborted) return;
        await batch.send(new TerminateJobCommand({ jobId, reason }));
        told.set(jobId, 0);
      }),
    ),
  );
  const failures = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as unknown] : []));
  if (failures.length === jobIds.length) throw failures[0];
}
