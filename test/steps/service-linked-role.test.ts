import { beforeEach, describe, expect, it } from "vitest";
import { serviceLinkedRole } from "../../src/steps/service-linked-role.ts";
import { contextOf, type Lab, lab, seeker } from "./harness.ts";

describe("a service-linked role that AWS calls by another name", () => {
  it("goes by that name from then on", async () => {
    const world = lab();
    const named = { service: "batch.amazonaws.com", roleName: "AWSServiceRoleForSomethingElse" };
    const context = contextOf(world, serviceLinkedRole, { inputs: named });
    const ref = await serviceLinkedRole.create(context);
    expect(ref).toBe("AWSServiceRoleForBatch");
    await world.clock.sleep(20_000);
    const known = { [ref]: { node: context.node, fingerprint: context.fingerprint } };
    expect(await serviceLinkedRole.find({ ...context, known })).toMatchObject([{ ref }]);
  });
});

describe("service-linked-role", () => {
  let world: Lab;
  const inputs = { service: "batch.amazonaws.com", roleName: "AWSServiceRoleForBatch" };

  beforeEach(() => {
    world = lab();
  });

  it("makes the one that is missing, and finds it under AWS's name with a single call", async () => {
    const context = contextOf(world, serviceLinkedRole, { inputs });
    expect(await serviceLinkedRole.find(context)).toEqual([]);
    const ref = await serviceLinkedRole.create(context);
    const before = world.calls.length;
    const [found] = await serviceLinkedRole.find(context);
    expect(world.calls.slice(before)).toHaveLength(1);
    expect(found).toMatchObject({ ref, state: "ready", drift: [] });
    expect(found!.output).toEqual({
      arn: expect.stringMatching(/:role\/aws-service-role\/batch.amazonaws.com\/AWSServiceRoleForBatch$/) as string,
      roleName: "AWSServiceRoleForBatch",
    });
  });

  it("takes one that is there already for its own answer", async () => {
    const context = contextOf(world, serviceLinkedRole, { inputs });
    const ref = await serviceLinkedRole.create(context);
    expect(await serviceLinkedRole.create(context)).toBe(ref);
  });

  it("says which service AWS does not know", async () => {
    const context = contextOf(world, serviceLinkedRole, { inputs: { ...inputs, service: "nobody.amazonaws.com" } });
    await expect(serviceLinkedRole.create(context)).rejects.toThrow(/nobody/);
  });

  it("is the account's: never claimed without inputs, and never removed", async () => {
    const context = contextOf(world, serviceLinkedRole, { inputs });
    await serviceLinkedRole.create(context);
    expect(await serviceLinkedRole.find(seeker(context))).toEqual([]);
    expect(serviceLinkedRole.destroy).toBeUndefined();
    expect(serviceLinkedRole.naming).toBe("shared");
  });
});
