import type { ContainerDetail, JobDetail, JobSummary } from "@aws-sdk/client-batch";
import { pages } from "../../collection.ts";
import type { Call } from "../../service.ts";
import { jobIndex } from "./job-index.ts";
import { endNow, failWaiting } from "./job-life.ts";
import { containerInstanceArn } from "./nodes.ts";
import {
  askedOf,
  type BatchOperations,
  badToken,
  batchState,
  clientException,
  type JobState,
  jobsOf,
  queueOf,
} from "./state.ts";

const inOrder = pages({ token: "nextToken", size: "maxResults", usual: 1000, sorted: true, badToken });

export const jobOperations = {
  /** Running jobs only, unless a status or a filter says otherwise. */
  ListJobs(input, call) {
    const { jobQueue, arrayJobId, multiNodeJobId, filters = [] } = input;
    if ([jobQueue, arrayJobId, multiNodeJobId].filter((each) => each !== undefined).length !== 1) {
      throw clientException("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified.");
    }
    const queueArn = jobQueue === undefined ? undefined : queueOf(call, jobQueue)?.arn;
    if (jobQueue !== undefined && queueArn === undefined) throw clientException(`JobQueue ${jobQueue} not found.`);
    const status = input.jobStatus ?? (filters.length > 0 ? undefined : "RUNNING");
    const chosen = [...jobsOf(call).all()]
      .filter((job) => status === undefined || job.status === status)
      .filter((job) =>
        queueArn !== undefined ? job.queueArn === queueArn && job.parentId === undefined : job.parentId === arrayJobId,
      )
      .filter((job) => filters.every(({ name, values = [] }) => filterFits(job, name ?? "", values)))
      .sort((a, b) => b.createdAt - a.createdAt || (a.arrayIndex ?? 0) - (b.arrayIndex ?? 0));
    const most = filters.length > 0 ? 100 : 1000;
    const maxResults = Math.min(input.maxResults || most, most);
    const { items, next } = inOrder(call, { ...input, maxResults }, chosen);
    return { jobSummaryList: items.map((job) => summaryOf(call, job)), ...next };
  },

  /** Ids that are not known are left out, no error. */
  DescribeJobs(input, call) {
    const found = input.jobs!.flatMap((idOrArn) => jobsOf(call).look(idOrArn.replace(/^arn:.*:job\//, "")) ?? []);
    return { jobs: call.shuffled(found.map((job) => detailOf(call, job))) };
  },

  /** Does nothing to a job that is past RUNNABLE. */
  CancelJob(input, call) {
    cancel(call, jobOf(call, input.jobId), input.reason!);
    return {};
  },

  TerminateJob(input, call) {
    terminate(call, jobOf(call, input.jobId), input.reason!);
    return {};
  },

  CancelJobs(input, call) {
    return eachJob(call, input.jobs!, (job) => cancel(call, job, input.reason!));
  },

  TerminateJobs(input, call) {
    return eachJob(call, input.jobs!, (job) => terminate(call, job, input.reason!));
  },

  GetJobQueueSnapshot(input, call) {
    const queue = queueOf(call, input.jobQueue);
    if (queue === undefined) throw clientException(`JobQueue ${input.jobQueue} not found.`);
    const waiting = [...jobsOf(call).all()]
      .filter((job) => job.queueArn === queue.arn && job.status === "RUNNABLE")
      .sort((a, b) => a.createdAt - b.createdAt)
      .slice(0, 100);
    const jobs = waiting.map(({ arn, createdAt }) => ({ jobArn: arn, earliestTimeAtPosition: createdAt }));
    return { frontOfQueue: { jobs, lastUpdatedAt: call.now } };
  },
} satisfies BatchOperations;

function eachJob(call: Call, ids: readonly string[], act: (job: JobState) => void) {
  const jobs = jobsOf(call);
  const known = ids.map((id) => ({ id, job: jobs.get(id.replace(/^arn:.*:job\//, "")) }));
  for (const { job } of known) if (job !== undefined) act(job);
  return {
    successful: known.flatMap(({ id, job }) => (job === undefined ? [] : [id])),
    errors: known.flatMap(({ id, job }) =>
      job === undefined ? [{ job: id, code: "ClientException", message: `Job ${id} does not exist.` }] : [],
    ),
  };
}

function cancel(call: Call, job: JobState, reason: string): void {
  for (const each of withChildren(call, job)) {
    if (!["SUBMITTED", "PENDING", "RUNNABLE"].includes(each.status)) continue;
    each.isCancelled = true;
    failWaiting(call, each, reason);
  }
}

function terminate(call: Call, job: JobState, reason: string): void {
  for (const each of withChildren(call, job)) {
    if (each.status === "SUCCEEDED" || each.status === "FAILED") continue;
    each.isTerminated = true;
    if (each.status === "STARTING" || each.status === "RUNNING") endNow(call, each, reason);
    else failWaiting(call, each, reason);
  }
}

/** Children first: a parent ends with its last child. */
function withChildren(call: Call, job: JobState): JobState[] {
  if (job.arraySize === undefined) return [job];
  const children = Array.from({ length: job.arraySize }, (_, index) => jobsOf(call).get(`${job.id}:${index}`) ?? []);
  return [...children.flat(), job];
}

function jobOf(call: Call, idOrArn: string | undefined): JobState {
  const job = jobsOf(call).get((idOrArn ?? "").replace(/^arn:.*:job\//, ""));
  if (job === undefined) throw clientException(`Job ${idOrArn} does not exist.`);
  return job;
}

function filterFits(job: Readonly<JobState>, name: string, values: readonly string[]): boolean {
  const fits = (value: string, wanted: string) =>
    wanted.endsWith("*")
      ? value.toLowerCase().startsWith(wanted.slice(0, -1).toLowerCase())
      : value.toLowerCase() === wanted.toLowerCase();
  switch (name) {
    case "JOB_NAME":
      return values.some((wanted) => fits(job.name, wanted));
    case "JOB_DEFINITION": {
      const bare = job.definitionArn.replace(/^.*job-definition\//, "");
      return values.some((wanted) =>
        [job.definitionArn, bare, bare.replace(/:\d+$/, "")].some((each) => fits(each, wanted)),
      );
    }
    case "BEFORE_CREATED_AT":
      return job.createdAt < Number(values[0]);
    case "AFTER_CREATED_AT":
      return job.createdAt > Number(values[0]);
    default:
      throw clientException(`Filter ${name} is not valid.`);
  }
}

function summaryOf(call: Call, job: Readonly<JobState>): JobSummary {
  const last = job.attempts.at(-1);
  const { status, statusReason, startedAt, stoppedAt, arraySize, arrayIndex } = job;
  return {
    jobArn: job.arn,
    jobId: job.id,
    jobName: job.name,
    jobDefinition: job.definitionArn,
    createdAt: job.createdAt,
    status,
    ...(statusReason !== undefined && { statusReason }),
    ...(startedAt !== undefined && { startedAt }),
    ...(stoppedAt !== undefined && { stoppedAt }),
    ...(last !== undefined && {
      container: { exitCode: last.exitCode, ...(last.reason !== undefined && { reason: last.reason }) },
    }),
    ...(arraySize !== undefined && {
      arrayProperties: { size: arraySize, statusSummary: { ...jobIndex(call).childrenOf(job.id) } },
    }),
    ...(arrayIndex !== undefined && { arrayProperties: { index: arrayIndex } }),
  };
}

function detailOf(call: Call, job: Readonly<JobState>): JobDetail {
  const { body } = batchState(call).definitions[job.definitionArn] ?? {};
  const asked = askedOf(call, job);
  const { startedAt, stoppedAt, statusReason, arraySize, arrayIndex } = job;
  const retryStrategy = asked.retryStrategy ?? body?.retryStrategy;
  const timeout = asked.timeout ?? body?.timeout;
  return {
    jobArn: job.arn,
    jobName: job.name,
    jobId: job.id,
    jobQueue: job.queueArn,
    status: job.status,
    ...(asked.shareIdentifier !== undefined && { shareIdentifier: asked.shareIdentifier }),
    attempts: job.attempts.map(({ startedAt, stoppedAt, statusReason, ...container }) => ({
      container: { ...container, networkInterfaces: [] },
      startedAt,
      stoppedAt,
      statusReason,
    })),
    ...(statusReason !== undefined && { statusReason }),
    createdAt: job.createdAt,
    ...(retryStrategy && { retryStrategy: { ...retryStrategy, evaluateOnExit: retryStrategy.evaluateOnExit ?? [] } }),
    startedAt,
    ...(stoppedAt !== undefined && { stoppedAt }),
    dependsOn: asked.dependsOn ?? [],
    jobDefinition: job.definitionArn,
    parameters: { ...body?.parameters, ...asked.parameters },
    container: containerOf(call, job, body?.containerProperties),
    ...(arraySize !== undefined && {
      arrayProperties: { size: arraySize, statusSummary: { ...jobIndex(call).childrenOf(job.id) } },
    }),
    ...(arrayIndex !== undefined && { arrayProperties: { index: arrayIndex } }),
    ...(timeout && { timeout }),
    tags: { ...job.tags },
    propagateTags: asked.propagateTags ?? body?.propagateTags ?? false,
    platformCapabilities: body?.platformCapabilities ?? ["EC2"],
    isCancelled: job.isCancelled ?? false,
    isTerminated: job.isTerminated ?? false,
  };
}

function containerOf(
  call: Call,
  job: Readonly<JobState>,
  defined: Pick<ContainerDetail, "volumes" | "mountPoints" | "environment" | "jobRoleArn"> | undefined,
): ContainerDetail {
  const { node, taskArn, logStreamName } = job;
  const asked = askedOf(call, job);
  const last = job.attempts.at(-1);
  const over = job.status === "SUCCEEDED" || job.status === "FAILED";
  const environment = batchState(call).environments[node?.environment ?? ""];
  return {
    volumes: [],
    mountPoints: [],
    ulimits: [],
    secrets: [],
    networkInterfaces: [],
    ...defined,
    image: job.image,
    command: [...job.command],
    environment: [...(defined?.environment ?? []), ...(asked.containerOverrides?.environment ?? [])],
    resourceRequirements: [
      { type: "VCPU", value: String(job.vCpus) },
      { type: "MEMORY", value: String(job.memoryMiB) },
      ...(job.gpus > 0 ? [{ type: "GPU" as const, value: String(job.gpus) }] : []),
    ],
    ...(over && last?.exitCode !== undefined && { exitCode: last.exitCode }),
    ...(over && last?.reason !== undefined && { reason: last.reason }),
    ...(taskArn !== undefined && { taskArn }),
    ...(taskArn !== undefined &&
      node &&
      environment && {
        containerInstanceArn: containerInstanceArn(call, environment, node.instanceId),
      }),
    ...(logStreamName !== undefined && { logStreamName }),
  };
}
