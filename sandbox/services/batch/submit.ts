import type { SubmitJobCommandInput } from "@aws-sdk/client-batch";
import type { Call } from "../../service.ts";
import { checkRetry, checkTimeout, findDefinition, neededBy } from "./definitions.ts";
import { filledIn } from "./program.ts";
import {
  type BatchOperations,
  batchArn,
  checkTagKeys,
  clientException,
  type JobState,
  jobsOf,
  queueOf,
} from "./state.ts";

const ARRAY_LIMIT = 10_000;
const DEPENDENCY_LIMIT = 20;
const PAYLOAD_LIMIT = 30 * 1024;

export const submitOperations = {
  /** There is no client token: the same request sent twice is two jobs. */
  SubmitJob(input, call) {
    const queue = queueOf(call, input.jobQueue);
    if (queue === undefined || queue.status === "DELETING" || queue.status === "DELETED") {
      throw clientException(`JobQueue ${input.jobQueue} not found.`);
    }
    if (queue.state !== "ENABLED" || (queue.status !== "VALID" && queue.status !== "UPDATING")) {
      throw clientException(`JobQueue ${queue.arn} is not ENABLED and VALID.`);
    }
    if (queue.schedulingPolicyArn !== undefined && input.shareIdentifier === undefined) {
      throw clientException("A share identifier must be specified for a job queue with a scheduling policy.");
    }
    if (queue.schedulingPolicyArn === undefined && input.shareIdentifier !== undefined) {
      throw clientException("A share identifier cannot be specified for a job queue without a scheduling policy.");
    }
    const definition = findDefinition(call, input.jobDefinition!);
    if (definition === undefined) throw clientException(`JobDefinition ${input.jobDefinition} not found.`);
    check(input);
    checkTagKeys(input.tags);
    for (const { jobId } of input.dependsOn ?? []) {
      if (jobId !== undefined && jobsOf(call).look(jobId) === undefined) {
        throw clientException(`Job ${jobId} does not exist.`);
      }
    }
    const job = newJob(call, input, queue.arn, definition);
    const jobs = jobsOf(call);
    jobs.set(job.id, job);
    for (let index = 0; index < (job.arraySize ?? 0); index++) {
      const id = `${job.id}:${index}`;
      jobs.set(id, {
        ...job,
        asked: undefined,
        id,
        arn: `${job.arn}:${index}`,
        arraySize: undefined,
        arrayIndex: index,
        parentId: job.id,
        status: "PENDING",
        nextAt: undefined,
      });
    }
    return { jobArn: job.arn, jobName: job.name, jobId: job.id };
  },
} satisfies BatchOperations;

function newJob(
  call: Call,
  input: SubmitJobCommandInput,
  queueArn: string,
  { arn: definitionArn, body }: NonNullable<ReturnType<typeof findDefinition>>,
): JobState {
  const container = body.containerProperties!;
  const { resourceRequirements: overrides = [], command, vcpus, memory } = input.containerOverrides ?? {};
  // The old overrides do nothing to what resourceRequirements ask for.
  const requirements = [...overrides, ...(container.resourceRequirements ?? [])];
  const needs = neededBy({
    resourceRequirements: requirements,
    vcpus: vcpus ?? container.vcpus,
    memory: memory ?? container.memory,
  });
  const fate = call.fate();
  const id = call.uuid();
  return {
    id,
    arn: batchArn(call, `job/${id}`),
    name: input.jobName!,
    queueArn,
    definitionArn,
    asked: input,
    createdAt: call.now,
    ...needs,
    image: container.image!,
    command: filledIn(command ?? container.command ?? [], { ...body.parameters, ...input.parameters }),
    fate: fate && { kind: fate.kind, reason: fate.reason, ms: fate.ms },
    arraySize: input.arrayProperties?.size,
    status: "SUBMITTED",
    nextAt: call.now + call.between(500, 2_000),
    attempts: [],
    tags: { ...input.tags },
  };
}

function check(input: SubmitJobCommandInput): void {
  const size = input.arrayProperties?.size;
  if (size !== undefined && (size < 2 || size > ARRAY_LIMIT)) {
    throw clientException(`arrayProperties size must be between 2 and ${ARRAY_LIMIT}.`);
  }
  const dependsOn = input.dependsOn ?? [];
  if (dependsOn.length > DEPENDENCY_LIMIT) throw clientException(`A job can depend on up to ${DEPENDENCY_LIMIT} jobs.`);
  for (const { jobId, type } of dependsOn) {
    if (jobId === undefined && !(type === "SEQUENTIAL" && size !== undefined)) {
      throw clientException("A dependency must have a jobId, or the type SEQUENTIAL for an array job.");
    }
  }
  if (input.containerOverrides?.command?.includes("")) throw clientException("Command must not have empty strings.");
  if (input.containerOverrides?.environment?.some(({ name }) => name?.startsWith("AWS_BATCH"))) {
    throw clientException("Environment variables cannot start with AWS_BATCH.");
  }
  if (JSON.stringify(input).length > PAYLOAD_LIMIT) throw clientException("SubmitJob requests are limited to 30 KiB.");
  checkRetry(input.retryStrategy);
  checkTimeout(input.timeout?.attemptDurationSeconds);
}
