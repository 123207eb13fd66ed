import {
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  DisableImageCommand,
  type Image,
} from "@aws-sdk/client-ec2";
import { beforeEach, describe, expect, it } from "vitest";
import { classify } from "../../src/aws/errors.ts";
import { tagRecord } from "../../src/aws/tags.ts";
import { type AmiInputs, ami } from "../../src/steps/ami.ts";
import { contextOf, destroyAll, early, type Lab, lab, make, seeker } from "./harness.ts";
import { builder } from "./network.ts";

describe("ami", () => {
  let world: Lab;
  let placed: { inputs: AmiInputs; temporaries: { builder: { instanceId: string } } };

  beforeEach(async () => {
    world = lab();
    const instanceId = await builder(world);
    placed = {
      inputs: { baseImageId: "ami-0123456789abcdef0", recipe: "0123456789abcdef", os: "al2023" },
      temporaries: { builder: { instanceId } },
    };
  });

  const snapshots = async () =>
    (await world.cloud.ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ["self"] }))).Snapshots ?? [];

  it("images a builder that is stopped, in one call, image and snapshots tagged with what they were made from", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, ami, {
      ...placed,
      inputs: { ...placed.inputs, forcedAt: "2026-11-21T07:00:00Z" },
    });
    expect(world.writesSince(before)).toEqual(["StopInstances", "CreateImage"]);
    const sent = world.calls.find(({ operation, outcome }) => operation === "CreateImage" && outcome === "ok");
    expect(sent!.input).toMatchObject({ NoReboot: false });
    expect(found).toMatchObject({ ref, owned: true, fingerprint: context.fingerprint });
    expect(found.output).toMatchObject({
      imageId: ref,
      baseImageId: "ami-0123456789abcdef0",
      forcedAt: "2026-11-21T07:00:00Z",
    });
    const { Images } = await world.cloud.ec2.send(new DescribeImagesCommand({ ImageIds: [ref] }));
    expect(Images![0]!.Name).toBe(`lab-ami-${context.token.slice(-8)}`);
    expect(found.output.rootDeviceName).toBe(Images![0]!.RootDeviceName);
    for (const snapshot of await snapshots()) {
      expect(tagRecord(snapshot.Tags)).toMatchObject({ "bootstrap:env": "lab", "bootstrap:node": "ami" });
    }
    const { Reservations } = await world.cloud.ec2.send(
      new DescribeInstancesCommand({ InstanceIds: [placed.temporaries.builder.instanceId] }),
    );
    expect(Reservations![0]!.Instances![0]!.State!.Name).toBe("stopped");
  });

  it("is not asked for while the builder is still stopping", async () => {
    const context = contextOf(world, ami, placed);
    const before = world.calls.length;
    const said = async () => classify(await ami.create(context).catch((error: unknown) => error));
    expect([await said(), await said()]).toEqual(["busy", "busy"]);
    expect(world.writesSince(before)).toEqual(["StopInstances"]);
  });

  it("is taken, not made twice, when the same attempt is sent again", async () => {
    const { context } = await make(world, ami, placed);
    await expect(ami.create(context)).rejects.toThrow(expect.objectContaining({ name: "InvalidAMIName.Duplicate" }));
    expect(await ami.find(context)).toHaveLength(1);
  });

  it("never takes the snapshots of an image in the making for leftovers, though it does not name them yet", async () => {
    const context = contextOf(world, ami, placed);
    world.cloud.ec2.middlewareStack.add((next) => async (args) => {
      const answer = await next(args);
      const { Images = [] } = answer.output as { readonly Images?: Image[] };
      for (const image of Images) if (image.State === "pending") delete image.BlockDeviceMappings;
      return answer;
    });
    await early(world, () => ami.create(context));
    for (let round = 0; round < 1_000; round++) {
      const found = await ami.find(context);
      expect(found.length).toBeLessThanOrEqual(1);
      expect(found.filter(({ state }) => state === "failed")).toEqual([]);
      if (found.some(({ state }) => state === "ready")) break;
      await world.clock.sleep(2_000);
    }
    expect(await ami.find(context)).toHaveLength(1);
  });

  it("finds it without inputs and for the whole kind, with two calls", async () => {
    const { context, ref } = await make(world, ami, placed);
    const before = world.calls.length;
    const found = await ami.find(seeker(context));
    expect(found).toMatchObject([{ ref, node: "ami", owned: true }]);
    expect(found[0]!.drift).toBeUndefined();
    expect(world.calls.length - before).toBe(2);
  });

  it("removes the image with its snapshots", async () => {
    const { context } = await make(world, ami, placed);
    const before = world.calls.length;
    await destroyAll(world, ami, seeker(context));
    expect(world.writesSince(before)).toEqual(["DeregisterImage"]);
    expect(await snapshots()).toEqual([]);
  });

  it("removes the snapshots after the image where AWS does not know how to do both at once", async () => {
    const { context, found } = await make(world, ami, placed);
    world.faults.push({ operation: "DeregisterImage", nth: 1, error: { code: "UnknownParameter" } });
    const before = world.calls.length;
    await ami.destroy!(seeker(context), found);
    expect(world.writesSince(before)).toEqual(["DeregisterImage", "DeregisterImage", "DeleteSnapshot"]);
    expect(await snapshots()).toEqual([]);
  });

  it("shows a snapshot that outlived its image as a failed one, and removes it", async () => {
    const { context, ref } = await make(world, ami, placed);
    await world.cloud.ec2.send(new DeregisterImageCommand({ ImageId: ref }));
    await world.clock.sleep(60_000);
    const [left] = await ami.find(seeker(context));
    expect(left).toMatchObject({ state: "failed", owned: true, ref: expect.stringMatching(/^snap-/) });
    await destroyAll(world, ami, seeker(context));
    expect(await snapshots()).toEqual([]);
  });

  it("sees one that somebody disabled, takes it for failed, and removes it with its snapshots", async () => {
    const { context, ref } = await make(world, ami, placed);
    await world.cloud.ec2.send(new DisableImageCommand({ ImageId: ref }));
    expect(await ami.find(context)).toMatchObject([{ ref, state: "failed", detail: "disabled" }]);
    await destroyAll(world, ami, seeker(context));
    expect(await snapshots()).toEqual([]);
  });

  it("counts a snapshot that is still being written as on its way, because its image may not be visible yet", async () => {
    const context = contextOf(world, ami, placed);
    world.cloud.ec2.middlewareStack.add((next) => async (args) => {
      const answer = await next(args);
      const output = answer.output as { Images?: Image[] };
      if (output.Images) output.Images = [];
      return answer;
    });
    await early(world, () => ami.create(context));
    await world.clock.sleep(10_000);
    const found = await ami.find(context);
    expect(found.map(({ state }) => state)).toEqual(found.map(() => "pending"));
    expect(found.length).toBeGreaterThan(0);
  });

  it("shows a failed image with AWS's reason", async () => {
    world.faults.push({ operation: "CreateImage", fate: { kind: "fail", reason: "a snapshot was lost" } });
    await expect(make(world, ami, placed)).rejects.toThrow("a snapshot was lost");
  });
});
