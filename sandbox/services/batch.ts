import type { Constraint, Service } from "../service.ts";
import { definitionOperations } from "./batch/definitions.ts";
import { environmentOperations } from "./batch/environments.ts";
import { jobOperations } from "./batch/jobs.ts";
import { queueOperations } from "./batch/queues.ts";
import { settleBatch } from "./batch/settle.ts";
import { submitOperations } from "./batch/submit.ts";
import { tagOperations } from "./batch/tags.ts";
import { updateEnvironmentOperations } from "./batch/update-environment.ts";

const STRATEGIES = [
  "BEST_FIT_PROGRESSIVE",
  "BEST_FIT_PROGRESSIVE_ORDERED",
  "SPOT_CAPACITY_OPTIMIZED",
  "SPOT_PRICE_CAPACITY_OPTIMIZED",
  "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
];
const STATUSES = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"];

const name: Constraint = { pattern: /^[A-Za-z0-9_-]+$/, length: [1, 128] };
const jobName: Constraint = { pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/, length: [1, 128] };
const state: Constraint = { oneOf: ["ENABLED", "DISABLED"] };
const tags: Constraint = { length: [1, 50] };
const reason: Constraint = { length: [1, 1024] };
const types: Constraint = { oneOf: ["EC2", "SPOT", "FARGATE", "FARGATE_SPOT", "ECS_MANAGED_INSTANCES"] };
const resources: Constraint = { oneOf: ["GPU", "VCPU", "MEMORY"] };
/** In any case of its letters. */
const retries = { "retryStrategy.evaluateOnExit[].action": { pattern: /^(RETRY|EXIT)$/i } } as const;
const images = {
  "computeResources.ec2Configuration[].imageType": { length: [1, 256] },
  "computeResources.ec2Configuration[].imageIdOverride": { length: [1, 256] },
} as const;
const limits = {
  "jobStateTimeLimitActions[].state": { oneOf: ["RUNNABLE"] },
  "jobStateTimeLimitActions[].action": { oneOf: ["CANCEL", "TERMINATE"] },
} as const;

export const batch: Service = {
  name: "batch",
  client: () => import("@aws-sdk/client-batch"),
  settle: settleBatch,
  operations: {
    ...definitionOperations,
    ...environmentOperations,
    ...jobOperations,
    ...queueOperations,
    ...submitOperations,
    ...tagOperations,
    ...updateEnvironmentOperations,
  },
  constraints: {
    CancelJob: { reason },
    CancelJobs: { jobs: { length: [1, 50] }, reason },
    CreateComputeEnvironment: {
      computeEnvironmentName: name,
      type: { oneOf: ["MANAGED", "UNMANAGED"] },
      state,
      tags,
      "computeResources.type": types,
      "computeResources.allocationStrategy": { oneOf: ["BEST_FIT", ...STRATEGIES] },
      "computeResources.bidPercentage": { range: [1, 100] },
      "computeResources.subnets": { length: [1, 16] },
      ...images,
    },
    CreateJobQueue: { jobQueueName: name, state, tags, priority: { range: [0, 1000] }, ...limits },
    DescribeJobs: { jobs: { length: [0, 100] } },
    ListJobs: { jobStatus: { oneOf: STATUSES } },
    RegisterJobDefinition: {
      jobDefinitionName: name,
      type: { oneOf: ["container", "multinode"] },
      tags,
      "containerProperties.logConfiguration.logDriver": {
        oneOf: ["json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens"],
      },
      "containerProperties.resourceRequirements[].type": resources,
      ...retries,
      "platformCapabilities[]": { oneOf: ["EC2", "FARGATE", "MANAGED_INSTANCES"] },
    },
    SubmitJob: {
      jobName,
      tags,
      "containerOverrides.resourceRequirements[].type": resources,
      "dependsOn[].type": { oneOf: ["N_TO_N", "SEQUENTIAL"] },
      ...retries,
    },
    TagResource: { tags },
    TerminateJob: { reason },
    TerminateJobs: { jobs: { length: [1, 50] }, reason },
    UpdateComputeEnvironment: {
      state,
      "computeResources.type": types,
      "computeResources.allocationStrategy": { oneOf: STRATEGIES },
      "computeResources.bidPercentage": { range: [1, 100] },
      "computeResources.subnets": { length: [1, 16] },
      ...images,
      "updatePolicy.jobExecutionTimeoutMinutes": { range: [1, 7200] },
    },
    UpdateJobQueue: { state, priority: { range: [0, 1000] }, ...limits },
  },
};
