import {
  CreateComputeEnvironmentCommand,
  CreateJobQueueCommand,
  RegisterJobDefinitionCommand,
} from "@aws-sdk/client-batch";
import { CreateLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateImageCommand,
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  DescribeImagesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { CreateRepositoryCommand } from "@aws-sdk/client-ecr";
import { CreateFileSystemCommand, DescribeFileSystemsCommand } from "@aws-sdk/client-fsx";
import { AddRoleToInstanceProfileCommand, CreateInstanceProfileCommand, CreateRoleCommand } from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import { Site } from "../environment/site.ts";
import type { Lab } from "../steps/harness.ts";
import { OVERSLEEP, outcomeOf, REGION } from "./commands.ts";
import type { Desk } from "./desk.ts";
import { deskFor } from "./verbs.ts";
import { standing } from "./world.ts";

const MINUTE_MS = 60_000;
const IAM = `demux-${REGION}`;
const trust = (Service: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" }],
  });
/** What others call their things, and may tag them: with a name like ours, or as another environment's. */
const THEIRS = { Name: "demux", owner: "somebody else" };
const Tags = Object.entries(THEIRS).map(([Key, Value]) => ({ Key, Value }));

async function makeRole({ cloud: { iam } }: Lab, RoleName: string): Promise<string> {
  await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust("ec2.amazonaws.com"), Tags }));
  return RoleName;
}

async function makeProfile(lab: Lab, InstanceProfileName: string): Promise<string> {
  const RoleName = await makeRole(lab, "theirs");
  const { iam } = lab.cloud;
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName, Tags }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName }));
  return InstanceProfileName;
}

async function makeGroup({ cloud: { ec2 } }: Lab, GroupName: string) {
  const TagSpecifications = [{ ResourceType: "security-group" as const, Tags }];
  const { GroupId } = await ec2.send(
    new CreateSecurityGroupCommand({ GroupName, Description: "theirs", TagSpecifications }),
  );
  return GroupId!;
}

async function place({ cloud: { ec2 } }: Lab) {
  const zone = {
    Filters: [
      { Name: "availability-zone", Values: [`${REGION}b`] },
      { Name: "default-for-az", Values: ["true"] },
    ],
  };
  const [{ Subnets }, { SecurityGroups }, { Images }] = await Promise.all([
    ec2.send(new DescribeSubnetsCommand(zone)),
    ec2.send(new DescribeSecurityGroupsCommand({ GroupNames: ["default"] })),
    ec2.send(
      new DescribeImagesCommand({ Owners: ["amazon"], Filters: [{ Name: "architecture", Values: ["x86_64"] }] }),
    ),
  ]);
  return { subnetId: Subnets![0]!.SubnetId!, groupId: SecurityGroups![0]!.GroupId!, imageId: Images![0]!.ImageId! };
}

async function runMachine(lab: Lab, Name: string): Promise<string> {
  const { subnetId, groupId, imageId } = await place(lab);
  const { Instances } = await lab.cloud.ec2.send(
    new RunInstancesCommand({
      ...{ ImageId: imageId, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1, SubnetId: subnetId },
      SecurityGroupIds: [groupId],
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: Name }] }],
    }),
  );
  return Instances![0]!.InstanceId!;
}

async function makeEnvironment(lab: Lab, computeEnvironmentName: string): Promise<string> {
  const { subnetId, groupId } = await place(lab);
  const instanceRole = await makeProfile(lab, "theirs");
  const { computeEnvironmentArn } = await lab.cloud.batch.send(
    new CreateComputeEnvironmentCommand({
      ...{ computeEnvironmentName, type: "MANAGED", tags: THEIRS },
      computeResources: {
        ...{ type: "EC2", maxvCpus: 4, instanceTypes: ["m5"], instanceRole },
        ...{ subnets: [subnetId], securityGroupIds: [groupId] },
      },
    }),
  );
  await lab.clock.sleep(3 * MINUTE_MS);
  return computeEnvironmentArn!;
}

async function makeQueue(lab: Lab): Promise<string> {
  const computeEnvironment = await makeEnvironment(lab, "theirs");
  const { jobQueueArn } = await lab.cloud.batch.send(
    new CreateJobQueueCommand({
      ...{ jobQueueName: "demux", priority: 5, tags: THEIRS },
      computeEnvironmentOrder: [{ order: 1, computeEnvironment }],
    }),
  );
  return jobQueueArn!;
}

async function registerDefinition({ cloud: { batch } }: Lab): Promise<string> {
  const resourceRequirements = [
    { type: "VCPU" as const, value: "1" },
    { type: "MEMORY" as const, value: "512" },
  ];
  const { jobDefinitionArn } = await batch.send(
    new RegisterJobDefinitionCommand({
      ...{ jobDefinitionName: "demux-bcl2fastq", type: "container", tags: THEIRS },
      containerProperties: { image: "busybox", resourceRequirements },
    }),
  );
  return jobDefinitionArn!;
}

interface Stranger {
  /** Answers the ref by which it stands in the world. */
  make(lab: Lab): Promise<string>;
  /** The node that is refused for it. */
  readonly refuses: string;
}

/** Under the one name that we need. */
const IN_THE_WAY: Readonly<Record<string, Stranger>> = {
  "a role": { make: (lab) => makeRole(lab, `${IAM}-node-role`), refuses: "node-role" },
  "an instance profile": { make: (lab) => makeProfile(lab, `${IAM}-node-profile`), refuses: "node-profile" },
  "a log group": {
    make: async ({ cloud }) => {
      await cloud.logs.send(new CreateLogGroupCommand({ logGroupName: "/bootstrap/demux", tags: THEIRS }));
      return "/bootstrap/demux";
    },
    refuses: "log-group",
  },
  "a repository": {
    make: async ({ cloud }) => {
      const { repository } = await cloud.ecr.send(
        new CreateRepositoryCommand({ repositoryName: "demux/bcl2fastq", tags: Tags }),
      );
      return repository!.repositoryArn!;
    },
    refuses: "repository",
  },
  "a launch template": {
    make: async ({ cloud }) => {
      const LaunchTemplateData = { InstanceType: "t3.micro" as const };
      const { LaunchTemplate } = await cloud.ec2.send(
        new CreateLaunchTemplateCommand({ LaunchTemplateName: "demux", LaunchTemplateData }),
      );
      return LaunchTemplate!.LaunchTemplateId!;
    },
    refuses: "launch-template",
  },
  "a compute environment": { make: (lab) => makeEnvironment(lab, "demux"), refuses: "compute-environment" },
  "a job queue": { make: makeQueue, refuses: "job-queue" },
  "a job definition": { make: registerDefinition, refuses: "job-definition" },
};

/** Under a name like ours, which leaves room for ours. */
const BESIDE: Readonly<Record<string, (lab: Lab) => Promise<string>>> = {
  "a security group": (lab) => makeGroup(lab, "demux-security-group-0a1b2c3d"),
  "a machine": (lab) => runMachine(lab, "demux-builder"),
  "a machine image with its snapshot": async (lab) => {
    const InstanceId = await runMachine(lab, "theirs");
    await lab.clock.sleep(MINUTE_MS);
    const { ImageId } = await lab.cloud.ec2.send(new CreateImageCommand({ InstanceId, Name: "demux-ami-0a1b2c3d" }));
    return ImageId!;
  },
  "a file system": async (lab) => {
    const GroupId = (await place(lab)).groupId;
    const { subnetId } = await place(lab);
    const { FileSystem } = await lab.cloud.fsx.send(
      new CreateFileSystemCommand({
        ...{ FileSystemType: "LUSTRE", StorageCapacity: 1200, SubnetIds: [subnetId], SecurityGroupIds: [GroupId] },
        LustreConfiguration: { DeploymentType: "SCRATCH_2" },
        Tags: [{ Key: "Name", Value: "demux-filesystem" }],
      }),
    );
    return FileSystem!.FileSystemId!;
  },
  "a role with a longer name": (lab) => makeRole(lab, `${IAM}-node-role-2`),
  "a repository of another program": async ({ cloud }) => {
    const { repository } = await cloud.ecr.send(
      new CreateRepositoryCommand({ repositoryName: "demux/other", tags: Tags }),
    );
    return repository!.repositoryArn!;
  },
};

/** What the world keeps of a thing, to the letter, wherever it stands. */
function kept(desk: Desk, ref: string): readonly string[] {
  const found: string[] = [];
  const walk = (value: unknown, key: string) => {
    if (typeof value !== "object" || value === null) return;
    const { arn, id, name, groupId } = value as Readonly<Record<string, unknown>>;
    if (key === ref || [arn, id, name, groupId].includes(ref)) found.push(JSON.stringify(value));
    else for (const [below, one] of Object.entries(value)) walk(one, below);
  };
  const { slices } = JSON.parse(desk.freeze().world) as { readonly slices: Readonly<Record<string, unknown>> };
  // What Systems Manager notes of every machine is nobody's doing.
  for (const [slice, things] of Object.entries(slices)) if (!slice.startsWith("ssm/")) walk(things, slice);
  return found;
}

const refsOf = (desk: Desk) =>
  standing(desk.freeze().world, REGION)
    .map(({ ref }) => ref)
    .sort();

describe("under the name of ours", () => {
  it.each(Object.entries(IN_THE_WAY))(
    "%s of somebody else's is refused, and stays as it is",
    async (_what, { make, refuses }) => {
      const desk = await deskFor("up", { oversleep: OVERSLEEP });
      const ref = await make(desk.site.lab);
      await desk.site.lab.clock.sleep(15 * MINUTE_MS);
      await desk.site.up("", { dryRun: true });
      const [before, all] = [kept(desk, ref), refsOf(desk)];
      expect(before).not.toEqual([]);

      const { failures } = await outcomeOf(desk.site.up());
      expect(failures).toHaveLength(1);
      expect(failures[0]).toMatchObject({
        code: "refused",
        hint: "rename or remove it, or choose another name for this environment",
      });
      expect(failures[0]!.message).toContain(`(${refuses}) as it is: ${ref} has our name but not our tags`);
      expect(kept(desk, ref)).toEqual(before);
      await outcomeOf(desk.site.bake("", { force: true }));
      expect(kept(desk, ref)).toEqual(before);
      expect(await outcomeOf(desk.site.teardown())).toMatchObject({ failures: [], left: [] });
      expect(kept(desk, ref)).toEqual(before);
      expect(refsOf(desk)).toEqual(all);
    },
  );
});

it("things of somebody else's with names like ours stay as they are", async () => {
  const desk = await deskFor("teardown", { oversleep: OVERSLEEP });
  const refs: [what: string, ref: string][] = [];
  for (const [what, make] of Object.entries(BESIDE)) refs.push([what, await make(desk.site.lab)]);
  await desk.site.lab.clock.sleep(15 * MINUTE_MS);
  await desk.site.up("", { dryRun: true });
  const theirs = () => refs.map(([what, ref]) => [what, ...kept(desk, ref)]);
  const before = theirs();
  expect(before.filter(([_what, ...things]) => things.length === 0)).toEqual([]);

  expect((await desk.site.up()).plan.idle).toBe(true);
  expect(await outcomeOf(desk.site.bake("", { force: true }))).toMatchObject({ failures: [] });
  expect(theirs()).toEqual(before);
  expect(await outcomeOf(desk.site.teardown())).toMatchObject({ failures: [], left: [] });
  expect(theirs()).toEqual(before);
});

describe("a second file system with our tags", () => {
  async function withSecond() {
    const desk = await deskFor("teardown", { oversleep: OVERSLEEP });
    const { fsx } = desk.site.lab.cloud;
    const [ours] = (await fsx.send(new DescribeFileSystemsCommand({}))).FileSystems!;
    const { groupId, subnetId } = await place(desk.site.lab);
    const { FileSystem } = await fsx.send(
      new CreateFileSystemCommand({
        ...{ FileSystemType: "LUSTRE", StorageCapacity: 1200, SubnetIds: [subnetId], SecurityGroupIds: [groupId] },
        LustreConfiguration: { DeploymentType: "SCRATCH_2" },
        Tags: ours!.Tags,
      }),
    );
    await desk.site.lab.clock.sleep(15 * MINUTE_MS);
    return { desk, first: ours!.FileSystemId!, second: FileSystem!.FileSystemId! };
  }
  const fileSystems = (desk: Desk) => standing(desk.freeze().world, REGION).filter(({ kind }) => kind === "filesystem");

  it("is named by up, which goes on with the one on record, and removed by teardown alone", async () => {
    const { desk, first, second } = await withSecond();
    const { plan } = await desk.site.up();
    expect(plan.nodes.find(({ node }) => node === "filesystem")).toMatchObject({ verdict: "keep", ref: first });
    expect(plan.left.map(({ found }) => found.ref)).toEqual([second]);
    for (const yaml of ["", "compute: { maxVcpus: 72 }"]) {
      const { failures, left } = await outcomeOf(desk.site.up(yaml));
      expect(failures).toEqual([]);
      expect(left).toEqual([expect.stringMatching(new RegExp(`${second}.*only teardown removes it`))]);
    }
    expect(fileSystems(desk)).toHaveLength(2);
    expect(await outcomeOf(desk.site.teardown())).toMatchObject({ failures: [], left: [] });
    expect(fileSystems(desk)).toEqual([]);
  });

  it("is not guessed about when the manifest is lost: up names it, and leaves both", async () => {
    const { desk, first, second } = await withSecond();
    await desk.site.store.remove();
    const { failures } = await outcomeOf(desk.site.up());
    expect(failures).toMatchObject([{ code: "refused", message: expect.stringMatching(`${first}|${second}`) }]);
    expect(fileSystems(desk)).toHaveLength(2);
  });
});

const ELSEWHERE = "eu-west-1";

it("environments with names that begin alike, and one of the same name elsewhere, never touch each other's things", async () => {
  const desk = await deskFor("teardown", { oversleep: OVERSLEEP });
  const { lab } = desk.site;
  const ours = desk.site;
  const others = ["demux-2", "demux2", `demux-${REGION}`].map((name) => ({
    site: new Site(REGION, lab),
    yaml: `name: ${name}`,
  }));
  const elsewhere = { site: new Site(ELSEWHERE, lab.at(ELSEWHERE)), yaml: "" };
  for (const { site, yaml } of [...others, elsewhere]) expect((await site.up(yaml)).summary?.failures).toEqual([]);

  const untouched = async () => {
    for (const { site, yaml } of [...others, elsewhere])
      expect((await site.up(yaml)).plan).toMatchObject({ idle: true });
  };
  expect((await ours.up()).plan.idle).toBe(true);
  expect((await ours.bake("", { force: true })).summary?.failures).toEqual([]);
  await untouched();
  expect(await outcomeOf(ours.teardown())).toMatchObject({ failures: [], left: [] });
  await untouched();
  for (const { site, yaml } of others)
    expect(await outcomeOf(site.teardown(yaml))).toMatchObject({ failures: [], left: [] });
  expect(standing(desk.freeze().world, REGION, [ELSEWHERE])).toEqual([]);
  expect((await elsewhere.site.up()).plan.idle).toBe(true);
});
