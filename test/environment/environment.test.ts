import { DescribeComputeEnvironmentsCommand, DescribeJobDefinitionsCommand } from "@aws-sdk/client-batch";
import {
  DeleteLaunchTemplateCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import {
  DescribeFileSystemsCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFileSystemCommand,
} from "@aws-sdk/client-fsx";
import {
  AttachRolePolicyCommand,
  DetachRolePolicyCommand,
  ListRolesCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import { up } from "../../src/actions/up.ts";
import { OVERSLEEP, theFirst } from "../proof/commands.ts";
import { deskAt } from "../proof/desk.ts";
import { Site } from "./site.ts";

let site: Site;

beforeEach(() => {
  site = new Site();
});

/** Where the first `up` was done, without doing it again. */
const stood = async () => deskAt((await theFirst()).moment, { oversleep: OVERSLEEP }).site;

const creates = (writes: readonly string[]) =>
  writes.filter((operation) => /^(Create|Run|Register|Send)/.test(operation));

describe("up", () => {
  it("makes the whole environment, each thing once, and leaves no builder running", async () => {
    const { summary, writes } = await site.up();
    expect(summary?.failures).toEqual([]);
    const once = [
      "CreateFileSystem",
      "CreateImage",
      "CreateLaunchTemplate",
      "CreateRepository",
      "CreateComputeEnvironment",
    ];
    for (const operation of [
      ...once,
      "CreateJobQueue",
      "RegisterJobDefinition",
      "CreateSecurityGroup",
      "CreateLogGroup",
    ]) {
      expect(
        writes.filter((write) => write === operation),
        operation,
      ).toHaveLength(1);
    }
    const { Reservations } = await site.lab.cloud.ec2.send(new DescribeInstancesCommand({}));
    const states = Reservations?.flatMap(({ Instances }) => Instances?.map(({ State }) => State?.Name));
    expect(new Set(states)).toEqual(new Set(["terminated"]));
  });

  it("makes no change when run again, in at most 36 calls", async () => {
    site = await stood();
    const { plan, calls, writes } = await site.up();
    expect(plan.idle).toBe(true);
    expect(writes).toEqual([]);
    expect(calls.length).toBeLessThanOrEqual(36);
  });

  it("puts the user's own tags on all that it makes, and asks for nothing where they come later", async () => {
    const { writes } = await site.up("tags: { cost-center: 4711 }");
    const carriers = ["CreateFileSystem", "CreateRole", "CreateSecurityGroup", "RunInstances", "CreateImage"];
    const makers = [...carriers, "CreateLogGroup", "CreateRepository", "CreateJobQueue", "CreateComputeEnvironment"];
    expect(writes).toEqual(expect.arrayContaining(makers));
    for (const { operation, input } of site.lab.calls) {
      if (makers.includes(operation)) expect(JSON.stringify(input), operation).toContain("cost-center");
    }
    const { plan } = await site.up("tags: { cost-center: 4712 }", { dryRun: true });
    const changing = plan.nodes.filter(({ verdict }) => !["keep", "temporary"].includes(verdict));
    expect(changing.map(({ node }) => node)).toEqual(["launch-template", "compute-environment", "job-queue"]);
  });

  it("plans without a single change, on an empty region and on a changed config", async () => {
    const first = await site.up("", { dryRun: true });
    expect([first.writes, site.store.writes]).toEqual([[], []]);
    expect(first.plan.nodes.find(({ node }) => node === "filesystem")?.verdict).toBe("follows");
    await site.up();
    const manifest = site.store.writes.length;
    const { plan, writes } = await site.up("filesystem: { capacityGiB: 2400 }", { dryRun: true });
    expect(writes).toEqual([]);
    expect(site.store.writes).toHaveLength(manifest);
    expect(plan.nodes.find(({ node }) => node === "filesystem")).toMatchObject({ verdict: "update" });
  });

  it("puts the AMI into the compute environment alone, the user data into a numbered version", async () => {
    const { summary } = await site.up();
    const { computeEnvironments } = await site.lab.cloud.batch.send(new DescribeComputeEnvironmentsCommand({}));
    const { ec2Configuration, launchTemplate } = computeEnvironments![0]!.computeResources!;
    const { imageId } = summary!.outputs.get("ami") as { imageId: string };
    expect(ec2Configuration).toMatchObject([{ imageType: "ECS_AL2023", imageIdOverride: imageId }]);
    expect(launchTemplate?.version).toBe("1");
  });

  it("runs the image by its digest, as the registry tells it", async () => {
    site = await stood();
    const { jobDefinitions } = await site.lab.cloud.batch.send(new DescribeJobDefinitionsCommand({ status: "ACTIVE" }));
    expect(jobDefinitions![0]!.containerProperties?.image).toMatch(/\/demux\/bcl2fastq@sha256:[0-9a-f]{64}$/);
  });

  it("adopts everything when the manifest is lost, and makes nothing", async () => {
    site = await stood();
    site.store = new Site().store;
    const looked = await site.run(up, { dryRun: true });
    expect(looked.said).toMatch(
      /\nnothing to do: 17 things stand as they should, and up writes them into the manifest\n$/,
    );
    const { result, said, writes } = await site.run(up, {});
    expect(writes).toEqual([]);
    expect(said).toMatch(
      /^demux is up in us-east-1 .*: nothing to do, 17 things that stand were written into a new manifest\n/,
    );
    const nodes = result?.type === "up" ? result.nodes : [];
    expect(new Set(nodes.map(({ outcome }) => outcome))).toEqual(new Set(["adopted"]));
    expect((await site.up()).plan.idle).toBe(true);
  });

  it.each([
    ["SCRATCH_2 of 2400 GiB", "{ deploymentType: SCRATCH_2, capacityGiB: 2400 }", "{}"],
    ["PERSISTENT_1 at 200", "{ deploymentType: PERSISTENT_1, throughputPerTiB: 200, lustreVersion: '2.12' }", "{}"],
    [
      "PERSISTENT_1 at 200, which the config still names",
      "{ deploymentType: PERSISTENT_1, throughputPerTiB: 200 }",
      "{ throughputPerTiB: 200 }",
    ],
    ["HDD with a cache", "{ storageType: HDD, throughputPerTiB: 40, capacityGiB: 3600, driveCache: READ }", "{}"],
    [
      "HDD, of which the config still names the capacity",
      "{ storageType: HDD, throughputPerTiB: 40 }",
      "{ capacityGiB: 1800 }",
    ],
    ["an older version and more throughput", "{ lustreVersion: '2.12', throughputPerTiB: 250 }", "{}"],
  ])("leaves the file system as it lives when config and manifest no longer say: %s", async (_what, before, after) => {
    expect((await site.up(`filesystem: ${before}`)).summary?.failures).toEqual([]);
    expect((await site.up(`filesystem: ${after}`)).writes).toEqual([]);
    site.store = new Site().store;
    const { summary, writes } = await site.up(`filesystem: ${after}`);
    expect([summary?.failures, writes]).toEqual([[], []]);
    expect((await site.up(`filesystem: ${after}`)).plan.idle).toBe(true);
  });

  it("takes a growth under way for the capacity that is wanted when the manifest is lost meanwhile", async () => {
    site = await stood();
    const { FileSystems } = await site.lab.cloud.fsx.send(new DescribeFileSystemsCommand({}));
    const FileSystemId = FileSystems![0]!.FileSystemId;
    await site.lab.cloud.fsx.send(new UpdateFileSystemCommand({ FileSystemId, StorageCapacity: 2400 }));
    site.store = new Site().store;
    const { summary } = await site.up();
    expect(summary?.failures).toEqual([]);
    expect((await site.up()).plan.nodes.flatMap(({ drift = [] }) => drift)).toEqual([]);
  });

  it("leaves nodes where they run when config and manifest no longer say", async () => {
    const { Subnets } = await site.lab.cloud.ec2.send(new DescribeSubnetsCommand({}));
    const two = Subnets!.filter(
      ({ DefaultForAz, AvailabilityZone }) => DefaultForAz && /[bc]$/.test(AvailabilityZone!),
    );
    const subnetIds = two.map(({ SubnetId }) => SubnetId).join(", ");
    for (const bare of ["filesystem: { enabled: false }", ""]) {
      site = new Site("us-east-1", site.lab);
      await site.up(`compute: { subnetIds: [${subnetIds}] }\n${bare}`);
      expect((await site.up(bare)).writes).toEqual([]);
      site.store = new Site().store;
      expect((await site.up(bare)).writes).toEqual([]);
      expect((await site.up(bare)).plan.idle).toBe(true);
      await site.teardown();
    }
  });

  it("makes exactly the launch template again that was deleted behind its back", async () => {
    const { summary } = await site.up();
    const { launchTemplateId } = summary!.outputs.get("launch-template") as { launchTemplateId: string };
    await site.lab.cloud.ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId: launchTemplateId }));
    const { writes } = await site.up();
    expect(creates(writes)).toEqual(["CreateLaunchTemplate"]);
    expect((await site.up()).plan.idle).toBe(true);
  });

  it("bakes exactly the image again that was deregistered behind its back", async () => {
    const { summary } = await site.up();
    const { imageId } = summary!.outputs.get("ami") as { imageId: string };
    await site.lab.cloud.ec2.send(new DeregisterImageCommand({ ImageId: imageId, DeleteAssociatedSnapshots: true }));
    const { writes, summary: again } = await site.up();
    expect(again?.failures).toEqual([]);
    expect(creates(writes)).toEqual(["RunInstances", "SendCommand", "CreateImage", "CreateLaunchTemplateVersion"]);
    expect((await site.up()).plan.idle).toBe(true);
  });

  it("mends exactly the policy a role was stripped of", async () => {
    site = await stood();
    const { Roles } = await site.lab.cloud.iam.send(new ListRolesCommand({}));
    const RoleName = Roles!.find((one) => one.RoleName?.endsWith("-node-role"))!.RoleName!;
    const PolicyArn = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role";
    await site.lab.cloud.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
    const { writes } = await site.up();
    expect(writes).toEqual(["AttachRolePolicy"]);
  });

  it("takes off what somebody added to any of its roles", async () => {
    site = await stood();
    const { iam } = site.lab.cloud;
    const { Roles } = await iam.send(new ListRolesCommand({}));
    const names = Roles!.map(({ RoleName }) => RoleName!).filter((name) => name.startsWith("demux-us-east-1-"));
    expect(names).toHaveLength(4);
    const PolicyArn = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    const Statement = [{ Effect: "Allow", Action: "*", Resource: "*" }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    for (const RoleName of names) {
      await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
      await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "extra", PolicyDocument }));
    }
    const { writes } = await site.up();
    expect([...writes].sort()).toEqual([
      ...names.map(() => "DeleteRolePolicy"),
      ...names.map(() => "DetachRolePolicy"),
    ]);
    expect((await site.up()).plan.idle).toBe(true);
  });

  it("mends exactly the rule that was taken out of the security group", async () => {
    site = await stood();
    const { ec2 } = site.lab.cloud;
    const { SecurityGroups } = await ec2.send(
      new DescribeSecurityGroupsCommand({ Filters: [{ Name: "tag:bootstrap:env", Values: ["demux"] }] }),
    );
    const { GroupId, IpPermissions } = SecurityGroups![0]!;
    await ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: IpPermissions!.slice(0, 1) }));
    const { writes } = await site.up();
    expect(writes).toEqual(["AuthorizeSecurityGroupIngress"]);
  });
});

describe("what is chosen for the user", () => {
  const pins = (text = site.store.text!) => JSON.parse(text).pins as Record<string, string>;

  it("is written down before anything is made", async () => {
    await site.up();
    const { pins: first, steps } = JSON.parse(site.store.writes[0]!);
    expect(first).toMatchObject({ vpcId: expect.stringMatching(/^vpc-/), baseImage: expect.stringMatching(/^ami-/) });
    expect(steps).toEqual({});
  });

  it("stays as it was until all stands that a config chose anew", async () => {
    site = await stood();
    const before = pins();
    const { Subnets } = await site.lab.cloud.ec2.send(new DescribeSubnetsCommand({}));
    const other = Subnets!.find(
      ({ DefaultForAz, SubnetId, AvailabilityZone }) =>
        DefaultForAz && SubnetId !== before.subnetId && !/[ef]$/.test(AvailabilityZone!),
    )!.SubnetId!;
    const yaml = `compute: { subnetIds: [${other}] }`;
    site.lab.faults.push({ operation: "UpdateComputeEnvironment", error: { code: "ClientException", message: "no" } });
    expect((await site.up(yaml)).summary?.failures[0]?.message).toContain("ClientException: no");
    expect(pins()).toEqual(before);
    site.lab.faults.length = 0;
    expect((await site.up(yaml)).summary?.failures).toEqual([]);
    expect(pins().computeSubnetIds).toBe(other);
  });

  it("holds the image of a forced bake, which the next up leaves as it is", async () => {
    site = await stood();
    expect((await site.bake("", { force: true })).summary?.failures).toEqual([]);
    expect((await site.up()).plan.idle).toBe(true);
  });
});

describe("a changed config", () => {
  it("is refused in the plan when it would move the file system, and pins nothing", async () => {
    site = await stood();
    const manifest = site.store.text;
    const elsewhere = (await site.lab.cloud.ec2.send(new DescribeSubnetsCommand({}))).Subnets!.filter(
      ({ DefaultForAz }) => DefaultForAz,
    );
    const { subnetId } = (await site.up()).plan.steps.get("filesystem")!.output as { subnetId: string };
    const other = elsewhere.find(
      ({ SubnetId, AvailabilityZone }) => SubnetId !== subnetId && !/[ef]$/.test(AvailabilityZone!),
    );
    const { plan } = await site.up(`network: { subnetId: ${other!.SubnetId} }`, { dryRun: true });
    const moved = plan.nodes.find(({ node }) => node === "filesystem");
    expect(moved).toMatchObject({
      verdict: "refuse",
      reason: expect.stringContaining(`"${subnetId}" -> "${other!.SubnetId}"`),
    });
    expect(site.store.text).toBe(manifest);
  });

  it("keeps a capacity that was grown when the config no longer names it", async () => {
    await site.up("filesystem: { capacityGiB: 2400 }");
    expect((await site.up()).plan.idle).toBe(true);
  });

  it("grows the file system in place", async () => {
    site = await stood();
    const { summary, writes } = await site.up("filesystem: { capacityGiB: 2400 }");
    expect(summary?.failures).toEqual([]);
    expect(writes.filter((write) => write !== "TagResource")).toEqual(["UpdateFileSystem"]);
    const { FileSystems } = await site.lab.cloud.fsx.send(new DescribeFileSystemsCommand({}));
    expect(FileSystems?.map(({ StorageCapacity }) => StorageCapacity)).toEqual([2400]);
    expect((await site.up("filesystem: { capacityGiB: 2400 }")).plan.idle).toBe(true);
  });

  it("does not shrink or move the file system, and says what to do", async () => {
    const { summary } = await site.up("filesystem: { capacityGiB: 2400 }");
    expect(summary?.failures).toEqual([]);
    const smaller = await site.run(up, { yaml: "filesystem: { capacityGiB: 1200 }" });
    expect(String(smaller.error)).toMatch(/2400.*1200|1200.*2400/);
    const moved = await site.run(up, { yaml: "filesystem: { capacityGiB: 2400, deploymentType: PERSISTENT_1 }" });
    expect(moved.error).toMatchObject({ code: "refused", hint: expect.stringContaining("--discard-data") });
    expect([...smaller.writes, ...moved.writes]).toEqual([]);
  });

  it("raises the vCPUs by one call that replaces no machine", async () => {
    site = await stood();
    const { writes } = await site.up("compute: { maxVcpus: 288 }");
    expect(writes).toEqual(["UpdateComputeEnvironment", "TagResource"]);
  });

  it("builds another image for another build argument, and registers the next revision", async () => {
    site = await stood();
    const { summary, writes } = await site.up("container: { args: { BCL2FASTQ_PACKAGE: bcl2fastq=2.20.0 } }");
    expect(summary?.failures).toEqual([]);
    expect(creates(writes)).toEqual(["RunInstances", "SendCommand", "RegisterJobDefinition"]);
    const { jobDefinitions } = await site.lab.cloud.batch.send(new DescribeJobDefinitionsCommand({ status: "ACTIVE" }));
    expect(jobDefinitions?.map(({ revision }) => revision)).toEqual([2]);
  });

  it("removes what a dropped node left behind, but never the file system", async () => {
    site = await stood();
    const { summary } = await site.up(
      "filesystem: { enabled: false }\ncontainer: { image: registry.example.com/demux:1 }",
    );
    expect(summary?.failures).toEqual([]);
    expect(summary?.left.join()).toContain("it may hold data");
    const { FileSystems } = await site.lab.cloud.fsx.send(new DescribeFileSystemsCommand({}));
    expect(FileSystems).toHaveLength(1);
  });

  it("raises the version only while no node lives, and asks FSx once when FSx gives up on it", async () => {
    const at = (version: string, minVcpus: number) =>
      `filesystem: { lustreVersion: "${version}" }\ncompute: { minVcpus: ${minVcpus} }`;
    await site.up(at("2.12", 36));
    site.lab.clock.advance(10 * 60_000);
    const refused = await site.run(up, { yaml: at("2.15", 36), yes: true });
    expect(refused.error).toMatchObject({ message: expect.stringContaining("1 of its nodes live") });
    expect(refused.writes).toEqual([]);

    await site.up(at("2.12", 0));
    site.lab.clock.advance(60 * 60_000);
    site.lab.faults.push({ operation: "UpdateFileSystem", fate: { kind: "fail", reason: "a client is connected" } });
    const failed = await site.up(at("2.15", 0));
    expect(failed.summary?.failures[0]?.message).toContain("a client is connected");
    expect(failed.writes.filter((write) => write === "UpdateFileSystem")).toHaveLength(1);
    site.lab.faults.length = 0;
    const again = await site.run(up, { yaml: at("2.15", 0), yes: true });
    expect(again.error).toMatchObject({ code: "refused", message: expect.stringContaining("a client is connected") });
    expect(again.writes).toEqual([]);
    expect((await site.up(at("2.15", 0), { repair: true })).summary?.failures).toEqual([]);
    expect((await site.up(at("2.15", 0))).plan.idle).toBe(true);
  });

  it("makes no second file system when the first one's tags were taken, and gives the way back", async () => {
    site = await stood();
    const { fsx } = site.lab.cloud;
    const { ResourceARN, FileSystemId } = (await fsx.send(new DescribeFileSystemsCommand({}))).FileSystems![0]!;
    const TagKeys = ["bootstrap:env", "bootstrap:region", "bootstrap:node", "bootstrap:fingerprint", "bootstrap:fixed"];
    await fsx.send(new UntagResourceCommand({ ResourceARN, TagKeys }));

    const { error, writes } = await site.run(up, {});
    expect([error, writes]).toMatchObject([{ code: "refused" }, []]);
    const { plan } = await site.up("", { dryRun: true });
    const refused = plan.nodes.find(({ node }) => node === "filesystem");
    expect(refused).toMatchObject({ verdict: "refuse", ref: FileSystemId });

    const without = await site.up("filesystem: { enabled: false }", { dryRun: true });
    expect(without.plan.left.map(({ found }) => found.ref)).toEqual([FileSystemId]);

    const Tags = [...String(refused!.hint).matchAll(/Key=(\S+),Value=(\S+)/g)].map(([, Key, Value]) => ({
      Key,
      Value,
    }));
    await fsx.send(new TagResourceCommand({ ResourceARN, Tags }));
    expect((await site.up()).plan.idle).toBe(true);
  });

  it("takes down all but a file system whose tags were taken, and what it stands on, and remembers both", async () => {
    site = await stood();
    const { fsx } = site.lab.cloud;
    const { ResourceARN, FileSystemId } = (await fsx.send(new DescribeFileSystemsCommand({}))).FileSystems![0]!;
    await fsx.send(new UntagResourceCommand({ ResourceARN, TagKeys: ["bootstrap:env"] }));
    const { left, failures } = await site.teardown();
    expect(left.map(({ step }) => step.kind).sort()).toEqual(["filesystem", "security-group"]);
    expect(failures).toMatchObject([
      { code: "refused", hint: expect.stringContaining("Key=bootstrap:env,Value=demux") },
    ]);
    expect(failures[0]!.message).toContain(FileSystemId);

    await fsx.send(new TagResourceCommand({ ResourceARN, Tags: [{ Key: "bootstrap:env", Value: "demux" }] }));
    expect(await site.teardown()).toMatchObject({ left: [], failures: [] });
  });

  it("buys Spot when told to, with the account's own role for it", async () => {
    const { summary, writes } = await site.up("compute: { purchase: spot }");
    expect(summary?.failures).toEqual([]);
    expect(writes).toContain("CreateServiceLinkedRole");
  });
});

describe("bake-ami", () => {
  const fortnightMs = 30 * 86_400_000;

  it("has nothing to do while base image and recipe are the same", async () => {
    site = await stood();
    expect((await site.bake()).plan.idle).toBe(true);
  });

  it("bakes on a newer base image and rolls it through template and compute environment", async () => {
    const { summary: before } = await site.up();
    site.lab.clock.advance(fortnightMs);
    const { summary, writes } = await site.bake();
    expect(summary?.failures).toEqual([]);
    expect(creates(writes)).toEqual(["RunInstances", "SendCommand", "CreateImage", "CreateLaunchTemplateVersion"]);
    expect(writes).toContain("UpdateComputeEnvironment");
    expect(summary?.outputs.get("ami")).not.toEqual(before?.outputs.get("ami"));
    const { computeEnvironments } = await site.lab.cloud.batch.send(new DescribeComputeEnvironmentsCommand({}));
    const { ec2Configuration } = computeEnvironments![0]!.computeResources!;
    expect(ec2Configuration?.[0]?.imageIdOverride).toBe((summary!.outputs.get("ami") as { imageId: string }).imageId);
    expect((await site.up()).plan.idle).toBe(true);
  });

  it("keeps one older image, to go back to, and removes the one before it with its snapshots", async () => {
    site = await stood();
    await site.bake("", { force: true });
    await site.bake("", { force: true });
    const { Images } = await site.lab.cloud.ec2.send(new DescribeImagesCommand({ Owners: ["self"] }));
    expect(Images).toHaveLength(2);
  });

  it("leaves up on the old image when the bake failed", async () => {
    site = await stood();
    site.lab.clock.advance(fortnightMs);
    site.lab.faults.push({
      service: "ssm",
      operation: "SendCommand",
      fate: { kind: "fail", reason: "no lustre-client" },
    });
    const { summary } = await site.bake();
    expect(summary?.failures[0]?.message).toContain("no lustre-client");
    site.lab.faults.length = 0;
    const { plan } = await site.up();
    expect(plan.idle).toBe(true);
  });

  it("leaves the pins whole when the manifest was lost before it", async () => {
    site = await stood();
    site.store = new Site().store;
    expect((await site.bake("", { force: true })).summary?.failures).toEqual([]);
    const { plan } = await site.up();
    expect(plan.nodes.filter(({ verdict }) => verdict === "refuse")).toEqual([]);
    expect((await site.up()).plan.idle).toBe(true);
  });

  it("leaves alone what a changed config no longer needs: other nodes still use it", async () => {
    site = await stood();
    const ready = "container: { image: registry.example.com/demux:1 }";
    const { writes } = await site.bake(ready, { force: true });
    expect(writes).not.toContain("DeleteRepository");
  });

  it("names up when the environment is not there", async () => {
    await expect(site.bake()).rejects.toMatchObject({ hint: "run bootstrap up first" });
  });
});

describe("teardown", () => {
  it("leaves the account as it was, but for its own service-linked roles", async () => {
    site = await stood();
    const { left, failures } = await site.teardown();
    expect([left, failures]).toEqual([[], []]);
    const { Roles } = await site.lab.cloud.iam.send(new ListRolesCommand({}));
    expect(Roles?.every(({ Path }) => Path?.startsWith("/aws-service-role/"))).toBe(true);
  });

  it("needs no manifest", async () => {
    site = await stood();
    site.store = new Site().store;
    const { left, failures } = await site.teardown();
    expect([left, failures]).toEqual([[], []]);
  });
});

describe("the log group", () => {
  it.each(["with its manifest", "from tags alone"])(
    "is deleted %s when the last builder has ended, and not before",
    async (how) => {
      await site.up("", { keepBuilder: true });
      if (how === "from tags alone") site.store = new Site().store;
      const before = site.lab.calls.length;
      expect(await site.teardown()).toMatchObject({ left: [], failures: [] });
      const asked = site.lab.calls.slice(before);
      const [ending, last] = ["TerminateInstances", "DeleteLogGroup"].map((name) =>
        asked
          .filter(({ operation, outcome }) => operation === name && outcome === "ok")
          .map(({ at }) => Date.parse(at)),
      );
      expect([ending!.length, last!.length]).toEqual([2, 1]);
      // A machine takes half a minute to end, and writes until then.
      expect(last![0]! - Math.max(...ending!)).toBeGreaterThanOrEqual(30_000);
    },
  );
});

describe("a package of the user's own in S3", () => {
  const yaml = (key: string) => `{ workload: bclconvert, container: { package: "s3://my-lab/${key}" } }`;

  it("is fetched by the image builder, whose role may read that one object", async () => {
    const { summary } = await site.up(yaml("illumina/bcl-convert-4.2.7.rpm"));
    expect(summary?.failures).toEqual([]);
    const policies = site.lab.calls
      .filter(({ operation }) => operation === "PutRolePolicy")
      .map(({ input }) => (input as { PolicyDocument: string }).PolicyDocument)
      .filter((document) => document.includes("s3:"));
    expect(policies).toHaveLength(1);
    expect(policies[0]).toContain('["s3:GetObject"],"Resource":["arn:aws:s3:::my-lab/illumina/bcl-convert-4.2.7.rpm"]');
  });

  it("makes another image when it is another one, and none when it is the same", async () => {
    const first = await site.up(yaml("bcl-convert-4.2.7.rpm"));
    expect((await site.up(yaml("bcl-convert-4.2.7.rpm"))).plan.idle).toBe(true);
    const second = await site.up(yaml("bcl-convert-4.3.6.rpm"));
    const tag = ({ summary }: typeof first) => summary?.outputs.get("container-image");
    expect(tag(second)).not.toEqual(tag(first));
  });

  it("on disk is refused where only an instance builds", async () => {
    await expect(site.up("container: { package: /lab/bcl2fastq2.zip }")).rejects.toThrow(
      /container\.package: \/lab\/bcl2fastq2\.zip is on this machine/,
    );
  });
});

/** With mirrors, as people there need. */
const CHINA =
  "container: { mirrors: { baseImage: 'registry.example.com/micromamba:1', conda: 'https://conda.example.com' } }";

describe("two environments", () => {
  it("stand side by side in two regions of one account, and one goes without the other", async () => {
    const north = new Site("cn-northwest-1");
    const south = new Site("cn-north-1", north.lab.at("cn-north-1"));
    expect((await north.up(CHINA)).summary?.failures).toEqual([]);
    expect((await south.up(CHINA)).summary?.failures).toEqual([]);
    expect((await south.teardown()).left).toEqual([]);
    expect((await north.up(CHINA)).plan.idle).toBe(true);
  });

  it("speak of China's partition in China", async () => {
    const china = new Site("cn-northwest-1");
    const { summary } = await china.up(CHINA);
    expect(summary?.outputs.get("job-queue")).toMatchObject({
      arn: expect.stringMatching(/^arn:aws-cn:batch:cn-northwest-1:/),
    });
    expect(summary?.outputs.get("filesystem")).toMatchObject({
      dnsName: expect.stringMatching(/\.cn-northwest-1\.amazonaws\.com$/),
    });
    expect(summary?.outputs.get("container-image")).toMatchObject({
      image: expect.stringContaining(".amazonaws.com.cn/"),
    });
  });
});
