import { DeleteSecurityGroupCommand, DescribeNetworkInterfacesCommand } from "@aws-sdk/client-ec2";
import {
  CreateDataRepositoryAssociationCommand,
  CreateDataRepositoryTaskCommand,
  CreateFileSystemCommand,
  type CreateFileSystemCommandInput,
  DeleteFileSystemCommand,
  DescribeDataRepositoryAssociationsCommand,
  DescribeDataRepositoryTasksCommand,
  DescribeFileSystemsCommand,
  type DescribeFileSystemsCommandOutput,
  type FileSystem,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFileSystemCommand,
} from "@aws-sdk/client-fsx";
import { GetRoleCommand } from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import { lustreGroup, place, type ServiceLab, serviceLab, wordsOf } from "./service-lab.ts";

type Asked = Omit<Partial<CreateFileSystemCommandInput>, "LustreConfiguration"> & {
  LustreConfiguration?: CreateFileSystemCommandInput["LustreConfiguration"];
};

let lab: ServiceLab;
let subnetId: string;
let groupId: string;

async function begin(region = "us-east-1") {
  lab = serviceLab(region);
  ({ subnetId } = await place(lab));
  groupId = await lustreGroup(lab);
  lab.pass(31);
}

beforeEach(() => begin());

async function create({ LustreConfiguration, ...input }: Asked = {}): Promise<FileSystem> {
  const { FileSystem } = await lab.fsx.send(
    new CreateFileSystemCommand({
      FileSystemType: "LUSTRE",
      StorageCapacity: 1200,
      SubnetIds: [subnetId],
      SecurityGroupIds: [groupId],
      LustreConfiguration: {
        DeploymentType: "PERSISTENT_2",
        PerUnitStorageThroughput: 125,
        ...LustreConfiguration,
      },
      ...input,
    }),
  );
  return FileSystem!;
}

async function look(id: string): Promise<FileSystem> {
  const { FileSystems } = await lab.fsx.send(new DescribeFileSystemsCommand({ FileSystemIds: [id] }));
  return FileSystems![0]!;
}

async function available(input: Asked = {}): Promise<string> {
  const { FileSystemId } = await create(input);
  lab.pass(8 * 60);
  expect((await look(FileSystemId!)).Lifecycle).toBe("AVAILABLE");
  return FileSystemId!;
}

describe("a new file system", () => {
  it("becomes AVAILABLE in 4 to 8 minutes, with a DNS name, a mount name and a service-linked role", async () => {
    const made = await create({ Tags: [{ Key: "Name", Value: "lab" }] });
    expect(made).toMatchObject({ Lifecycle: "CREATING", StorageCapacity: 1200, StorageType: "SSD" });
    expect(made.DNSName).toBe(`${made.FileSystemId}.fsx.us-east-1.amazonaws.com`);
    expect(made.LustreConfiguration!.MountName).toMatch(/^[a-z0-9]{1,8}$/);
    lab.pass(3 * 60);
    expect((await look(made.FileSystemId!)).Lifecycle).toBe("CREATING");
    lab.pass(5 * 60);
    expect(await look(made.FileSystemId!)).toMatchObject({
      Lifecycle: "AVAILABLE",
      Tags: [{ Key: "Name", Value: "lab" }],
      LustreConfiguration: { DeploymentType: "PERSISTENT_2", DataCompressionType: "NONE" },
    });
    const role = await lab.iam.send(new GetRoleCommand({ RoleName: "AWSServiceRoleForAmazonFSx" }));
    expect(role.Role!.Path).toBe("/aws-service-role/fsx.amazonaws.com/");
  });

  it("gets AWS's own default version: 2.10, for PERSISTENT_2 2.12, with metadata 2.15", async () => {
    const scratch = { DeploymentType: "SCRATCH_2", PerUnitStorageThroughput: undefined } as const;
    expect((await create({ LustreConfiguration: scratch })).FileSystemTypeVersion).toBe("2.10");
    expect((await create()).FileSystemTypeVersion).toBe("2.12");
    const metadata = { MetadataConfiguration: { Mode: "AUTOMATIC" } } as const;
    expect((await create({ LustreConfiguration: metadata })).FileSystemTypeVersion).toBe("2.15");
    expect(await wordsOf(create({ FileSystemTypeVersion: "2.10" }))).toMatch(/^BadRequest: Lustre version 2.10/);
  });

  it("hides its security groups; only its interfaces tell them", async () => {
    const id = await available({ StorageCapacity: 4800 });
    const { NetworkInterfaceIds } = await look(id);
    expect(NetworkInterfaceIds).toHaveLength(3);
    const { NetworkInterfaces } = await lab.ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds }));
    expect(NetworkInterfaces!.map(({ Groups }) => Groups!.map((group) => group.GroupId))).toEqual([
      [groupId],
      [groupId],
      [groupId],
    ]);
  });

  it("fails when its fate says so, in those words", async () => {
    const reason = "no capacity in us-east-1a";
    lab.faults.push({ service: "fsx", operation: "CreateFileSystem", nth: 1, fate: { kind: "fail", reason } });
    const { FileSystemId } = await create();
    lab.pass(8 * 60);
    expect(await look(FileSystemId!)).toMatchObject({ Lifecycle: "FAILED", FailureDetails: { Message: reason } });
  });

  it.each<[string, Asked]>([
    ["an odd capacity", { StorageCapacity: 3000 }],
    ["no capacity", { StorageCapacity: undefined }],
    ["a throughput of another type", { LustreConfiguration: { PerUnitStorageThroughput: 50 } }],
    ["a throughput on scratch", { LustreConfiguration: { DeploymentType: "SCRATCH_2" } }],
    ["HDD on PERSISTENT_2", { StorageType: "HDD" }],
    ["a drive cache on SSD", { LustreConfiguration: { DriveCacheType: "READ" } }],
    [
      "metadata on PERSISTENT_1",
      {
        LustreConfiguration: {
          DeploymentType: "PERSISTENT_1",
          PerUnitStorageThroughput: 50,
          MetadataConfiguration: { Mode: "AUTOMATIC" },
        },
      },
    ],
    ["two subnets", { SubnetIds: ["subnet-00000000", "subnet-11111111"] }],
    ["a token with a space", { ClientRequestToken: "a b" }],
  ])("is refused with %s", async (_, input) => {
    expect(await wordsOf(create(input))).toMatch(/^(BadRequest|InvalidPerUnitStorageThroughput): /);
    expect((await lab.fsx.send(new DescribeFileSystemsCommand({}))).FileSystems).toEqual([]);
  });

  it("takes the capacities and throughputs of each kind", async () => {
    for (const StorageCapacity of [1200, 2400, 4800]) await create({ StorageCapacity });
    const hdd = { DeploymentType: "PERSISTENT_1", PerUnitStorageThroughput: 12, DriveCacheType: "NONE" } as const;
    await create({ StorageType: "HDD", StorageCapacity: 6000, LustreConfiguration: hdd });
    const scratch1 = { DeploymentType: "SCRATCH_1", PerUnitStorageThroughput: undefined } as const;
    const { LustreConfiguration } = await create({ StorageCapacity: 3600, LustreConfiguration: scratch1 });
    expect(LustreConfiguration!.MountName).toBe("fsx");
  });

  it("in China is PERSISTENT_1 with Lustre 2.10 or 2.12, under a name without .cn", async () => {
    await begin("cn-northwest-1");
    const guide = { DeploymentType: "PERSISTENT_1", PerUnitStorageThroughput: 50 } as const;
    const made = await create({ StorageCapacity: 12_000, FileSystemTypeVersion: "2.12", LustreConfiguration: guide });
    expect(made.DNSName).toBe(`${made.FileSystemId}.fsx.cn-northwest-1.amazonaws.com`);
    expect(made.ResourceARN).toMatch(/^arn:aws-cn:fsx:cn-northwest-1:123456789012:file-system\/fs-[0-9a-f]{17}$/);
    expect(await wordsOf(create())).toMatch(/PERSISTENT_2 is not supported in region cn-northwest-1/);
    const newer = create({ FileSystemTypeVersion: "2.15", LustreConfiguration: guide });
    expect(await wordsOf(newer)).toMatch(/2.15 is not supported/);
  });

  it("is not PERSISTENT_2 in regions that lack it", async () => {
    await begin("eu-west-3");
    expect(await wordsOf(create())).toMatch(/PERSISTENT_2 is not supported in region eu-west-3/);
    await create({ LustreConfiguration: { DeploymentType: "PERSISTENT_1", PerUnitStorageThroughput: 50 } });
  });

  it("is only PERSISTENT_2 at 125 and 250 in the youngest regions, and scratch in Tel Aviv", async () => {
    await begin("ca-west-1");
    const persistent1 = { DeploymentType: "PERSISTENT_1", PerUnitStorageThroughput: 50 } as const;
    const scratch = { DeploymentType: "SCRATCH_2", PerUnitStorageThroughput: undefined } as const;
    for (const LustreConfiguration of [persistent1, scratch]) {
      expect(await wordsOf(create({ LustreConfiguration }))).toMatch(/is not supported in region ca-west-1/);
    }
    const fast = create({ LustreConfiguration: { DeploymentType: "PERSISTENT_2", PerUnitStorageThroughput: 500 } });
    expect(await wordsOf(fast)).toMatch(/^InvalidPerUnitStorageThroughput: .*Valid values are 125, 250\./);
    await create();
    await begin("il-central-1");
    await create({ LustreConfiguration: scratch });
  });

  it("with EFA needs a group that is wholly open to itself", async () => {
    const efa = { EfaEnabled: true, MetadataConfiguration: { Mode: "AUTOMATIC" } } as const;
    expect(await wordsOf(create({ LustreConfiguration: efa }))).toMatch(/^InvalidNetworkSettings: .*all ports/);
    await create({ SecurityGroupIds: undefined, LustreConfiguration: efa });
  });

  it("counts against the account's storage", async () => {
    await create({ StorageCapacity: 98_400 });
    expect(await wordsOf(create({ StorageCapacity: 4800 }))).toMatch(/^ServiceLimitExceeded/);
  });
});

describe("the validator of security groups", () => {
  const WORDS = /^InvalidNetworkSettings: .*do not permit Lustre LNET network traffic on port/;

  it("does not see rules of the last seconds", async () => {
    groupId = await lustreGroup(lab);
    expect(await wordsOf(create())).toMatch(WORDS);
    lab.pass(30);
    await create();
  });

  it("wants both stretches of ports", async () => {
    groupId = await lustreGroup(lab, [[988, 988]]);
    lab.pass(31);
    expect(await wordsOf(create())).toMatch(/on ports 1018-1023/);
  });

  it("names what is not there", async () => {
    expect(await wordsOf(create({ SecurityGroupIds: ["sg-00000000"] }))).toMatch(
      /^InvalidNetworkSettings: .*sg-00000000/,
    );
    expect(await wordsOf(create({ SubnetIds: ["subnet-00000000"] }))).toMatch(
      /^InvalidNetworkSettings: .*subnet-00000000/,
    );
  });

  it("is content with the default group", async () => {
    await create({ SecurityGroupIds: undefined });
  });
});

describe("a client request token", () => {
  it("stands for the file system it made, as long as that is there", async () => {
    const ClientRequestToken = "token-1";
    const first = await create({ ClientRequestToken });
    expect((await create({ ClientRequestToken })).FileSystemId).toBe(first.FileSystemId);
    const other = create({ ClientRequestToken, StorageCapacity: 2400 });
    expect(await wordsOf(other)).toMatch(/^IncompatibleParameterError/);
    lab.pass(8 * 60);
    await lab.fsx.send(new DeleteFileSystemCommand({ FileSystemId: first.FileSystemId! }));
    lab.pass(6 * 60);
    expect((await create({ ClientRequestToken })).FileSystemId).not.toBe(first.FileSystemId);
  });
});

describe("the list", () => {
  it("has short pages that still have a successor, and no order", async () => {
    const made = new Set<string>();
    for (let index = 0; index < 6; index++) made.add((await create()).FileSystemId!);
    lab.pass(10);
    let shortPages = 0;
    const orders = new Set<string>();
    for (let turn = 0; turn < 12; turn++) {
      const seen: string[] = [];
      let NextToken: string | undefined;
      do {
        const page: DescribeFileSystemsCommandOutput = await lab.fsx.send(
          new DescribeFileSystemsCommand({ NextToken, MaxResults: 50 }),
        );
        seen.push(...page.FileSystems!.map(({ FileSystemId }) => FileSystemId!));
        NextToken = page.NextToken;
        // As the service's model has it: other clients hold AWS to that.
        if (NextToken !== undefined) expect(NextToken).toMatch(/^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?$/);
        if (NextToken !== undefined) shortPages += 1;
      } while (NextToken !== undefined);
      expect(new Set(seen)).toEqual(made);
      orders.add(seen.join());
      await lab.fsx.send(
        new TagResourceCommand({
          ResourceARN: (await look(seen[0]!)).ResourceARN!,
          Tags: [{ Key: "turn", Value: `${turn}` }],
        }),
      );
    }
    expect(shortPages).toBeGreaterThan(0);
    expect(orders.size).toBeGreaterThan(1);
  });
});

describe("an update", () => {
  it("grows the file system in a quarter of an hour, and rebalances behind its back", async () => {
    const id = await available();
    await lab.fsx.send(new UpdateFileSystemCommand({ FileSystemId: id, StorageCapacity: 2400 }));
    expect(await look(id)).toMatchObject({
      Lifecycle: "UPDATING",
      StorageCapacity: 1200,
      AdministrativeActions: [
        { AdministrativeActionType: "FILE_SYSTEM_UPDATE", TargetFileSystemValues: { StorageCapacity: 2400 } },
        { AdministrativeActionType: "STORAGE_OPTIMIZATION" },
      ],
    });
    const again = () => lab.fsx.send(new UpdateFileSystemCommand({ FileSystemId: id, StorageCapacity: 4800 }));
    expect(await wordsOf(again())).toMatch(/^BadRequest: Cannot update .* while in UPDATING state/);
    lab.pass(18 * 60);
    expect(await look(id)).toMatchObject({
      Lifecycle: "AVAILABLE",
      StorageCapacity: 2400,
      AdministrativeActions: [{ Status: "UPDATED_OPTIMIZING" }, { Status: "IN_PROGRESS" }],
    });
    expect(await wordsOf(again())).toMatch(/^BadRequest: .*optimized/);
    lab.pass(27 * 60);
    expect((await look(id)).AdministrativeActions!.map(({ Status }) => Status)).toEqual(["COMPLETED", "COMPLETED"]);
    await again();
  });

  it("never shrinks, never goes back to an older Lustre, never asks for nothing", async () => {
    const id = await available({ StorageCapacity: 2400 });
    const update = (input: object) => lab.fsx.send(new UpdateFileSystemCommand({ FileSystemId: id, ...input }));
    expect(await wordsOf(update({ StorageCapacity: 1200 }))).toMatch(/must be larger than the current/);
    expect(await wordsOf(update({ StorageCapacity: 3600 }))).toMatch(/is not valid/);
    expect(await wordsOf(update({ FileSystemTypeVersion: "2.12" }))).toMatch(/not newer/);
    expect(await wordsOf(update({}))).toMatch(/At least one property/);
    await update({ FileSystemTypeVersion: "2.15" });
    lab.pass(16 * 60);
    expect((await look(id)).FileSystemTypeVersion).toBe("2.15");
    await update({ LustreConfiguration: { DataCompressionType: "LZ4", PerUnitStorageThroughput: 250 } });
    lab.pass(16 * 60);
    expect((await look(id)).LustreConfiguration).toMatchObject({
      DataCompressionType: "LZ4",
      PerUnitStorageThroughput: 250,
    });
  });

  it("that fails leaves everything as it was", async () => {
    const id = await available();
    lab.faults.push({ operation: "UpdateFileSystem", nth: 1, fate: { kind: "fail", reason: "no capacity" } });
    await lab.fsx.send(new UpdateFileSystemCommand({ FileSystemId: id, StorageCapacity: 2400 }));
    lab.pass(19 * 60);
    expect(await look(id)).toMatchObject({
      Lifecycle: "AVAILABLE",
      StorageCapacity: 1200,
      AdministrativeActions: [{ Status: "FAILED", FailureDetails: { Message: "no capacity" } }],
    });
  });
});

describe("a deletion", () => {
  it("takes 5 to 6 minutes; the security group is free only when the interfaces are gone too", async () => {
    const id = await available();
    const remove = () => lab.fsx.send(new DeleteFileSystemCommand({ FileSystemId: id }));
    expect((await remove()).Lifecycle).toBe("DELETING");
    expect((await remove()).Lifecycle).toBe("DELETING");
    lab.pass(4.5 * 60);
    expect((await look(id)).Lifecycle).toBe("DELETING");
    const removeGroup = () => lab.ec2.send(new DeleteSecurityGroupCommand({ GroupId: groupId }));
    expect(await wordsOf(removeGroup())).toMatch(/^DependencyViolation/);
    lab.pass(90);
    expect(await wordsOf(look(id))).toBe(`FileSystemNotFound: File system '${id}' does not exist.`);
    lab.pass(60);
    await lab.fsx.send(new DescribeFileSystemsCommand({}));
    await removeGroup();
  });

  it("waits for data repository tasks", async () => {
    const id = await available();
    const link = new CreateDataRepositoryAssociationCommand({
      FileSystemId: id,
      FileSystemPath: "/export",
      DataRepositoryPath: "s3://bucket/export",
    });
    await lab.fsx.send(link);
    lab.pass(9 * 60);
    const { Associations } = await lab.fsx.send(new DescribeDataRepositoryAssociationsCommand({}));
    expect(Associations!.map(({ Lifecycle }) => Lifecycle)).toEqual(["AVAILABLE"]);
    const task = { FileSystemId: id, Type: "EXPORT_TO_REPOSITORY", Report: { Enabled: false } } as const;
    await lab.fsx.send(new CreateDataRepositoryTaskCommand(task));
    const remove = () => lab.fsx.send(new DeleteFileSystemCommand({ FileSystemId: id }));
    expect(await wordsOf(remove())).toMatch(/^BadRequest: .*data repository tasks/);
    lab.pass(12 * 60);
    const { DataRepositoryTasks } = await lab.fsx.send(new DescribeDataRepositoryTasksCommand({}));
    expect(DataRepositoryTasks!.map(({ Lifecycle }) => Lifecycle)).toEqual(["SUCCEEDED"]);
    await remove();
  });
});

it("tags are read and changed by ARN", async () => {
  const { ResourceARN } = await create({ Tags: [{ Key: "a", Value: "1" }] });
  await lab.fsx.send(new TagResourceCommand({ ResourceARN, Tags: [{ Key: "b", Value: "2" }] }));
  await lab.fsx.send(new UntagResourceCommand({ ResourceARN, TagKeys: ["a"] }));
  const { Tags } = await lab.fsx.send(new ListTagsForResourceCommand({ ResourceARN }));
  expect(Tags).toEqual([{ Key: "b", Value: "2" }]);
  const stranger = ResourceARN!.replace(/.{4}$/, "0000");
  expect(await wordsOf(lab.fsx.send(new ListTagsForResourceCommand({ ResourceARN: stranger })))).toMatch(
    /^ResourceNotFound/,
  );
});
