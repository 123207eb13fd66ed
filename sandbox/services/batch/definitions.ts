import type { ContainerProperties, JobDefinition, RetryStrategy } from "@aws-sdk/client-batch";
import type { Call } from "../../service.ts";
import {
  type BatchOperations,
  batchArn,
  batchState,
  checkTagKeys,
  clientException,
  type DefinitionState,
  page,
} from "./state.ts";

const DOCUMENT_LIMIT = 24 * 1024;

export const definitionOperations = {
  RegisterJobDefinition(input, call) {
    const name = input.jobDefinitionName!;
    if (input.type !== "container" || input.containerProperties === undefined) {
      throw clientException("containerProperties are required, for a job definition of type container.");
    }
    if (JSON.stringify(input).length > DOCUMENT_LIMIT) throw clientException("Job definitions are limited to 24 KiB.");
    checkContainer(input.containerProperties);
    checkRetry(input.retryStrategy);
    checkTimeout(input.timeout?.attemptDurationSeconds);
    checkTagKeys(input.tags);
    const { definitions, revisions } = batchState(call);
    const revision = (revisions[name] ?? 0) + 1;
    revisions[name] = revision;
    const arn = batchArn(call, `job-definition/${name}:${revision}`);
    const { tags = {}, ...body } = input;
    const visibleFrom = call.now + call.unseenMs;
    definitions[arn] = { name, arn, revision, registeredAt: call.now, visibleFrom, body, status: "ACTIVE", tags };
    return { jobDefinitionName: name, jobDefinitionArn: arn, revision };
  },

  DeregisterJobDefinition(input, call) {
    const { jobDefinition } = input;
    const found = Object.values(batchState(call).definitions).find(
      ({ arn, name, revision }) => arn === jobDefinition || `${name}:${revision}` === jobDefinition,
    );
    if (found === undefined) throw clientException(`Job definition ${jobDefinition} does not exist.`);
    if (found.status === "INACTIVE") return {};
    found.status = "INACTIVE";
    found.inactiveSince = call.now;
    return {};
  },

  /** Also those deregistered, unless a status is asked for. */
  DescribeJobDefinitions(input, call) {
    const wanted = input.jobDefinitions;
    const chosen = Object.values(batchState(call).definitions).filter(({ arn, name, revision, status }) => {
      const named = wanted?.length
        ? wanted.some((each) => each === arn || each === `${name}:${revision}` || each === name)
        : input.jobDefinitionName === undefined || input.jobDefinitionName === name;
      return named && (input.status === undefined || input.status === status);
    });
    const { items, next } = page(call, input, chosen);
    return { jobDefinitions: items.map(shown), ...next };
  },
} satisfies BatchOperations;

/** By ARN, name and revision, or name alone: then the newest that is active. */
export function findDefinition(call: Call, reference: string): DefinitionState | undefined {
  const active = Object.values(batchState(call).definitions).filter(({ status }) => status === "ACTIVE");
  const exact = active.find(({ arn, name, revision }) => arn === reference || `${name}:${revision}` === reference);
  if (exact !== undefined) return exact;
  const prefix = batchArn(call, "job-definition/");
  const bare = reference.startsWith(prefix) ? reference.slice(prefix.length) : reference;
  return active.filter(({ name }) => name === bare).sort((a, b) => b.revision - a.revision)[0];
}

/** What a container is given, wherever the definition says it. */
export function neededBy(container: Pick<ContainerProperties, "resourceRequirements" | "vcpus" | "memory">) {
  const asked = (type: string) => container.resourceRequirements?.find((each) => each.type === type)?.value;
  return {
    vCpus: Number(asked("VCPU") ?? container.vcpus ?? 0),
    memoryMiB: Number(asked("MEMORY") ?? container.memory ?? 0),
    gpus: Number(asked("GPU") ?? 0),
  };
}

export function checkRetry(retry: RetryStrategy | undefined): void {
  if (retry === undefined) return;
  const { attempts, evaluateOnExit = [] } = retry;
  if (attempts !== undefined && (attempts < 1 || attempts > 10)) {
    throw clientException("retryStrategy attempts must be between 1 and 10.");
  }
  if (evaluateOnExit.length > 0 && attempts === undefined) {
    throw clientException("retryStrategy attempts must be given with evaluateOnExit.");
  }
  if (evaluateOnExit.length > 5) throw clientException("evaluateOnExit can have at most 5 entries.");
  for (const { action, ...patterns } of evaluateOnExit) {
    if (!/^(RETRY|EXIT)$/i.test(action ?? "")) throw clientException("evaluateOnExit action must be RETRY or EXIT.");
    for (const pattern of Object.values(patterns)) {
      if (pattern !== undefined && !/^[^*]{0,511}\*?$/s.test(pattern)) {
        throw clientException("evaluateOnExit patterns can have up to 512 characters and an asterisk at the end only.");
      }
    }
  }
}

export function checkTimeout(seconds: number | undefined): void {
  if (seconds !== undefined && seconds < 60) {
    throw clientException("timeout attemptDurationSeconds must be at least 60 seconds.");
  }
}

function checkContainer(container: ContainerProperties): void {
  const { image, volumes = [], mountPoints = [], environment = [], logConfiguration } = container;
  if (!image) throw clientException("Container properties must have an image.");
  if (image.length > 255) throw clientException("The image can have up to 255 characters.");
  const { vCpus, memoryMiB } = neededBy(container);
  if (!Number.isInteger(vCpus) || vCpus < 1) throw clientException("VCPU must be a whole number of at least 1.");
  if (!Number.isInteger(memoryMiB) || memoryMiB < 4) throw clientException("MEMORY must be at least 4 MiB.");
  const names = volumes.map(({ name }) => name);
  const lost = mountPoints.find(({ sourceVolume }) => !names.includes(sourceVolume));
  if (lost !== undefined)
    throw clientException(`Mount point refers to volume ${lost.sourceVolume}, which is not defined.`);
  if (names.some((name) => (name ?? "").length > 255))
    throw clientException("Volume names can have up to 255 characters.");
  const reserved = environment.find(({ name }) => name?.startsWith("AWS_BATCH"));
  if (reserved !== undefined) throw clientException("Environment variables cannot start with AWS_BATCH.");
  const drivers = ["awslogs", "awsfirelens", "fluentd", "gelf", "json-file", "journald", "splunk", "syslog"];
  if (logConfiguration && !drivers.includes(logConfiguration.logDriver ?? "")) {
    throw clientException(`Log driver ${logConfiguration.logDriver} is not supported.`);
  }
}

function shown({ name, arn, revision, status, body, tags }: DefinitionState): JobDefinition {
  const { retryStrategy, timeout, schedulingPriority } = body;
  return {
    jobDefinitionName: name,
    jobDefinitionArn: arn,
    revision,
    status,
    type: "container",
    ...(schedulingPriority !== undefined && { schedulingPriority }),
    parameters: body.parameters ?? {},
    ...(retryStrategy && { retryStrategy: { ...retryStrategy, evaluateOnExit: retryStrategy.evaluateOnExit ?? [] } }),
    containerProperties: filled(body.containerProperties!),
    ...(timeout && { timeout }),
    tags: { ...tags },
    propagateTags: body.propagateTags ?? false,
    platformCapabilities: body.platformCapabilities ?? ["EC2"],
    containerOrchestrationType: "ECS",
  };
}

/** Lists that were left out come back empty. */
function filled(container: ContainerProperties): ContainerProperties {
  return {
    command: [],
    volumes: [],
    environment: [],
    mountPoints: [],
    ulimits: [],
    resourceRequirements: [],
    secrets: [],
    ...container,
  };
}
