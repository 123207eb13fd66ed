import { DescribeSubnetsCommand, RunInstancesCommand } from "@aws-sdk/client-ec2";
import {
  DescribeFileSystemsCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFileSystemCommand,
} from "@aws-sdk/client-fsx";
import { beforeEach, describe, expect, it } from "vitest";
import { latestBaseImage } from "../../src/aws/facts.ts";
import { tagList, tagRecord } from "../../src/aws/tags.ts";
import { StepError } from "../../src/engine/errors.ts";
import type { FilesystemInputs } from "../../src/steps/filesystem/fields.ts";
import { filesystem } from "../../src/steps/filesystem/filesystem.ts";
import { contextOf, destroyAll, type Lab, lab, make, seeker, settle } from "./harness.ts";
import { network } from "./network.ts";

describe("filesystem", () => {
  let world: Lab;
  let inputs: FilesystemInputs;

  beforeEach(async () => {
    world = lab();
    const { subnetId, groupId } = await network(world);
    inputs = {
      subnetId,
      securityGroupIds: [groupId],
      deploymentType: "PERSISTENT_2",
      storageType: "SSD",
      capacityGiB: 1200,
      throughputPerTiB: 125,
      lustreVersion: "2.15",
      metadataMode: "AUTOMATIC",
      compression: "LZ4",
    };
  });

  it("makes one with its tags in a single call and answers AWS's own names for it", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, filesystem, { inputs });
    expect(world.writesSince(before).filter((operation) => operation !== "CreateFileSystem")).toEqual([]);
    const { FileSystems } = await world.cloud.fsx.send(new DescribeFileSystemsCommand({ FileSystemIds: [ref] }));
    const live = FileSystems![0]!;
    expect(tagRecord(live.Tags)).toMatchObject({ "bootstrap:env": "lab", "bootstrap:node": "filesystem" });
    expect(live.FileSystemTypeVersion).toBe("2.15");
    expect(found).toMatchObject({ ref, node: "filesystem", owned: true, state: "ready", drift: [] });
    expect(found.fingerprint).toBe(context.fingerprint);
    expect(found.token).toBe(context.token.slice(-8));
    expect(found.output).toEqual({
      fileSystemId: ref,
      dnsName: live.DNSName,
      mountName: live.LustreConfiguration!.MountName,
      arn: live.ResourceARN,
      subnetId: inputs.subnetId,
      vpcId: live.VpcId,
      shape: {
        ...{ deploymentType: "PERSISTENT_2", storageType: "SSD", capacityGiB: 1200 },
        ...{ throughputPerTiB: 125, lustreVersion: "2.15", driveCache: undefined },
      },
    });
  });

  it("is waited for, though not as long as one at work, in a state whose name nobody knows", async () => {
    const { context } = await make(world, filesystem, { inputs });
    world.faults.push({ operation: "DescribeFileSystems", answer: { words: { AVAILABLE: "THAWING" } } });
    const [found] = await filesystem.find(context);
    expect(found).toMatchObject({ state: "pending", unsure: true, detail: expect.stringContaining("THAWING") });
  });

  describe("refused for its zone", () => {
    const words = "Amazon FSx does not support file system creation in the following Availability Zones: us-east-1a";
    const refuse = (message = words) =>
      world.faults.push({ operation: "CreateFileSystem", nth: 1, error: { code: "BadRequest", message } });
    const create = () => filesystem.create(contextOf(world, filesystem, { inputs })).catch((error: unknown) => error);

    it("comes with AWS's words and the subnets of the VPC's other zones", async () => {
      const { Subnets } = await world.cloud.ec2.send(new DescribeSubnetsCommand({}));
      const here = Subnets!.find(({ SubnetId }) => SubnetId === inputs.subnetId)!;
      refuse();
      const error = await create();
      expect(error).toBeInstanceOf(StepError);
      const { message, hint = "" } = error as StepError;
      expect(message).toBe(`creating filesystem (filesystem): BadRequest: ${words}`);
      expect(hint).toContain("network.subnetId");
      const named = Subnets!.filter(({ SubnetId }) => hint.includes(SubnetId!));
      const usable = Subnets!.filter(
        ({ VpcId, AvailabilityZone }) => VpcId === here.VpcId && AvailabilityZone !== here.AvailabilityZone,
      );
      expect(named.length).toBeGreaterThan(1);
      expect(named).toEqual(usable);
      for (const { SubnetId, AvailabilityZone } of named) expect(hint).toContain(`${SubnetId} (${AvailabilityZone})`);
      expect(await filesystem.find(contextOf(world, filesystem, { inputs }))).toEqual([]);
    });

    it("says what to name also where one may not look at subnets", async () => {
      refuse();
      world.faults.push({ operation: "DescribeSubnets", error: { code: "UnauthorizedOperation" } });
      expect(await create()).toMatchObject({
        message: expect.stringContaining(words),
        hint: "name a subnet in another zone with network.subnetId, then run the same command again",
      });
    });

    it("is not what another refusal is taken for, and costs no call when all is well", async () => {
      const before = world.calls.length;
      refuse("The storage capacity is not one that there is");
      expect(await create()).not.toBeInstanceOf(StepError);
      await filesystem.create(contextOf(world, filesystem, { inputs }));
      expect(world.calls.slice(before).map(({ operation }) => operation)).toEqual([
        "CreateFileSystem",
        "CreateFileSystem",
      ]);
    });
  });

  it("makes no second one when the same attempt is sent again", async () => {
    const { context, ref } = await make(world, filesystem, { inputs });
    expect(await filesystem.create(context)).toBe(ref);
    expect(await filesystem.find(context)).toHaveLength(1);
  });

  it("finds it without inputs and for the whole kind, and shows no drift then", async () => {
    const { context, ref } = await make(world, filesystem, { inputs });
    for (const node of ["filesystem", undefined]) {
      const [found, ...others] = await filesystem.find(seeker(context, node));
      expect(found).toMatchObject({ ref, node: "filesystem", owned: true, drift: undefined });
      expect(others).toEqual([]);
    }
    expect(await filesystem.find(seeker(context, "other"))).toEqual([]);
    expect(await filesystem.find({ ...seeker(context), name: "lab2" })).toEqual([]);
  });

  it("is not doubled when its tags were taken and the manifest knows it: it comes with the command that gives them back", async () => {
    const { context, ref, found } = await make(world, filesystem, { inputs });
    const { fingerprint, fixedFingerprint } = context;
    const known = { [ref]: { node: "filesystem", fingerprint, fixedFingerprint } };
    const { arn } = found.output!;
    const untag = (...TagKeys: string[]) =>
      world.cloud.fsx.send(new UntagResourceCommand({ ResourceARN: arn, TagKeys }));
    const start = `aws fsx tag-resource --region us-east-1 --resource-arn ${arn} --tags `;

    await untag("bootstrap:node");
    expect(await filesystem.find(context)).toEqual([]);
    for (const looking of [
      { ...context, known },
      { ...seeker(context), known },
    ]) {
      const [seen, ...others] = await filesystem.find(looking);
      expect(seen).toMatchObject({ ref, node: "filesystem", owned: false, state: "ready" });
      expect(seen!.hint).toMatch(new RegExp(`${start}Key=bootstrap:node,Value=filesystem$`));
      expect(others).toEqual([]);
    }

    await untag("bootstrap:env", "bootstrap:region", "bootstrap:fingerprint", "bootstrap:fixed");
    const [bare] = await filesystem.find({ ...context, known });
    const given = bare!.hint!.slice(bare!.hint!.indexOf(start) + start.length).split(" ");
    expect(given).toHaveLength(5);
    const Tags = given.map((pair) => /^Key=(.*),Value=(.*)$/.exec(pair)!).map(([, Key, Value]) => ({ Key, Value }));
    await world.cloud.fsx.send(new TagResourceCommand({ ResourceARN: arn, Tags }));
    expect(await filesystem.find({ ...context, known })).toMatchObject([
      { ref, owned: true, fingerprint, fixedFingerprint },
    ]);
  });

  it("looks through all pages", async () => {
    await make(world, filesystem, { inputs });
    for (let more = 0; more < 30; more++) {
      await filesystem.create(contextOf(world, filesystem, { inputs: { ...inputs }, node: `more-${more}` }));
    }
    await world.clock.sleep(60_000);
    const found = await filesystem.find(seeker(contextOf(world, filesystem, { inputs })));
    expect(new Set(found.map(({ node }) => node)).size).toBe(31);
  });

  it("is pending while AWS makes it and says so in AWS's word", async () => {
    const context = contextOf(world, filesystem, { inputs });
    await filesystem.create(context);
    expect((await filesystem.find(context))[0]).toMatchObject({ state: "pending", detail: "CREATING" });
  });

  it("grows it with one call that says only what differs, and marks it as made anew only at the end", async () => {
    const { ref, context: old } = await make(world, filesystem, { inputs });
    const wanted = { ...inputs, capacityGiB: 2400 };
    const context = contextOf(world, filesystem, { inputs: wanted });
    const [seen] = await filesystem.find(context);
    expect(seen!.drift).toEqual([{ field: "capacityGiB", want: "2400", have: "1200" }]);
    expect(seen!.fixedFingerprint).toBe(context.fixedFingerprint);

    const before = world.calls.length;
    await filesystem.update!(context, seen!);
    const sent = world.calls.slice(before).find(({ operation }) => operation === "UpdateFileSystem");
    expect(sent?.input).toEqual({
      FileSystemId: ref,
      ClientRequestToken: expect.any(String) as string,
      StorageCapacity: 2400,
    });
    expect((await filesystem.find(context))[0]).toMatchObject({ state: "pending", fingerprint: old.fingerprint });

    const found = await settle(world, filesystem, context);
    expect(found).toMatchObject({ ref, drift: [], fingerprint: context.fingerprint });
    expect(world.writesSince(before)).toEqual(["UpdateFileSystem", "TagResource"]);
  });

  it("is usable while its data is being spread over more servers, and grows again only after that", async () => {
    await make(world, filesystem, { inputs });
    const once = await settle(
      world,
      filesystem,
      contextOf(world, filesystem, { inputs: { ...inputs, capacityGiB: 2400 } }),
    );
    expect(once.detail).toMatch(/^STORAGE_OPTIMIZATION \d+%$/);
    const context = contextOf(world, filesystem, { inputs: { ...inputs, capacityGiB: 4800 } });
    expect((await filesystem.find(context))[0]).toMatchObject({ state: "pending", detail: once.detail });
    expect((await settle(world, filesystem, context)).drift).toEqual([]);
  });

  it("says why the last change failed", async () => {
    await make(world, filesystem, { inputs });
    const context = contextOf(world, filesystem, { inputs: { ...inputs, capacityGiB: 2400 } });
    world.faults.push({ operation: "UpdateFileSystem", fate: { kind: "fail", reason: "no servers left" } });
    await filesystem.update!(context, (await filesystem.find(context))[0]!);
    await world.clock.sleep(60 * 60_000);
    const [found] = await filesystem.find(context);
    expect(found).toMatchObject({ state: "ready", detail: "FILE_SYSTEM_UPDATE FAILED: no servers left" });
    expect(found!.drift).toHaveLength(1);
  });

  it("takes a change that is under way already for its own, though AWS still shows what was before", async () => {
    await make(world, filesystem, { inputs });
    const context = contextOf(world, filesystem, { inputs: { ...inputs, capacityGiB: 2400 } });
    const [seen] = await filesystem.find(context);
    await filesystem.update!(context, seen!);
    await filesystem.update!(context, seen!);
    expect(world.calls.at(-1)).toMatchObject({ operation: "UpdateFileSystem", outcome: "BadRequest" });
    expect((await settle(world, filesystem, context)).drift).toEqual([]);
  });

  it("is pending while it is being changed, so that nothing more is asked of it", async () => {
    await make(world, filesystem, { inputs });
    const context = contextOf(world, filesystem, { inputs: { ...inputs, capacityGiB: 2400 } });
    await filesystem.update!(context, (await filesystem.find(context))[0]!);
    expect(await filesystem.find(context)).toMatchObject([{ state: "pending" }]);
  });

  it("mends throughput and compression that were changed behind its back", async () => {
    const { context, ref } = await make(world, filesystem, { inputs });
    await world.cloud.fsx.send(
      new UpdateFileSystemCommand({
        FileSystemId: ref,
        LustreConfiguration: { DataCompressionType: "NONE", PerUnitStorageThroughput: 250 },
      }),
    );
    await world.clock.sleep(60 * 60_000);
    const [seen] = await filesystem.find(context);
    expect(seen!.drift).toEqual([
      { field: "compression", want: "LZ4", have: "NONE" },
      { field: "throughputPerTiB", want: "125", have: "250" },
    ]);
    const before = world.calls.length;
    expect((await settle(world, filesystem, context)).drift).toEqual([]);
    expect(world.writesSince(before)).toEqual(["UpdateFileSystem"]);
  });

  describe("raising the version", () => {
    const older = () => ({
      ...inputs,
      deploymentType: "PERSISTENT_1" as const,
      throughputPerTiB: 50,
      lustreVersion: "2.12",
      metadataMode: undefined,
    });
    const newer = () => contextOf(world, filesystem, { inputs: { ...older(), lustreVersion: "2.15" } });

    /** As Batch launches a node: with the environment's tags, and user data that mounts the file system. */
    async function runNode(ref: string, tags: Readonly<Record<string, string>> = {}) {
      const { cloud, clock } = world;
      const { Instances } = await cloud.ec2.send(
        new RunInstancesCommand({
          ...{ MinCount: 1, MaxCount: 1, InstanceType: "c5.large", SubnetId: inputs.subnetId },
          ImageId: await latestBaseImage(cloud, { os: "al2023", architecture: "x86_64" }),
          UserData: Buffer.from(`mount -t lustre ${ref}.fsx.us-east-1.amazonaws.com@tcp:/a /fsx`).toString("base64"),
          TagSpecifications: [{ ResourceType: "instance", Tags: tagList({ "bootstrap:env": "lab", ...tags }) }],
        }),
      );
      await clock.sleep(60_000);
      return Instances![0]!.InstanceId!;
    }

    it("asks first, since nobody can use it meanwhile", async () => {
      await make(world, filesystem, { inputs: older() });
      const [seen] = await filesystem.find(newer());
      expect(seen!.drift).toMatchObject([{ field: "lustreVersion", asks: expect.stringContaining("30 minutes") }]);
      expect((await settle(world, filesystem, newer())).drift).toEqual([]);
    });

    it("is refused while a node lives, and a builder is none", async () => {
      const { ref } = await make(world, filesystem, { inputs: older() });
      await runNode(ref, { "bootstrap:node": "builder" });
      expect((await filesystem.find(newer()))[0]!.drift).toMatchObject([{ asks: expect.any(String) }]);
      const node = await runNode(ref);
      const [seen] = await filesystem.find(newer());
      expect(seen!.drift).toMatchObject([
        { never: expect.stringContaining(`1 of its nodes live (${node})`), first: expect.stringContaining("minVcpus") },
      ]);
      expect(seen!.drift![0]).not.toHaveProperty("asks");
    });

    it("fails and is rolled back when a client was connected, and comes with FSx's reason", async () => {
      const { ref } = await make(world, filesystem, { inputs: older() });
      const [seen] = await filesystem.find(newer());
      await filesystem.update!(newer(), seen!);
      await runNode(ref, { "bootstrap:env": "other" });
      await world.clock.sleep(30 * 60_000);
      const [after] = await filesystem.find(newer());
      expect(after).toMatchObject({ state: "ready", output: { shape: { lustreVersion: "2.12" } } });
      expect(after!.drift).toMatchObject([
        { field: "lustreVersion", failed: { reason: expect.stringContaining("clients are connected") } },
      ]);
      const [others] = await filesystem.find(
        contextOf(world, filesystem, { inputs: { ...older(), capacityGiB: 2400 } }),
      );
      expect(others!.drift![0]).not.toHaveProperty("failed");
    });

    it("is a change by itself, before any other", async () => {
      await make(world, filesystem, { inputs: older() });
      const context = contextOf(world, filesystem, {
        inputs: { ...older(), lustreVersion: "2.15", capacityGiB: 2400 },
      });
      const before = world.calls.length;
      expect((await settle(world, filesystem, context)).drift).toEqual([]);
      const sent = world.calls.slice(before).filter(({ operation }) => operation === "UpdateFileSystem");
      expect(sent[0]!.input).not.toHaveProperty("StorageCapacity");
      expect(sent.map(({ input }) => Object.keys(input as object))).toHaveLength(2);
    });
  });

  it("tells a smaller capacity as drift that can never be mended, with both sizes", async () => {
    await make(world, filesystem, { inputs: { ...inputs, capacityGiB: 2400 } });
    const context = contextOf(world, filesystem, { inputs });
    const [seen] = await filesystem.find(context);
    expect(seen?.drift).toEqual([
      { field: "capacityGiB", want: "1200", have: "2400", never: "FSx for Lustre grows but never shrinks" },
    ]);
  });

  it("counts another subnet as another file system, and another order of the same groups as the same", () => {
    const fixed = (change: Partial<FilesystemInputs>) => JSON.stringify(filesystem.fixed!({ ...inputs, ...change }));
    expect(fixed({ subnetId: "subnet-0" })).not.toBe(fixed({}));
    expect(fixed({ securityGroupIds: ["sg-1", "sg-2"] })).toBe(fixed({ securityGroupIds: ["sg-2", "sg-1"] }));
    expect(fixed({ capacityGiB: 2400, throughputPerTiB: 250, compression: "NONE" })).toBe(fixed({}));
    const hdd = { storageType: "HDD", driveCache: "NONE" } as const;
    expect(fixed({ ...hdd, throughputPerTiB: 40 })).not.toBe(fixed({ ...hdd, throughputPerTiB: 12 }));
  });

  it("shows a failed one with AWS's reason", async () => {
    world.faults.push({
      service: "fsx",
      operation: "CreateFileSystem",
      fate: { kind: "fail", reason: "no capacity in us-east-1a" },
    });
    await expect(make(world, filesystem, { inputs })).rejects.toThrow("no capacity in us-east-1a");
  });

  it("deletes it once and waits until it is gone", async () => {
    const { context } = await make(world, filesystem, { inputs });
    const before = world.calls.length;
    await destroyAll(world, filesystem, seeker(context));
    expect(world.writesSince(before)).toEqual(["DeleteFileSystem"]);
  });

  it("does not mind deleting what is already gone", async () => {
    const { context, found } = await make(world, filesystem, { inputs });
    await destroyAll(world, filesystem, seeker(context));
    await filesystem.destroy!(seeker(context), found);
  });
});
