import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  GetInstanceProfileCommand,
  RemoveRoleFromInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import { type InstanceProfileInputs, instanceProfile } from "../../src/steps/instance-profile.ts";
import { contextOf, destroyAll, type Lab, lab, make, seeker, settle } from "./harness.ts";

describe("instance-profile", () => {
  let world: Lab;
  const inputs: InstanceProfileInputs = { roleName: "first", path: "/" };

  beforeEach(async () => {
    world = lab();
    for (const RoleName of ["first", "second"]) {
      const statement = { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" };
      const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
      await world.cloud.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
    }
    await world.clock.sleep(10_000);
  });

  it("makes one with its tags, and gives it its role as drift from birth", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, instanceProfile, { inputs, node: "node-profile" });
    expect(ref).toBe("lab-us-east-1-node-profile");
    expect(world.writesSince(before)).toEqual(["CreateInstanceProfile", "AddRoleToInstanceProfile"]);
    const answer = await world.cloud.iam.send(new GetInstanceProfileCommand({ InstanceProfileName: ref }));
    expect(answer.InstanceProfile!.Roles!.map(({ RoleName }) => RoleName)).toEqual(["first"]);
    expect(found).toMatchObject({ ref, node: "node-profile", owned: true, state: "ready", drift: [] });
    expect(found.fingerprint).toBe(context.fingerprint);
    expect(found.output).toEqual({ arn: answer.InstanceProfile!.Arn, profileName: ref });
  });

  it("finds it without inputs and for the whole kind, with one call where it knows the node", async () => {
    const { context, ref } = await make(world, instanceProfile, { inputs });
    await make(world, instanceProfile, { inputs, name: "lab2" });
    const before = world.calls.length;
    const [found] = await instanceProfile.find(seeker(context, "instance-profile"));
    expect(found).toMatchObject({ ref, owned: true, drift: undefined });
    expect(world.calls.slice(before)).toHaveLength(1);
    expect(await instanceProfile.find(seeker(context))).toMatchObject([{ ref, node: "instance-profile" }]);
  });

  it("puts back a role that was taken out, and replaces another", async () => {
    const { context, ref } = await make(world, instanceProfile, { inputs });
    const InstanceProfileName = ref;
    await world.cloud.iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName: "first" }));
    expect((await instanceProfile.find(context))[0]!.drift).toEqual([{ field: "role", want: "first", have: "none" }]);
    let before = world.calls.length;
    await settle(world, instanceProfile, context);
    expect(world.writesSince(before)).toEqual(["AddRoleToInstanceProfile"]);

    before = world.calls.length;
    await settle(
      world,
      instanceProfile,
      contextOf(world, instanceProfile, { inputs: { ...inputs, roleName: "second" } }),
    );
    expect(world.writesSince(before)).toEqual([
      "RemoveRoleFromInstanceProfile",
      "AddRoleToInstanceProfile",
      "TagInstanceProfile",
    ]);
  });

  it("takes it well when its role is put in by the call whose answer was lost", async () => {
    const context = contextOf(world, instanceProfile, { inputs });
    await instanceProfile.create(context);
    await world.clock.sleep(10_000);
    const [found] = await instanceProfile.find(context);
    await world.cloud.iam.send(
      new AddRoleToInstanceProfileCommand({ InstanceProfileName: found!.ref, RoleName: "first" }),
    );
    await instanceProfile.update!(context, found!);
    expect((await instanceProfile.find(context))[0]!.drift).toEqual([]);
  });

  it("does not own one of the same name without our tags", async () => {
    const InstanceProfileName = "lab-us-east-1-instance-profile";
    await world.cloud.iam.send(new CreateInstanceProfileCommand({ InstanceProfileName }));
    await world.clock.sleep(10_000);
    const context = contextOf(world, instanceProfile, { inputs });
    expect(await instanceProfile.find(context)).toMatchObject([{ ref: InstanceProfileName, owned: false }]);
    expect(await instanceProfile.find(seeker(context))).toEqual([]);
  });

  it("finds by their names those that bootstrap makes, where the account's profiles may not be listed", async () => {
    const { context, ref } = await make(world, instanceProfile, { inputs, node: "node-profile" });
    const error = { code: "AccessDenied", message: "iam:ListInstanceProfiles", status: 403 };
    world.faults.push({ operation: "ListInstanceProfiles", error });
    await expect(instanceProfile.find(seeker(context))).rejects.toThrow("iam:ListInstanceProfiles");
    const refused: unknown[] = [];
    const found = await instanceProfile.find({ ...seeker(context), unlisted: (cause) => refused.push(cause) });
    expect(found.map((one) => one.ref)).toEqual([ref]);
    expect(refused).toMatchObject([{ name: "AccessDenied" }]);
  });

  it("takes the role out and removes it, and does not mind that it is gone", async () => {
    const { context, found } = await make(world, instanceProfile, { inputs });
    const before = world.calls.length;
    await destroyAll(world, instanceProfile, seeker(context, "instance-profile"));
    expect(world.writesSince(before)).toEqual(["RemoveRoleFromInstanceProfile", "DeleteInstanceProfile"]);
    await instanceProfile.destroy!(seeker(context), found);
  });
});
