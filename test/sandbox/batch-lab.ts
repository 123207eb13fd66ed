import {
  type ComputeEnvironmentDetail,
  type ComputeResource,
  CreateComputeEnvironmentCommand,
  CreateJobQueueCommand,
  DescribeComputeEnvironmentsCommand,
  DescribeJobsCommand,
  type JobDetail,
  RegisterJobDefinitionCommand,
  type RegisterJobDefinitionCommandInput,
  SubmitJobCommand,
  type SubmitJobCommandInput,
} from "@aws-sdk/client-batch";
import { GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ECS_NODE, lustreGroup, place, profile, type ServiceLab } from "./service-lab.ts";

type Container = NonNullable<RegisterJobDefinitionCommandInput["containerProperties"]>;

export interface BatchLab {
  readonly groupId: string;
  readonly subnetId: string;
  environment(): Promise<ComputeEnvironmentDetail>;
  define(container?: Partial<Container>, input?: Partial<RegisterJobDefinitionCommandInput>): Promise<void>;
  submit(input?: Partial<SubmitJobCommandInput>): Promise<string>;
  job(id: string): Promise<JobDetail>;
  /** What a job's last attempt wrote. */
  logOf(id: string): Promise<readonly string[]>;
}

/** An environment and a queue called `lab`, both VALID. */
export async function batchLab(lab: ServiceLab, resources: Partial<ComputeResource> = {}): Promise<BatchLab> {
  const { batch, logs, pass } = lab;
  const subnetId = resources.subnets?.[0] ?? (await place(lab)).subnetId;
  const groupId = resources.securityGroupIds?.[0] ?? (await lustreGroup(lab));
  const instanceRole = resources.instanceRole ?? (await profile(lab, "node", [ECS_NODE]));
  await batch.send(
    new CreateComputeEnvironmentCommand({
      computeEnvironmentName: "lab",
      type: "MANAGED",
      computeResources: {
        type: "EC2",
        allocationStrategy: "BEST_FIT_PROGRESSIVE",
        minvCpus: 0,
        maxvCpus: 72,
        instanceTypes: ["c5d.9xlarge"],
        ...resources,
        ...{ subnets: [subnetId], securityGroupIds: [groupId], instanceRole },
      },
    }),
  );
  pass(61);
  const computeEnvironmentOrder = [{ order: 1, computeEnvironment: "lab" }];
  await batch.send(new CreateJobQueueCommand({ jobQueueName: "lab", priority: 1, computeEnvironmentOrder }));
  pass(31);
  const job = async (id: string) => (await batch.send(new DescribeJobsCommand({ jobs: [id] }))).jobs![0]!;
  return {
    groupId,
    subnetId,
    job,
    async environment() {
      const asked = new DescribeComputeEnvironmentsCommand({ computeEnvironments: ["lab"] });
      return (await batch.send(asked)).computeEnvironments![0]!;
    },
    async define(container = {}, input = {}) {
      await batch.send(
        new RegisterJobDefinitionCommand({
          jobDefinitionName: "split",
          type: "container",
          containerProperties: {
            image: "public.ecr.aws/amazonlinux/amazonlinux:2023",
            command: ["true"],
            resourceRequirements: [
              { type: "VCPU", value: "32" },
              { type: "MEMORY", value: "64000" },
            ],
            ...container,
          },
          ...input,
        }),
      );
    },
    async submit(input = {}) {
      const asked = new SubmitJobCommand({ jobName: "run", jobQueue: "lab", jobDefinition: "split", ...input });
      return (await batch.send(asked)).jobId!;
    },
    async logOf(id) {
      const { container, attempts } = await job(id);
      const logStreamName = container?.logStreamName ?? attempts?.at(-1)?.container?.logStreamName;
      const asked = { logGroupName: "/aws/batch/job", logStreamName, startFromHead: true };
      const { events } = await logs.send(new GetLogEventsCommand(asked));
      return events!.map(({ message }) => message!);
    },
  };
}
