import type { ComputeEnvironmentOrder, ComputeResource, ContainerProperties } from "@aws-sdk/client-batch";
import type { Call } from "../service.ts";
import { batchArn, batchState, environmentOf, jobsOf, queueOf } from "../services/batch/state.ts";
import {
  ANYTHING,
  alike,
  type Demand,
  passing,
  passingProfile,
  serviceLinkedRole,
  type Table,
  tagsOfRequest,
  tagsOfResource,
} from "./demands.ts";

type Tags = Readonly<Record<string, string>>;

interface OfEnvironment {
  readonly computeEnvironmentName?: string;
  readonly computeEnvironment?: string;
  readonly computeResources?: Pick<ComputeResource, "instanceRole">;
  readonly serviceRole?: string;
  readonly tags?: Tags;
}

interface OfQueue {
  readonly jobQueueName?: string;
  readonly jobQueue?: string;
  readonly computeEnvironmentOrder?: readonly ComputeEnvironmentOrder[];
  readonly tags?: Tags;
}

interface OfDefinition {
  readonly jobDefinitionName?: string;
  readonly jobDefinition?: string;
  readonly containerProperties?: ContainerProperties;
  readonly tags?: Tags;
}

interface OfJob {
  readonly jobId?: string;
  readonly jobs?: readonly { readonly jobId?: string }[];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html */
export const batch: Table = {
  ...alike(
    ["DescribeComputeEnvironments", "DescribeJobQueues", "DescribeJobDefinitions", "DescribeJobs", "ListJobs"],
    ANYTHING,
  ),
  CreateComputeEnvironment: (input: OfEnvironment, call: Call) => [
    ...making(batchArn(call, `compute-environment/${input.computeEnvironmentName}`), input.tags),
    ...passingRoles(input, call),
    ...(input.serviceRole ? [] : serviceLinkedRole(call, "batch.amazonaws.com")),
  ],
  UpdateComputeEnvironment: (input: OfEnvironment, call: Call) => [
    onEnvironment(call, input.computeEnvironment),
    ...passingRoles(input, call),
  ],
  DeleteComputeEnvironment: ({ computeEnvironment }: OfEnvironment, call: Call) => [
    onEnvironment(call, computeEnvironment),
  ],
  CreateJobQueue: ({ jobQueueName, computeEnvironmentOrder, tags }: OfQueue, call: Call) => [
    ...making(batchArn(call, `job-queue/${jobQueueName}`), tags),
    ...environmentsIn(computeEnvironmentOrder, call),
  ],
  UpdateJobQueue: ({ jobQueue, computeEnvironmentOrder }: OfQueue, call: Call) => [
    onQueue(call, jobQueue),
    ...environmentsIn(computeEnvironmentOrder, call),
  ],
  ...alike(["DeleteJobQueue", "GetJobQueueSnapshot"], ({ jobQueue }: OfQueue, call) => [onQueue(call, jobQueue)]),
  RegisterJobDefinition: ({ jobDefinitionName, containerProperties, tags }: OfDefinition, call: Call) => {
    const { jobRoleArn, executionRoleArn } = containerProperties ?? {};
    const name = batchArn(call, `job-definition/${jobDefinitionName}`);
    return [
      { resource: name, keys: tagsOfRequest(tags) },
      ...(tags === undefined
        ? []
        : [{ action: "batch:TagResource", resource: `${name}:*`, keys: tagsOfRequest(tags) }]),
      ...[jobRoleArn, executionRoleArn].flatMap((arn) => (arn ? [passing(call, arn, "ecs-tasks")] : [])),
    ];
  },
  DeregisterJobDefinition: ({ jobDefinition = "" }: OfDefinition, call: Call) => [onDefinition(call, jobDefinition)],
  SubmitJob: ({ jobQueue, jobDefinition = "", tags }: OfQueue & OfDefinition, call: Call) => [
    { resource: batchArn(call, "job/*"), keys: tagsOfRequest(tags) },
    onQueue(call, jobQueue),
    onDefinition(call, jobDefinition),
    ...(tags === undefined
      ? []
      : [{ action: "batch:TagResource", resource: batchArn(call, "job/*"), keys: tagsOfRequest(tags) }]),
  ],
  ...alike(["CancelJob", "TerminateJob"], ({ jobId }: OfJob, call) => [onJob(call, jobId)]),
  ...alike(["CancelJobs", "TerminateJobs"], ({ jobs = [] }: OfJob, call) =>
    jobs.map(({ jobId }) => onJob(call, jobId)),
  ),
  ...alike(
    ["TagResource", "UntagResource", "ListTagsForResource"],
    ({ resourceArn = "", tags }: { resourceArn?: string; tags?: Tags }, call) => [
      { resource: resourceArn, keys: { ...tagsOfResource(tagsOfArn(call, resourceArn)), ...tagsOfRequest(tags) } },
    ],
  ),
};

function making(resource: string, tags: Tags | undefined): readonly Demand[] {
  const keys = tagsOfRequest(tags);
  return [{ resource, keys }, ...(tags === undefined ? [] : [{ action: "batch:TagResource", resource, keys }])];
}

function passingRoles({ computeResources, serviceRole }: OfEnvironment, call: Call): readonly Demand[] {
  return [
    ...passingProfile(call, computeResources?.instanceRole),
    ...(serviceRole ? [passing(call, serviceRole, "batch")] : []),
  ];
}

function onEnvironment(call: Call, nameOrArn = ""): Demand {
  const found = environmentOf(call, nameOrArn);
  return onOne(call, found, "compute-environment", nameOrArn);
}

function onQueue(call: Call, nameOrArn = ""): Demand {
  return onOne(call, queueOf(call, nameOrArn), "job-queue", nameOrArn);
}

function onDefinition(call: Call, nameOrArn: string): Demand {
  const found = batchState(call).definitions[nameOrArn];
  return onOne(call, found, "job-definition", nameOrArn);
}

function onJob(call: Call, jobId = ""): Demand {
  return onOne(call, jobsOf(call).look(jobId), "job", jobId);
}

function onOne(
  call: Call,
  found: { readonly arn: string; readonly tags: Tags } | undefined,
  type: string,
  nameOrArn: string,
): Demand {
  const named = nameOrArn.startsWith("arn:") ? nameOrArn : batchArn(call, `${type}/${nameOrArn}`);
  return { resource: found?.arn ?? named, keys: tagsOfResource(found?.tags) };
}

function environmentsIn(order: readonly ComputeEnvironmentOrder[] = [], call: Call): readonly Demand[] {
  return order.map(({ computeEnvironment }) => onEnvironment(call, computeEnvironment));
}

function tagsOfArn(call: Call, arn: string): Tags | undefined {
  return (
    environmentOf(call, arn) ??
    queueOf(call, arn) ??
    batchState(call).definitions[arn] ??
    jobsOf(call).look(arn.replace(batchArn(call, "job/"), ""))
  )?.tags;
}
