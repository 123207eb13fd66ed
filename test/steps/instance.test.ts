import {
  CreateSecurityGroupCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  StopInstancesCommand,
} from "@aws-sdk/client-ec2";
import { beforeEach, describe, expect, it } from "vitest";
import { tagRecord } from "../../src/aws/tags.ts";
import { type InstanceInputs, instance } from "../../src/steps/instance.ts";
import { contextOf, destroyAll, early, type Lab, lab, make, seeker } from "./harness.ts";
import { builderInputs } from "./network.ts";

describe("instance", () => {
  let world: Lab;
  let inputs: InstanceInputs;

  beforeEach(async () => {
    world = lab();
    inputs = await builderInputs(world);
  });

  it("is waited for, though not as long as one at work, in a state whose name nobody knows", async () => {
    const { context } = await make(world, instance, { inputs, node: "builder" });
    world.faults.push({ operation: "DescribeInstances", answer: { words: { running: "thawing" }, member: "name" } });
    const [found] = await instance.find(context);
    expect(found).toMatchObject({ state: "pending", unsure: true, detail: expect.stringContaining("thawing") });
  });

  it("starts one in a single call: tagged, no key, IMDSv2 only, ending itself on shutdown, its root encrypted", async () => {
    const before = world.calls.length;
    const { ref } = await make(world, instance, { inputs: { ...inputs, rootGiB: 40 }, node: "builder" });
    expect(new Set(world.writesSince(before))).toEqual(new Set(["RunInstances"]));
    const { Reservations } = await world.cloud.ec2.send(new DescribeInstancesCommand({ InstanceIds: [ref] }));
    const live = Reservations![0]!.Instances![0]!;
    expect(live.KeyName).toBeUndefined();
    expect(live.MetadataOptions).toMatchObject({ HttpTokens: "required", HttpPutResponseHopLimit: 1 });
    expect(tagRecord(live.Tags)).toMatchObject({ "bootstrap:env": "lab", "bootstrap:node": "builder" });
    const { Volumes } = await world.cloud.ec2.send(
      new DescribeVolumesCommand({ Filters: [{ Name: "attachment.instance-id", Values: [ref] }] }),
    );
    expect(Volumes).toMatchObject([{ Encrypted: true, Size: 40, VolumeType: "gp3" }]);
    expect(tagRecord(Volumes![0]!.Tags)["bootstrap:env"]).toBe("lab");
    const sent = world.calls.find(({ operation, outcome }) => operation === "RunInstances" && outcome === "ok");
    expect(sent!.input).toMatchObject({ InstanceInitiatedShutdownBehavior: "terminate" });
  });

  it("starts no second one when the same attempt is sent again", async () => {
    const { context, ref } = await make(world, instance, { inputs });
    expect(await instance.create(context)).toBe(ref);
  });

  it("is not ready before the SSM agent is online", async () => {
    const context = contextOf(world, instance, { inputs });
    await early(world, () => instance.create(context));
    const said = new Set<string | undefined>();
    for (;;) {
      const [found] = await instance.find(context);
      if (found?.state === "ready") break;
      said.add(found?.detail);
      await world.clock.sleep(2_000);
    }
    expect([...said]).toContainEqual(expect.stringMatching(/^running, waiting for the SSM agent/));
  });

  it("is woken by a reboot when its agent sleeps, and only when it runs", async () => {
    world.faults.push({ operation: "DescribeInstanceInformation", fate: { kind: "late" } });
    const context = contextOf(world, instance, { inputs });
    await early(world, () => instance.create(context));
    await world.clock.sleep(2_000);
    const before = world.calls.length;
    expect(await instance.wake!(context, (await instance.find(context))[0]!)).toBeUndefined();
    await world.clock.sleep(5 * 60_000);
    const [asleep] = await instance.find(context);
    expect(asleep).toMatchObject({ state: "pending", detail: expect.stringMatching(/^running, waiting/) as string });
    expect(await instance.wake!(context, asleep!)).toContain(`${asleep!.ref} runs, and its SSM agent is not heard of`);
    expect(world.writesSince(before)).toEqual(["RebootInstances"]);
    await world.clock.sleep(2 * 60_000);
    await instance.find(context);
    await world.clock.sleep(2 * 60_000);
    expect(await instance.find(context)).toMatchObject([{ ref: asleep!.ref, state: "ready" }]);
  });

  it("is waited for longer than an agent can sleep that nobody wakes", async () => {
    world.faults.push({ operation: "DescribeInstanceInformation", fate: { kind: "late", ms: 30 * 60_000 } });
    const startedAt = world.clock.now();
    await make(world, instance, { inputs });
    expect(instance.pace!.timeoutMs).toBeGreaterThan(world.clock.now() - startedAt);
  });

  it("says what a subnet without public addresses needs, while the agent is not online", async () => {
    const { Subnets } = await world.cloud.ec2.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "map-public-ip-on-launch", Values: ["false"] }] }),
    );
    const { SubnetId, VpcId } = Subnets![0]!;
    const group = { GroupName: "private", Description: "private", VpcId };
    const { GroupId } = await world.cloud.ec2.send(new CreateSecurityGroupCommand(group));
    const hidden = { ...inputs, subnetId: SubnetId!, securityGroupIds: [GroupId!] };
    const context = contextOf(world, instance, { inputs: hidden });
    await early(world, () => instance.create(context));
    const said = new Set<string | undefined>();
    for (let rounds = 0; rounds < 20; rounds++) {
      said.add((await instance.find(context))[0]?.detail);
      await world.clock.sleep(2_000);
    }
    expect([...said]).toContainEqual(
      expect.stringMatching(/waiting for the SSM agent; .*NAT gateway or VPC endpoints/),
    );
  });

  it("asks SSM only about a running one, and never for the whole kind", async () => {
    const { context } = await make(world, instance, { inputs });
    const asked = async (ask: () => Promise<unknown>) => {
      const before = world.calls.length;
      await ask();
      return world.calls.slice(before).map(({ operation }) => operation);
    };
    expect(await asked(() => instance.find(seeker(context)))).toEqual(["DescribeInstances"]);
    expect(await asked(() => instance.find(seeker(context, "other")))).toEqual(["DescribeInstances"]);
    expect(await asked(() => instance.find(seeker(context, "instance")))).toEqual([
      "DescribeInstances",
      "DescribeInstanceInformation",
    ]);
  });

  it("takes a stopped one for failed and says why it stopped", async () => {
    const { context, ref } = await make(world, instance, { inputs });
    await world.cloud.ec2.send(new StopInstancesCommand({ InstanceIds: [ref] }));
    await world.clock.sleep(5 * 60_000);
    expect((await instance.find(context))[0]).toMatchObject({
      state: "failed",
      detail: expect.stringMatching(/^stopped: .+/),
    });
  });

  it("does not see a terminated one, though AWS still shows it", async () => {
    const { context, ref } = await make(world, instance, { inputs });
    await destroyAll(world, instance, seeker(context));
    const { Reservations } = await world.cloud.ec2.send(new DescribeInstancesCommand({ InstanceIds: [ref] }));
    expect(Reservations![0]!.Instances![0]!.State!.Name).toBe("terminated");
    expect(await instance.find(context)).toEqual([]);
  });

  it("terminates it with one call", async () => {
    const { context } = await make(world, instance, { inputs });
    const before = world.calls.length;
    await destroyAll(world, instance, seeker(context));
    expect(world.writesSince(before)).toEqual(["TerminateInstances"]);
  });
});
