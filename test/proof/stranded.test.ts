import {
  DeleteComputeEnvironmentCommand,
  DeleteJobQueueCommand,
  DeregisterJobDefinitionCommand,
  DescribeJobDefinitionsCommand,
  SubmitJobCommand,
  UpdateComputeEnvironmentCommand,
  UpdateJobQueueCommand,
} from "@aws-sdk/client-batch";
import { DeleteLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  DeleteLaunchTemplateCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { DeleteRepositoryCommand, PutImageCommand } from "@aws-sdk/client-ecr";
import { DeleteFileSystemCommand, DescribeFileSystemsCommand } from "@aws-sdk/client-fsx";
import {
  DeleteInstanceProfileCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  RemoveRoleFromInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import type { Site } from "../environment/site.ts";
import type { Lab } from "../steps/harness.ts";
import { OVERSLEEP, outcomeOf, REGION } from "./commands.ts";
import { deskAt, type Moment } from "./desk.ts";
import { arrive, deskFor, stages } from "./verbs.ts";
import { standing } from "./world.ts";

const MINUTE_MS = 60_000;
const NODE = `demux-${REGION}-node`;
const OWN = { Filters: [{ Name: "tag:bootstrap:env", Values: ["demux"] }] };

const pass = ({ clock }: Lab, ms: number) => clock.sleep(ms);

async function takeProfile({ cloud: { iam } }: Lab): Promise<void> {
  const InstanceProfileName = `${NODE}-profile`;
  await iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName: `${NODE}-role` }));
  await iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName }));
}

async function takeRole({ cloud: { iam } }: Lab): Promise<void> {
  const [InstanceProfileName, RoleName] = [`${NODE}-profile`, `${NODE}-role`];
  await iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName }));
  const { AttachedPolicies } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
  for (const { PolicyArn } of AttachedPolicies ?? [])
    await iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
  const { PolicyNames } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  for (const PolicyName of PolicyNames ?? []) await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
  await iam.send(new DeleteRoleCommand({ RoleName }));
}

async function takeQueue({ cloud: { batch }, ...lab }: Lab): Promise<void> {
  await batch.send(new UpdateJobQueueCommand({ jobQueue: "demux", state: "DISABLED" }));
  await lab.clock.sleep(MINUTE_MS);
  await batch.send(new DeleteJobQueueCommand({ jobQueue: "demux" }));
}

async function takeComputeEnvironment(lab: Lab): Promise<void> {
  await takeQueue(lab);
  await pass(lab, 3 * MINUTE_MS);
  const { batch } = lab.cloud;
  await batch.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: "demux", state: "DISABLED" }));
  await pass(lab, MINUTE_MS);
  await batch.send(new DeleteComputeEnvironmentCommand({ computeEnvironment: "demux" }));
}

async function fileSystemId({ cloud: { fsx } }: Lab) {
  return (await fsx.send(new DescribeFileSystemsCommand({}))).FileSystems![0]!.FileSystemId!;
}

async function imageId({ cloud: { ec2 } }: Lab) {
  return (await ec2.send(new DescribeImagesCommand({ Owners: ["self"] }))).Images![0]!.ImageId!;
}

const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
const manifest = (of = "nothing") => JSON.stringify({ schemaVersion: 2, mediaType, layers: [], of });

/** What others did to an environment that was complete. */
const DEEDS: Readonly<Record<string, (lab: Lab, site: Site) => Promise<unknown>>> = {
  "deleted the instance profile of the nodes": takeProfile,
  "deleted the role of the nodes": takeRole,
  "deleted the job queue": takeQueue,
  "disabled the compute environment": ({ cloud }) =>
    cloud.batch.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: "demux", state: "DISABLED" })),
  "are just changing the compute environment": ({ cloud }) =>
    cloud.batch.send(
      new UpdateComputeEnvironmentCommand({ computeEnvironment: "demux", computeResources: { maxvCpus: 36 } }),
    ),
  "are just deleting the compute environment": takeComputeEnvironment,
  "pushed images of their own into the repository": async ({ cloud: { ecr } }) => {
    for (const imageTag of ["latest", undefined])
      await ecr.send(
        new PutImageCommand({ repositoryName: "demux/bcl2fastq", imageTag, imageManifest: manifest(imageTag) }),
      );
  },
  "deregistered the job definition": async ({ cloud: { batch } }) => {
    const { jobDefinitions } = await batch.send(new DescribeJobDefinitionsCommand({ status: "ACTIVE" }));
    await batch.send(new DeregisterJobDefinitionCommand({ jobDefinition: jobDefinitions![0]!.jobDefinitionArn }));
  },
  "deleted the launch template under the compute environment": ({ cloud }) =>
    cloud.ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateName: "demux" })),
  "deregistered the machine image and left its snapshot": async (lab) =>
    lab.cloud.ec2.send(new DeregisterImageCommand({ ImageId: await imageId(lab) })),
  "deregistered the machine image with its snapshot": async (lab) =>
    lab.cloud.ec2.send(new DeregisterImageCommand({ ImageId: await imageId(lab), DeleteAssociatedSnapshots: true })),
  "deleted the log group": ({ cloud }) =>
    cloud.logs.send(new DeleteLogGroupCommand({ logGroupName: "/bootstrap/demux" })),
  "deleted the repository": ({ cloud }) =>
    cloud.ecr.send(new DeleteRepositoryCommand({ repositoryName: "demux/bcl2fastq", force: true })),
  "deleted the file system": async (lab) => {
    await lab.cloud.fsx.send(new DeleteFileSystemCommand({ FileSystemId: await fileSystemId(lab) }));
    await pass(lab, 10 * MINUTE_MS);
  },
  "are just deleting the file system": async (lab) =>
    lab.cloud.fsx.send(new DeleteFileSystemCommand({ FileSystemId: await fileSystemId(lab) })),
  "left a builder running": (_lab, site) => site.bake("", { force: true, keepBuilder: true }),
};

describe("after others", () => {
  it.each(Object.entries(DEEDS))("%s, teardown leaves nothing", async (_name, deed) => {
    const desk = await deskFor("teardown");
    await deed(desk.site.lab, desk.site);
    await pass(desk.site.lab, MINUTE_MS);
    await arrive(desk, "teardown");
  });

  it.each(Object.entries(DEEDS))("%s, up makes it whole", async (_name, deed) => {
    const desk = await deskFor("teardown");
    await deed(desk.site.lab, desk.site);
    await pass(desk.site.lab, MINUTE_MS);
    await arrive(desk, "up");
  });
});

/** AWS refuses to delete the role while it is in use, and yet it is gone in some accounts. */
function withoutServiceRole(moment: Moment): Moment {
  const world = JSON.parse(moment.world) as { slices: { "iam/global": { aws: { roles: Record<string, unknown> } } } };
  delete world.slices["iam/global"].aws.roles.awsserviceroleforbatch;
  return { ...moment, world: JSON.stringify(world) };
}

describe("teardown", () => {
  it("gives Batch its service-linked role back, without which no compute environment goes, and so does up", async () => {
    const { begins } = await stages();
    for (const verb of ["teardown", "up"] as const) await arrive(deskAt(withoutServiceRole(begins.teardown)), verb);
  });

  it("removes a compute environment that stays invalid", async () => {
    const desk = await deskFor("teardown");
    const fate = { kind: "fail", reason: "CLIENT_ERROR - The security group 'sg-1' does not exist" };
    desk.site.lab.faults.push({ operation: "UpdateComputeEnvironment", fate });
    await arrive(desk, "teardown");
  });

  it("ends the jobs that run", async () => {
    const desk = await deskFor("teardown");
    const { lab } = desk.site;
    const job = {
      jobName: "lane",
      jobQueue: "demux",
      jobDefinition: "demux-bcl2fastq",
      containerOverrides: { command: ["sleep", "7200"] },
    };
    await lab.cloud.batch.send(new SubmitJobCommand(job));
    await pass(lab, 10 * MINUTE_MS);
    await arrive(desk, "teardown");
  });

  it("waits for interfaces that leave the security group late", async () => {
    const desk = await deskFor("teardown");
    const error = { code: "DependencyViolation", message: "resource sg-1 has a dependent object" };
    desk.site.lab.faults.push({
      operation: "DeleteSecurityGroup",
      nth: Array.from({ length: 60 }, (_, at) => at + 1),
      error,
    });
    await arrive(desk, "teardown");
  });

  it("names the security group that a machine of somebody else stands in, removes all the rest, and then the group", async () => {
    const desk = await deskFor("teardown", { oversleep: OVERSLEEP });
    const { lab } = desk.site;
    const { ec2 } = lab.cloud;
    const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand(OWN));
    const { Images } = await ec2.send(
      new DescribeImagesCommand({ Owners: ["amazon"], Filters: [{ Name: "architecture", Values: ["x86_64"] }] }),
    );
    const { GroupId, VpcId } = SecurityGroups![0]!;
    const { Subnets } = await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: "vpc-id", Values: [VpcId!] }] }));
    const machine = {
      ...{ ImageId: Images![0]!.ImageId, InstanceType: "t3.micro" as const, MinCount: 1, MaxCount: 1 },
      ...{
        SecurityGroupIds: [GroupId!],
        SubnetId: Subnets!.find(({ AvailabilityZone }) => AvailabilityZone!.endsWith("a"))!.SubnetId,
      },
    };
    const { Instances } = await ec2.send(new RunInstancesCommand(machine));

    const { failures, left } = await outcomeOf(desk.site.teardown());
    expect(failures).toMatchObject([
      {
        message: expect.stringMatching(/security-group.*DependencyViolation: resource sg-\w+ has a dependent object/),
        hint: expect.stringContaining("run the same command again"),
      },
    ]);
    expect(left).toEqual([GroupId]);
    const stands = standing(desk.freeze().world, REGION).map(({ kind, ref }) => [kind, ref]);
    expect(stands.sort()).toEqual([
      ["instance", Instances![0]!.InstanceId],
      ["security-group", GroupId],
    ]);

    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [Instances![0]!.InstanceId!] }));
    await pass(lab, 5 * MINUTE_MS);
    await arrive(desk, "teardown");
  });
});
