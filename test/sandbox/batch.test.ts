import {
  CancelJobCommand,
  type ComputeEnvironmentDetail,
  CreateComputeEnvironmentCommand,
  type CreateComputeEnvironmentCommandInput,
  CreateJobQueueCommand,
  type CreateJobQueueCommandInput,
  DeleteComputeEnvironmentCommand,
  DeleteJobQueueCommand,
  DeregisterJobDefinitionCommand,
  DescribeComputeEnvironmentsCommand,
  DescribeJobDefinitionsCommand,
  DescribeJobQueuesCommand,
  DescribeJobsCommand,
  GetJobQueueSnapshotCommand,
  type JobDetail,
  type JobQueueDetail,
  ListJobsCommand,
  ListTagsForResourceCommand,
  RegisterJobDefinitionCommand,
  type RegisterJobDefinitionCommandInput,
  SubmitJobCommand,
  type SubmitJobCommandInput,
  TagResourceCommand,
  TerminateJobCommand,
  UntagResourceCommand,
  UpdateComputeEnvironmentCommand,
  type UpdateComputeEnvironmentCommandInput,
  UpdateJobQueueCommand,
} from "@aws-sdk/client-batch";
import { GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  DeleteLaunchTemplateCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  type Instance,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { CreateRepositoryCommand, PutImageCommand } from "@aws-sdk/client-ecr";
import {
  CreateRoleCommand,
  DeleteInstanceProfileCommand,
  GetRoleCommand,
  RemoveRoleFromInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import {
  baseImage,
  ECS_NODE,
  lustreGroup,
  place,
  profile,
  type ServiceLab,
  serviceLab,
  trust,
  wordsOf,
} from "./service-lab.ts";

const MINUTE = 60;
const REPOSITORY = "lab/bcl2fastq";
let lab: ServiceLab;
let subnetId: string;
let groupId: string;
let profileArn: string;
let launchTemplateId: string;
let imageId: string;

beforeEach(() => stand());

async function stand(region?: string): Promise<void> {
  lab = serviceLab(region);
  ({ subnetId } = await place(lab));
  groupId = await lustreGroup(lab);
  profileArn = await profile(lab, "node", [ECS_NODE]);
  imageId = await baseImage(lab);
  const Tags = [{ Key: "bootstrap:image", Value: imageId }];
  const { LaunchTemplate } = await lab.ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: "lab",
      LaunchTemplateData: { TagSpecifications: [{ ResourceType: "instance", Tags }] },
    }),
  );
  launchTemplateId = LaunchTemplate!.LaunchTemplateId!;
}

type Resources = NonNullable<CreateComputeEnvironmentCommandInput["computeResources"]>;

function createEnvironment(
  resources: Partial<Resources> = {},
  input: Partial<CreateComputeEnvironmentCommandInput> = {},
) {
  return lab.batch.send(
    new CreateComputeEnvironmentCommand({
      computeEnvironmentName: "lab",
      type: "MANAGED",
      computeResources: {
        type: "EC2",
        allocationStrategy: "BEST_FIT_PROGRESSIVE",
        minvCpus: 0,
        maxvCpus: 72,
        instanceTypes: ["c5d.9xlarge"],
        subnets: [subnetId],
        securityGroupIds: [groupId],
        instanceRole: profileArn,
        launchTemplate: { launchTemplateId, version: "1" },
        ec2Configuration: [{ imageType: "ECS_AL2023", imageIdOverride: imageId }],
        ...resources,
      },
      ...input,
    }),
  );
}

async function environment(): Promise<ComputeEnvironmentDetail | undefined> {
  const { computeEnvironments } = await lab.batch.send(
    new DescribeComputeEnvironmentsCommand({ computeEnvironments: ["lab"] }),
  );
  return computeEnvironments![0];
}

function roleArn(): string {
  return profileArn.replace("instance-profile", "role");
}

let elsewhere: string;

/** A subnet in the zone that has no c5d. */
async function findElsewhere(): Promise<void> {
  const Filters = [
    { Name: "availability-zone", Values: ["us-east-1e"] },
    { Name: "default-for-az", Values: ["true"] },
  ];
  elsewhere = (await lab.ec2.send(new DescribeSubnetsCommand({ Filters }))).Subnets![0]!.SubnetId!;
}

function update(input: Partial<UpdateComputeEnvironmentCommandInput>) {
  return lab.batch.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: "lab", ...input }));
}

async function valid(resources: Partial<Resources> = {}): Promise<void> {
  await createEnvironment(resources);
  lab.pass(61);
  expect(await environment()).toMatchObject({ status: "VALID" });
}

async function queue(): Promise<JobQueueDetail | undefined> {
  return (await lab.batch.send(new DescribeJobQueuesCommand({ jobQueues: ["lab"] }))).jobQueues![0];
}

async function ready(
  resources: Partial<Resources> = {},
  input: Partial<CreateJobQueueCommandInput> = {},
): Promise<void> {
  await valid(resources);
  const computeEnvironmentOrder = [{ order: 1, computeEnvironment: "lab" }];
  await lab.batch.send(
    new CreateJobQueueCommand({ jobQueueName: "lab", priority: 1, computeEnvironmentOrder, ...input }),
  );
  lab.pass(31);
  expect(await queue()).toMatchObject({ status: "VALID", statusReason: "JobQueue Healthy" });
}

type Container = NonNullable<RegisterJobDefinitionCommandInput["containerProperties"]>;

async function define(container: Partial<Container> = {}, input: Partial<RegisterJobDefinitionCommandInput> = {}) {
  return lab.batch.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: "split",
      type: "container",
      containerProperties: {
        image: "public.ecr.aws/amazonlinux/amazonlinux:2023",
        command: ["split.py", "run"],
        resourceRequirements: [
          { type: "VCPU", value: "32" },
          { type: "MEMORY", value: "64000" },
        ],
        ...container,
      },
      ...input,
    }),
  );
}

async function submit(input: Partial<SubmitJobCommandInput> = {}): Promise<string> {
  const { jobId } = await lab.batch.send(
    new SubmitJobCommand({ jobName: "run", jobQueue: "lab", jobDefinition: "split", ...input }),
  );
  return jobId!;
}

async function job(id: string): Promise<JobDetail> {
  return (await lab.batch.send(new DescribeJobsCommand({ jobs: [id] }))).jobs![0]!;
}

async function nodes(): Promise<Instance[]> {
  const { Reservations } = await lab.ec2.send(
    new DescribeInstancesCommand({ Filters: [{ Name: "instance-state-name", Values: ["pending", "running"] }] }),
  );
  return Reservations!.flatMap(({ Instances }) => Instances!);
}

describe("a compute environment", () => {
  it("becomes VALID within a minute, defaults filled in, the service-linked role made", async () => {
    await createEnvironment();
    expect(await environment()).toMatchObject({ status: "CREATING", state: "ENABLED" });
    expect(await wordsOf(update({ state: "DISABLED" }))).toBe(
      "ClientException: Cannot update, resource is being modified.",
    );
    lab.pass(61);
    const made = await environment();
    expect(made).toMatchObject({
      status: "VALID",
      statusReason: "ComputeEnvironment Healthy",
      updatePolicy: { terminateJobsOnUpdate: false, jobExecutionTimeoutMinutes: 30 },
      computeResources: { desiredvCpus: 0, ec2Configuration: [{ imageType: "ECS_AL2023", imageIdOverride: imageId }] },
    });
    expect(made!.ecsClusterArn).toMatch(/^arn:aws:ecs:us-east-1:123456789012:cluster\/lab_Batch_[0-9a-f-]{36}$/);
    expect(made!.serviceRole).toMatch(/AWSServiceRoleForBatch$/);
    await lab.iam.send(new GetRoleCommand({ RoleName: "AWSServiceRoleForBatch" }));
  });

  it("has one name; an unknown one is an empty list", async () => {
    await createEnvironment();
    expect(await wordsOf(createEnvironment())).toBe("ClientException: Object already exists");
    const names = { computeEnvironments: ["none"] };
    expect((await lab.batch.send(new DescribeComputeEnvironmentsCommand(names))).computeEnvironments).toEqual([]);
  });

  it.each<[string, Partial<Resources>, RegExp]>([
    ["a subnet", { subnets: ["subnet-00000000"] }, /The subnet ID 'subnet-00000000' does not exist/],
    ["a group", { securityGroupIds: ["sg-00000000"] }, /The security group 'sg-00000000' does not exist/],
    ["a template", { launchTemplate: { launchTemplateId: "lt-00000000000000000" } }, /lt-00000000000000000/],
    ["a type", { instanceTypes: ["c5d.huge"] }, /Instance type c5d.huge/],
    [
      "an image",
      { ec2Configuration: [{ imageType: "ECS_AL2023", imageIdOverride: "ami-00000000" }] },
      /ami-00000000.*does not exist/,
    ],
  ])("is refused %s that is not there", async (_, resources, words) => {
    expect(await wordsOf(createEnvironment(resources))).toMatch(words);
  });

  it.each<[string, Partial<Resources>, RegExp]>([
    ["more vCPUs at least than at most", { minvCpus: 100 }, /minvCpus/],
    ["a Spot strategy on demand", { allocationStrategy: "SPOT_CAPACITY_OPTIMIZED" }, /requires .* SPOT/],
    ["two architectures", { instanceTypes: ["c5d.9xlarge", "c6g.large"] }, /architectures|Instance type c6g.large/],
    [
      "Batch's own Amazon Linux 2",
      { ec2Configuration: [{ imageType: "ECS_AL2" }], launchTemplate: undefined },
      /ECS_AL2/,
    ],
    ["an unknown strategy", { allocationStrategy: "BEST" as "BEST_FIT" }, /enum value set/],
  ])("is refused %s", async (_, resources, words) => {
    expect(await wordsOf(createEnvironment(resources))).toMatch(words);
  });

  it("waits for a young instance profile, and is INVALID without one", async () => {
    await createEnvironment({ instanceRole: "arn:aws:iam::123456789012:instance-profile/none" });
    lab.pass(61);
    expect(await environment()).toMatchObject({
      status: "INVALID",
      statusReason: expect.stringMatching(/^CLIENT_ERROR - Invalid IamInstanceProfile/),
    });
    await update({ computeResources: { instanceRole: profileArn } });
    lab.pass(3 * MINUTE);
    expect((await environment())!.status).toBe("VALID");
  });

  it("is INVALID when its template's user data is no MIME multipart, and mended by a version that is", async () => {
    const version = async (text: string) => {
      const LaunchTemplateData = { UserData: Buffer.from(text).toString("base64") };
      await lab.ec2.send(
        new CreateLaunchTemplateVersionCommand({ LaunchTemplateId: launchTemplateId, LaunchTemplateData }),
      );
    };
    await version("#!/bin/bash\necho hello\n");
    await createEnvironment({ launchTemplate: { launchTemplateId, version: "2" } });
    lab.pass(61);
    expect(await environment()).toMatchObject({
      status: "INVALID",
      statusReason: "CLIENT_ERROR - Launch Template UserData is not MIME multipart format",
    });
    await version('MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary="=="\n\n--==\n\n--==--\n');
    await update({ computeResources: { launchTemplate: { launchTemplateId, version: "3" } } });
    lab.pass(4 * MINUTE);
    expect(await environment()).toMatchObject({ status: "VALID" });
  });

  it.each<[string, () => Partial<Resources>, RegExp]>([
    [
      "its instance role is a role's ARN",
      () => ({ instanceRole: roleArn() }),
      /Invalid IamInstanceProfile: .*:role\/node/,
    ],
    [
      "no zone of its subnets has its types",
      () => ({ subnets: [elsewhere] }),
      /c5d\.9xlarge\) is not supported .*us-east-1e/,
    ],
    ["its key pair is not there", () => ({ ec2KeyPair: "mine" }), /The key pair 'mine' does not exist/],
  ])("is INVALID when %s", async (_when, resources, words) => {
    await findElsewhere();
    await createEnvironment(resources());
    lab.pass(61);
    expect(await environment()).toMatchObject({ status: "INVALID", statusReason: expect.stringMatching(words) });
  });

  it("takes no tags of AWS's own, and no bid of nothing", async () => {
    const tags = { "aws:mine": "x" };
    expect(await wordsOf(createEnvironment({}, { tags }))).toMatch(/aws: prefixed tag key names are not allowed/);
    expect(await wordsOf(createEnvironment({ tags }))).toMatch(/aws: prefixed tag key names are not allowed/);
    expect(await wordsOf(createEnvironment({ bidPercentage: 0 }))).toMatch(/ClientException/);
  });

  it("turns INVALID when what it stands on is removed", async () => {
    await valid();
    await lab.ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId: launchTemplateId }));
    expect(await environment()).toMatchObject({
      status: "INVALID",
      statusReason: expect.stringMatching(/^CLIENT_ERROR/),
    });
  });

  it("turns INVALID when its profile loses its role", async () => {
    await valid();
    const names = { InstanceProfileName: "node", RoleName: "node" };
    await lab.iam.send(new RemoveRoleFromInstanceProfileCommand(names));
    await lab.iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName: "node" }));
    expect((await environment())!.status).toBe("INVALID");
  });

  it("scales in place within half a minute, but not down by hand", async () => {
    await valid({ minvCpus: 36 });
    lab.pass(5 * MINUTE);
    expect((await environment())!.computeResources!.desiredvCpus).toBe(36);
    expect(await wordsOf(update({ computeResources: { minvCpus: 0, desiredvCpus: 0 } }))).toMatch(
      /^ClientException: Manually scaling down compute environment is not supported/,
    );
    await update({ computeResources: { maxvCpus: 144, minvCpus: 0 } });
    expect((await environment())!.status).toBe("UPDATING");
    lab.pass(31);
    expect(await environment()).toMatchObject({ status: "VALID", computeResources: { maxvCpus: 144, minvCpus: 0 } });
    lab.pass(20 * MINUTE);
    expect((await environment())!.computeResources!.desiredvCpus).toBe(0);
    expect(await nodes()).toEqual([]);
  });

  it("cannot have its instances replaced under BEST_FIT", async () => {
    await valid({ allocationStrategy: undefined });
    expect((await environment())!.computeResources!.allocationStrategy).toBe("BEST_FIT");
    const computeResources = { launchTemplate: { launchTemplateId, version: "$Latest" } };
    expect(await wordsOf(update({ computeResources }))).toMatch(/BEST_FIT/);
  });

  it("goes only when it is disabled and no queue has it", async () => {
    await ready();
    const remove = () => lab.batch.send(new DeleteComputeEnvironmentCommand({ computeEnvironment: "lab" }));
    expect(await wordsOf(remove())).toMatch(/must be DISABLED/);
    await update({ state: "DISABLED" });
    expect(await wordsOf(remove())).toBe("ClientException: Cannot delete, resource is being modified.");
    lab.pass(31);
    expect(await wordsOf(remove())).toBe("ClientException: Cannot delete, found existing JobQueue relationship.");
    const removeQueue = () => lab.batch.send(new DeleteJobQueueCommand({ jobQueue: "lab" }));
    expect(await wordsOf(removeQueue())).toMatch(/must be DISABLED/);
    await lab.batch.send(new UpdateJobQueueCommand({ jobQueue: "lab", state: "DISABLED" }));
    lab.pass(31);
    await removeQueue();
    lab.pass(2 * MINUTE);
    expect(await queue()).toBeUndefined();
    await remove();
    expect((await environment())!.status).toBe("DELETING");
    lab.pass(5 * MINUTE);
    expect(await environment()).toBeUndefined();
  });

  it("still counts as used for a moment after its queue is gone", async () => {
    await ready();
    await update({ state: "DISABLED" });
    await lab.batch.send(new UpdateJobQueueCommand({ jobQueue: "lab", state: "DISABLED" }));
    lab.pass(31);
    await lab.batch.send(new DeleteJobQueueCommand({ jobQueue: "lab" }));
    let relation = 0;
    for (let second = 0; second < 120; second++) {
      lab.pass(1);
      const status = (await queue())?.status;
      if (status !== undefined && status !== "DELETED") continue;
      const words = await wordsOf(
        lab.batch.send(new DeleteComputeEnvironmentCommand({ computeEnvironment: "lab" })),
      ).catch(() => "");
      if (!words.includes("existing JobQueue relationship")) break;
      relation += 1;
    }
    expect(relation).toBeGreaterThan(0);
  });
});

describe("an infrastructure update", () => {
  const newVersion = async () => {
    await lab.ec2.send(
      new CreateLaunchTemplateVersionCommand({
        LaunchTemplateId: launchTemplateId,
        LaunchTemplateData: { EbsOptimized: true },
      }),
    );
    return { launchTemplate: { launchTemplateId, version: "2" } };
  };

  it("says what is to change, and waits for running jobs no longer than the partition allows", async () => {
    await valid();
    const policy = (jobExecutionTimeoutMinutes: number) => ({ updatePolicy: { jobExecutionTimeoutMinutes } });
    const state = "ENABLED" as const;
    expect(await wordsOf(update(policy(60)))).toMatch(/^ClientException: One of \[state/);
    expect(await wordsOf(update({ state, ...policy(7201) }))).toMatch(/less than or equal to 7200/);
    await update({ state, ...policy(7200) });
    await stand("cn-northwest-1");
    await valid();
    expect(await wordsOf(update({ state, ...policy(361) }))).toMatch(/less than or equal to 360/);
    await update({ state, ...policy(360) });
  });

  it("waits for running jobs, then replaces the nodes", async () => {
    await ready();
    await define();
    const id = await submit();
    lab.pass(7 * MINUTE);
    expect((await job(id)).status).toBe("RUNNING");
    const [before] = await nodes();
    const updatePolicy = { terminateJobsOnUpdate: false, jobExecutionTimeoutMinutes: 120 };
    await update({ computeResources: await newVersion(), updatePolicy });
    lab.pass(40 * MINUTE);
    expect(await environment()).toMatchObject({ status: "UPDATING", updatePolicy });
    expect(await environment()).toMatchObject({ computeResources: { launchTemplate: { version: "1" } } });
    lab.pass(40 * MINUTE);
    expect((await job(id)).status).toBe("SUCCEEDED");
    expect(await environment()).toMatchObject({
      status: "VALID",
      computeResources: { launchTemplate: { version: "2" } },
    });
    expect((await nodes()).map(({ InstanceId }) => InstanceId)).not.toContain(before!.InstanceId);
  });

  it("ends jobs that run longer than its policy lets them", async () => {
    await ready();
    await define();
    const id = await submit();
    lab.pass(7 * MINUTE);
    await update({ computeResources: await newVersion() });
    lab.pass(29 * MINUTE);
    expect((await job(id)).status).toBe("RUNNING");
    lab.pass(5 * MINUTE);
    const ended = await job(id);
    expect(ended.status).toBe("FAILED");
    expect(ended.statusReason).toMatch(/^Host EC2 \(instance i-\w+\) terminated\.$/);
    expect((await environment())!.status).toBe("VALID");
  });
});

describe("a job queue", () => {
  it("takes only environments that are VALID", async () => {
    await createEnvironment({ instanceRole: "none" });
    const computeEnvironmentOrder = [{ order: 1, computeEnvironment: "lab" }];
    const create = () =>
      lab.batch.send(new CreateJobQueueCommand({ jobQueueName: "lab", priority: 1, computeEnvironmentOrder }));
    expect(await wordsOf(create())).toMatch(/is not valid: its status is CREATING/);
    lab.pass(61);
    expect(await wordsOf(create())).toMatch(/is not valid: its status is INVALID/);
  });

  it("takes time limits of the reasons and lengths AWS has", async () => {
    await valid();
    const limit = { state: "RUNNABLE", action: "CANCEL", maxTimeSeconds: 600 } as const;
    const create = (reason: string, maxTimeSeconds = 600) =>
      lab.batch.send(
        new CreateJobQueueCommand({
          jobQueueName: "lab",
          priority: 1,
          computeEnvironmentOrder: [{ order: 1, computeEnvironment: "lab" }],
          jobStateTimeLimitActions: [{ ...limit, reason, maxTimeSeconds }],
        }),
      );
    expect(await wordsOf(create("boredom"))).toMatch(/reason must be one of/);
    expect(await wordsOf(create("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", 599))).toMatch(/between 600 and 86400/);
    await create("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT");
  });

  it("never gains a scheduling policy", async () => {
    await ready();
    const schedulingPolicyArn = "arn:aws:batch:us-east-1:123456789012:scheduling-policy/fair";
    const change = lab.batch.send(new UpdateJobQueueCommand({ jobQueue: "lab", schedulingPolicyArn }));
    expect(await wordsOf(change)).toMatch(/scheduling policy cannot be added/);
  });
});

describe("a job definition", () => {
  it("gets a new revision each time, never a number twice", async () => {
    const first = await define();
    expect(first.revision).toBe(1);
    expect((await define()).jobDefinitionArn).toMatch(/job-definition\/split:2$/);
    await lab.batch.send(new DeregisterJobDefinitionCommand({ jobDefinition: "split:2" }));
    expect((await define()).revision).toBe(3);
    const list = async (status?: string) =>
      (await lab.batch.send(new DescribeJobDefinitionsCommand({ jobDefinitionName: "split", status })))
        .jobDefinitions!.map(({ revision, status }) => `${revision} ${status}`)
        .sort();
    expect(await list()).toEqual(["1 ACTIVE", "2 INACTIVE", "3 ACTIVE"]);
    expect(await list("ACTIVE")).toEqual(["1 ACTIVE", "3 ACTIVE"]);
  });

  it("comes back with the lists it left out", async () => {
    await define({}, { tags: { a: "1" } });
    const { jobDefinitions } = await lab.batch.send(new DescribeJobDefinitionsCommand({ jobDefinitions: ["split:1"] }));
    expect(jobDefinitions![0]).toMatchObject({
      parameters: {},
      tags: { a: "1" },
      containerProperties: { volumes: [], mountPoints: [], environment: [], ulimits: [] },
    });
  });

  it.each<[string, Partial<Container>, Partial<RegisterJobDefinitionCommandInput>, RegExp]>([
    ["no memory", { resourceRequirements: [{ type: "VCPU", value: "1" }] }, {}, /MEMORY/],
    ["a mount of no volume", { mountPoints: [{ sourceVolume: "lustre" }] }, {}, /volume lustre/],
    ["a reserved variable", { environment: [{ name: "AWS_BATCH_X", value: "" }] }, {}, /AWS_BATCH/],
    ["too short a timeout", {}, { timeout: { attemptDurationSeconds: 59 } }, /at least 60/],
    ["too many attempts", {}, { retryStrategy: { attempts: 11 } }, /between 1 and 10/],
    [
      "rules without attempts",
      {},
      { retryStrategy: { evaluateOnExit: [{ action: "RETRY", onReason: "*" }] } },
      /attempts must be given/,
    ],
    ["a bad name", {}, { jobDefinitionName: "a b" }, /regular expression/],
    ["an unknown log driver", { logConfiguration: { logDriver: "cloudwatch" as "awslogs" } }, {}, /enum value set/],
    [
      "a rule that does nothing AWS knows",
      {},
      { retryStrategy: { attempts: 2, evaluateOnExit: [{ action: "AGAIN" as "RETRY", onReason: "*" }] } },
      /evaluateOnExit.*regular expression/,
    ],
  ])("is refused with %s", async (_, container, input, words) => {
    expect(await wordsOf(define(container, input))).toMatch(words);
  });
});

describe("a job", () => {
  it("runs from zero nodes within six minutes, for an hour, and leaves a log", async () => {
    await ready();
    await define();
    const id = await submit();
    expect((await job(id)).status).toBe("SUBMITTED");
    lab.pass(10);
    expect((await job(id)).status).toBe("RUNNABLE");
    expect(await nodes()).toHaveLength(1);
    lab.pass(6 * MINUTE);
    const running = await job(id);
    expect(running.status).toBe("RUNNING");
    expect(running.startedAt! - running.createdAt!).toBeGreaterThan(3 * MINUTE * 1000);
    expect(running.container!.logStreamName).toMatch(/^split\/default\/[0-9a-f]{32}$/);
    lab.pass(70 * MINUTE);
    const done = await job(id);
    expect(done).toMatchObject({
      status: "SUCCEEDED",
      statusReason: "Essential container in task exited",
      container: { exitCode: 0 },
    });
    expect((done.stoppedAt! - done.startedAt!) / 60_000).toBeCloseTo(67, -1);
    const { events } = await lab.logs.send(
      new GetLogEventsCommand({
        logGroupName: "/aws/batch/job",
        logStreamName: done.container!.logStreamName!,
        startFromHead: true,
      }),
    );
    expect(events!.map(({ message }) => message)).toEqual([
      "+ split.py run",
      "Processing completed with 0 errors and 0 warnings.",
    ]);
    lab.pass(20 * MINUTE);
    await environment();
    expect(await nodes()).toEqual([]);
  });

  it("runs on an instance with the environment's image and the template's tags", async () => {
    await ready({ tags: { team: "lab" } });
    await define();
    await submit();
    lab.pass(10);
    await environment();
    lab.pass(50);
    const [node] = await nodes();
    expect(node).toMatchObject({ ImageId: imageId, InstanceType: "c5d.9xlarge", SubnetId: subnetId });
    expect(node!.Tags).toContainEqual({ Key: "bootstrap:image", Value: imageId });
    expect(node!.Tags).toContainEqual({ Key: "team", Value: "lab" });
    expect((await environment())!.computeResources!.desiredvCpus).toBe(36);
  });

  it("shares a node that has room, and waits when nothing more may be launched", async () => {
    await ready({ maxvCpus: 36 });
    await define({
      resourceRequirements: [
        { type: "VCPU", value: "18" },
        { type: "MEMORY", value: "30000" },
      ],
    });
    const ids = [await submit(), await submit()];
    lab.pass(MINUTE);
    ids.push(await submit());
    lab.pass(6 * MINUTE);
    const statuses = await Promise.all(ids.map(async (id) => (await job(id)).status));
    expect(statuses).toEqual(["RUNNING", "RUNNING", "RUNNABLE"]);
    expect(await nodes()).toHaveLength(1);
    const snapshot = await lab.batch.send(new GetJobQueueSnapshotCommand({ jobQueue: "lab" }));
    expect(snapshot.frontOfQueue!.jobs).toHaveLength(1);
    lab.pass(75 * MINUTE);
    expect((await job(ids[2]!)).status).toBe("RUNNING");
  });

  it("says why it stays RUNNABLE, and is taken out when its queue says how long", async () => {
    const reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT";
    const limit = { reason, state: "RUNNABLE", action: "CANCEL", maxTimeSeconds: 600 } as const;
    await ready({ maxvCpus: 36 }, { jobStateTimeLimitActions: [limit] });
    await define({
      resourceRequirements: [
        { type: "VCPU", value: "32" },
        { type: "MEMORY", value: "72000" },
      ],
    });
    const id = await submit();
    lab.pass(5 * MINUTE);
    expect(await job(id)).toMatchObject({ status: "RUNNABLE", statusReason: expect.stringContaining(reason) });
    lab.pass(6 * MINUTE);
    expect(await job(id)).toMatchObject({ status: "FAILED", statusReason: reason });
  });

  it("that needs more vCPUs than the environment may have stays RUNNABLE", async () => {
    await ready({ maxvCpus: 35 });
    await define();
    const id = await submit();
    lab.pass(30 * MINUTE);
    expect(await job(id)).toMatchObject({
      status: "RUNNABLE",
      statusReason: expect.stringMatching(/^MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE/),
    });
    expect(await nodes()).toEqual([]);
  });

  it("waits for capacity when its fate says so", async () => {
    await ready();
    await define();
    lab.faults.push({ operation: "SubmitJob", nth: 1, fate: { kind: "capacity", ms: 20 * MINUTE * 1000 } });
    const id = await submit();
    lab.pass(10 * MINUTE);
    expect((await job(id)).statusReason).toMatch(/^CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY/);
    lab.pass(11 * MINUTE);
    await job(id);
    lab.pass(7 * MINUTE);
    expect((await job(id)).status).toBe("RUNNING");
  });

  it("does not get past STARTING when its image was never pushed", async () => {
    await ready();
    await lab.ecr.send(new CreateRepositoryCommand({ repositoryName: REPOSITORY }));
    const image = `123456789012.dkr.ecr.us-east-1.amazonaws.com/${REPOSITORY}:v4`;
    await define({ image });
    const id = await submit();
    lab.pass(7 * MINUTE);
    expect(await job(id)).toMatchObject({
      status: "FAILED",
      statusReason: expect.stringMatching(/^CannotPullContainerError/),
    });
    const imageManifest = JSON.stringify({ schemaVersion: 2, mediaType: "application/x", layers: [] });
    const pushed = await lab.ecr.send(
      new PutImageCommand({ repositoryName: REPOSITORY, imageManifest, imageTag: "v4" }),
    );
    await define({ image: `${image.replace(/:v4$/, "")}@${pushed.image!.imageId!.imageDigest}` });
    const again = await submit();
    lab.pass(7 * MINUTE);
    expect((await job(again)).status).toBe("RUNNING");
  });

  it("does not start without the log group it names, unless it asks for it to be made", async () => {
    await ready();
    const options = { "awslogs-group": "/lab/jobs" };
    await define({ logConfiguration: { logDriver: "awslogs", options } });
    const id = await submit();
    lab.pass(7 * MINUTE);
    const failed = await job(id);
    expect(failed).toMatchObject({ status: "FAILED", statusReason: "Task failed to start" });
    expect(failed.container!.reason).toMatch(/^CannotStartContainerError: .*log group does not exist/);
    const making = { ...options, "awslogs-create-group": "true" };
    await define({ logConfiguration: { logDriver: "awslogs", options: making } });
    const again = await submit();
    lab.pass(7 * MINUTE);
    expect((await job(again)).status).toBe("RUNNING");
  });

  it("keeps its deprecated overrides from what resourceRequirements ask for", async () => {
    await ready();
    await define();
    const id = await submit({ containerOverrides: { vcpus: 1, memory: 100 } });
    const { container } = await job(id);
    expect(container!.resourceRequirements).toEqual([
      { type: "VCPU", value: "32" },
      { type: "MEMORY", value: "64000" },
    ]);
  });

  it("does not start without a role that tasks may take", async () => {
    await ready();
    await lab.iam.send(
      new CreateRoleCommand({ RoleName: "job", AssumeRolePolicyDocument: trust("ec2.amazonaws.com") }),
    );
    await define({ jobRoleArn: "arn:aws:iam::123456789012:role/job" });
    const id = await submit();
    lab.pass(7 * MINUTE);
    expect(await job(id)).toMatchObject({ status: "FAILED", statusReason: "Task failed to start" });
  });

  it("never starts on nodes that cannot join, and the environment says so", async () => {
    profileArn = await profile(lab, "mute", []);
    await ready();
    await define();
    const id = await submit();
    lab.pass(10 * MINUTE);
    expect((await job(id)).status).toBe("RUNNABLE");
    lab.pass(15 * MINUTE);
    expect(await environment()).toMatchObject({
      status: "INVALID",
      statusReason: expect.stringMatching(/none of the instances joined the underlying ECS Cluster/),
    });
    expect(await nodes()).toEqual([]);
  });

  it("is tried again after a Spot reclaim, not after its own failure, when its rules say so", async () => {
    await ready();
    const retryStrategy = {
      attempts: 3,
      evaluateOnExit: [
        { action: "RETRY" as const, onStatusReason: "Host EC2*" },
        { action: "EXIT" as const, onReason: "*" },
      ],
    };
    await define({}, { retryStrategy });
    lab.faults.push({ operation: "SubmitJob", nth: 1, fate: { kind: "reclaim", ms: 60_000 } });
    lab.faults.push({ operation: "SubmitJob", nth: 2, fate: { kind: "fail", ms: 60_000, reason: "no sample sheet" } });
    const reclaimed = await submit();
    lab.pass(20 * MINUTE);
    expect(await job(reclaimed)).toMatchObject({
      status: "RUNNING",
      attempts: [{ statusReason: expect.stringMatching(/^Host EC2/) }],
    });
    const failed = await submit();
    lab.pass(10 * MINUTE);
    expect(await job(failed)).toMatchObject({ status: "FAILED", container: { exitCode: 1 } });
    expect((await job(failed)).attempts).toHaveLength(1);
  });

  it("loses its host when somebody ends the instance", async () => {
    await ready();
    await define();
    const id = await submit();
    lab.pass(7 * MINUTE);
    await job(id);
    const [node] = await nodes();
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [node!.InstanceId!] }));
    expect(await job(id)).toMatchObject({
      status: "FAILED",
      statusReason: `Host EC2 (instance ${node!.InstanceId}) terminated.`,
    });
  });

  it("is cut at its timeout", async () => {
    await ready();
    await define({}, { timeout: { attemptDurationSeconds: 60 }, retryStrategy: { attempts: 3 } });
    const id = await submit();
    lab.pass(10 * MINUTE);
    expect(await job(id)).toMatchObject({ status: "FAILED", statusReason: "Job attempt duration exceeded timeout" });
    expect((await job(id)).attempts).toHaveLength(1);
  });

  it("is cancelled before it starts, terminated after", async () => {
    await ready();
    await define();
    const id = await submit();
    lab.pass(7 * MINUTE);
    await lab.batch.send(new CancelJobCommand({ jobId: id, reason: "too late" }));
    lab.pass(MINUTE);
    expect((await job(id)).status).toBe("RUNNING");
    await lab.batch.send(new TerminateJobCommand({ jobId: id, reason: "enough" }));
    lab.pass(31);
    expect(await job(id)).toMatchObject({ status: "FAILED", statusReason: "enough", isTerminated: true });
    const second = await submit({ jobQueue: "lab" });
    await lab.batch.send(new CancelJobCommand({ jobId: second, reason: "never mind" }));
    expect(await job(second)).toMatchObject({ status: "FAILED", statusReason: "never mind", isCancelled: true });
  });

  it("is ended with its queue", async () => {
    await ready();
    await define();
    const id = await submit();
    lab.pass(7 * MINUTE);
    await lab.batch.send(new UpdateJobQueueCommand({ jobQueue: "lab", state: "DISABLED" }));
    lab.pass(31);
    expect(await wordsOf(submit())).toMatch(/not ENABLED and VALID/);
    await lab.batch.send(new DeleteJobQueueCommand({ jobQueue: "lab" }));
    lab.pass(4 * MINUTE);
    expect((await job(id)).status).toBe("FAILED");
    expect(await queue()).toBeUndefined();
  });

  it("waits for the jobs it depends on, and fails with them", async () => {
    await ready();
    await define({ command: ["echo", "hi"] });
    const first = await submit();
    const second = await submit({ dependsOn: [{ jobId: first }] });
    lab.pass(MINUTE);
    expect((await job(second)).status).toBe("PENDING");
    lab.pass(8 * MINUTE);
    expect((await job(second)).status).toBe("SUCCEEDED");
    const bad = await submit({ containerOverrides: { command: ["false"] } });
    const third = await submit({ dependsOn: [{ jobId: bad }] });
    lab.pass(8 * MINUTE);
    expect(await job(third)).toMatchObject({ status: "FAILED", statusReason: "Dependent Job failed" });
  });

  it("as an array stands PENDING while its children run", async () => {
    await ready();
    await define({
      command: ["echo", "hi"],
      resourceRequirements: [
        { type: "VCPU", value: "4" },
        { type: "MEMORY", value: "1000" },
      ],
    });
    const id = await submit({ arrayProperties: { size: 3 } });
    lab.pass(MINUTE);
    expect(await job(id)).toMatchObject({ status: "PENDING", arrayProperties: { size: 3 } });
    const list = async (jobStatus: "RUNNABLE" | "SUCCEEDED") =>
      (await lab.batch.send(new ListJobsCommand({ arrayJobId: id, jobStatus }))).jobSummaryList!.map(
        ({ jobId }) => jobId,
      );
    expect((await list("RUNNABLE")).sort()).toEqual([`${id}:0`, `${id}:1`, `${id}:2`]);
    lab.pass(8 * MINUTE);
    expect(await list("SUCCEEDED")).toHaveLength(3);
    expect(await job(id)).toMatchObject({ status: "SUCCEEDED", arrayProperties: { statusSummary: { SUCCEEDED: 3 } } });
  });

  it("is listed only when it runs, unless a status or a filter is given", async () => {
    await ready();
    await define();
    const id = await submit({ jobName: "lane-1" });
    lab.pass(10);
    const list = async (input: object) =>
      (await lab.batch.send(new ListJobsCommand({ jobQueue: "lab", ...input }))).jobSummaryList!.map(
        ({ jobId }) => jobId,
      );
    expect(await list({})).toEqual([]);
    expect(await list({ jobStatus: "RUNNABLE" })).toEqual([id]);
    expect(await list({ filters: [{ name: "JOB_NAME", values: ["lane*"] }] })).toEqual([id]);
    expect(await list({ filters: [{ name: "JOB_NAME", values: ["lane"] }] })).toEqual([]);
    expect(await wordsOf(lab.batch.send(new ListJobsCommand({})))).toMatch(/Exactly one of/);
  });
});

it("months may pass between two requests", async () => {
  await ready();
  await define();
  const ids = [await submit(), await submit(), await submit()];
  lab.pass(5 * 86_400);
  const stopped = await Promise.all(ids.map(async (id) => await job(id)));
  expect(stopped.map(({ status }) => status)).toEqual(["SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]);
  expect(Math.max(...stopped.map(({ stoppedAt }) => stoppedAt!)) - stopped[0]!.createdAt!).toBeLessThan(3 * 3_600_000);
  expect(await nodes()).toEqual([]);
  lab.pass(8 * 86_400);
  expect((await lab.batch.send(new DescribeJobsCommand({ jobs: ids }))).jobs).toEqual([]);
});

it("tags are maps, on environments, queues and definitions alike", async () => {
  await createEnvironment({}, { tags: { a: "1" } });
  const resourceArn = (await environment())!.computeEnvironmentArn!;
  await lab.batch.send(new TagResourceCommand({ resourceArn, tags: { b: "2" } }));
  await lab.batch.send(new UntagResourceCommand({ resourceArn, tagKeys: ["a"] }));
  expect((await lab.batch.send(new ListTagsForResourceCommand({ resourceArn }))).tags).toEqual({ b: "2" });
  const { jobDefinitionArn } = await define();
  await lab.batch.send(new TagResourceCommand({ resourceArn: jobDefinitionArn, tags: { c: "3" } }));
  const { tags } = await lab.batch.send(new ListTagsForResourceCommand({ resourceArn: jobDefinitionArn }));
  expect(tags).toEqual({ c: "3" });
});
