import {
  CreateComputeEnvironmentCommand,
  DescribeComputeEnvironmentsCommand,
  SubmitJobCommand,
  UpdateComputeEnvironmentCommand,
  type UpdateComputeEnvironmentRequest,
} from "@aws-sdk/client-batch";
import { AddRoleToInstanceProfileCommand, RemoveRoleFromInstanceProfileCommand } from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import { type ComputeEnvironmentInputs, computeEnvironment } from "../../src/steps/compute-environment.ts";
import { jobQueue } from "../../src/steps/job-queue.ts";
import { computeInputs, sleepDefinition } from "./batch.ts";
import { contextOf, destroyAll, early, type Lab, lab, make, seeker, settle } from "./harness.ts";

describe("compute-environment", () => {
  let world: Lab;
  let inputs: ComputeEnvironmentInputs;

  beforeEach(async () => {
    world = lab();
    inputs = await computeInputs(world);
  });

  const live = async () => {
    const asked = new DescribeComputeEnvironmentsCommand({ computeEnvironments: ["lab"] });
    return (await world.cloud.batch.send(asked)).computeEnvironments![0]!;
  };

  const lastUpdate = () =>
    world.calls.filter(({ operation }) => operation === "UpdateComputeEnvironment").at(-1)!
      .input as UpdateComputeEnvironmentRequest;

  async function changedByHand(change: Omit<UpdateComputeEnvironmentRequest, "computeEnvironment">) {
    await early(world, () =>
      world.cloud.batch.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: "lab", ...change })),
    );
    await world.clock.sleep(60 * 60_000);
  }

  it("makes one with its tags in a single call, the image in one place and no service role", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, computeEnvironment, { inputs });
    expect(new Set(world.writesSince(before))).toEqual(new Set(["CreateComputeEnvironment"]));
    const made = await live();
    expect(made.computeResources).toMatchObject({
      type: "EC2",
      allocationStrategy: "BEST_FIT_PROGRESSIVE",
      ec2Configuration: [{ imageType: "ECS_AL2023", imageIdOverride: inputs.imageId }],
      launchTemplate: { launchTemplateId: inputs.launchTemplateId, version: "1" },
    });
    expect(made.computeResources!.imageId).toBeUndefined();
    const sent = world.calls.find(({ operation }) => operation === "CreateComputeEnvironment")!;
    expect(sent.input).not.toHaveProperty("serviceRole");
    expect(found).toMatchObject({ ref, node: "compute-environment", owned: true, state: "ready", drift: [] });
    expect(found).toMatchObject({ fingerprint: context.fingerprint, token: context.token.slice(-8) });
    expect(found.output).toMatchObject({ arn: ref, computeEnvironmentName: "lab", ecsClusterArn: made.ecsClusterArn });
  });

  it("buys Spot by capacity, at most at the wished price", async () => {
    const { found } = await make(world, computeEnvironment, {
      inputs: { ...inputs, purchase: "spot", bidPercentage: 60 },
    });
    expect(found.drift).toEqual([]);
    expect((await live()).computeResources).toMatchObject({
      type: "SPOT",
      allocationStrategy: "SPOT_CAPACITY_OPTIMIZED",
      bidPercentage: 60,
    });
  });

  it("is pending while AWS makes it and says so in AWS's word", async () => {
    const context = contextOf(world, computeEnvironment, { inputs });
    await early(world, () => computeEnvironment.create(context));
    expect((await computeEnvironment.find(context))[0]).toMatchObject({ state: "pending", detail: "CREATING" });
  });

  it("finds it without inputs and for the whole kind, with one call", async () => {
    const { context, ref } = await make(world, computeEnvironment, { inputs });
    for (const node of ["compute-environment", undefined]) {
      const before = world.calls.length;
      const found = await computeEnvironment.find(seeker(context, node));
      expect(found).toMatchObject([{ ref, node: "compute-environment", owned: true }]);
      expect(found[0]!.drift).toBeUndefined();
      expect(world.calls.slice(before)).toHaveLength(1);
    }
    expect(await computeEnvironment.find({ ...seeker(context), name: "lab2" })).toEqual([]);
  });

  it("mends what replaces no machine with one call that says only that", async () => {
    const { context, ref } = await make(world, computeEnvironment, { inputs });
    await changedByHand({ state: "DISABLED", computeResources: { maxvCpus: 36 } });
    expect((await computeEnvironment.find(context))[0]!.drift).toEqual([
      { field: "state", want: "ENABLED", have: "DISABLED" },
      { field: "maxvCpus", want: "72", have: "36" },
    ]);
    const before = world.calls.length;
    await settle(world, computeEnvironment, context);
    expect(world.writesSince(before)).toEqual(["UpdateComputeEnvironment"]);
    expect(lastUpdate()).toEqual({
      computeEnvironment: ref,
      state: "ENABLED",
      computeResources: { maxvCpus: 72 },
    });
  });

  it("calls everything that replaces machines disruptive", async () => {
    const { context } = await make(world, computeEnvironment, { inputs });
    const changed: ComputeEnvironmentInputs = {
      ...inputs,
      purchase: "spot",
      bidPercentage: 50,
      instanceTypes: ["m5d.12xlarge"],
      minVcpus: 36,
      maxVcpus: 144,
      subnetIds: ["subnet-other"],
      securityGroupIds: ["sg-other"],
      instanceProfileArn: `${inputs.instanceProfileArn}-other`,
      imageId: "ami-other",
      launchTemplateVersion: "2",
      tags: { team: "sequencing" },
    };
    const [found] = await computeEnvironment.find({ ...context, inputs: changed });
    const gentle = found!.drift!.filter(({ disruptive }) => !disruptive).map(({ field }) => field);
    const disruptive = found!.drift!.filter((entry) => entry.disruptive).map(({ field }) => field);
    expect(gentle.sort()).toEqual(["maxvCpus", "minvCpus"]);
    expect(disruptive.sort()).toEqual(
      [
        ...["allocationStrategy", "bidPercentage", "ec2Configuration", "instanceRole", "instanceTypes"],
        ...["launchTemplate", "securityGroupIds", "subnets", "tags", "type"],
      ].sort(),
    );
  });

  it("takes another order of the same lists for the same", async () => {
    const types = ["c5d.9xlarge", "m5d.12xlarge", "r5d.12xlarge"];
    const { context } = await make(world, computeEnvironment, { inputs: { ...inputs, instanceTypes: types } });
    const [found] = await computeEnvironment.find({
      ...context,
      inputs: { ...inputs, instanceTypes: types.reverse() },
    });
    expect(found!.drift).toEqual([]);
  });

  it("never minds how many machines run", async () => {
    const { context } = await make(world, computeEnvironment, { inputs });
    await changedByHand({ computeResources: { desiredvCpus: 36 } });
    expect((await computeEnvironment.find(context))[0]!.drift).toEqual([]);
  });

  it("replaces its machines without ending jobs before their time, and says how many it waits for", async () => {
    const { ref } = await make(world, computeEnvironment, { inputs });
    const onIt = { computeEnvironmentArns: [ref], priority: 1, maxRunnableSeconds: 3600 };
    await make(world, jobQueue, { inputs: onIt });
    const jobDefinition = await sleepDefinition(world, 1);
    await world.cloud.batch.send(new SubmitJobCommand({ jobName: "one", jobQueue: "lab", jobDefinition }));
    await world.clock.sleep(10 * 60_000);

    const wanted = { ...inputs, instanceTypes: ["c5d.12xlarge"] };
    const context = contextOf(world, computeEnvironment, { inputs: wanted });
    const before = world.calls.length;
    await settle(world, computeEnvironment, context);
    expect(world.writesSince(before)).toEqual(["UpdateComputeEnvironment", "TagResource"]);
    expect(lastUpdate()).toMatchObject({
      computeResources: { instanceTypes: ["c5d.12xlarge"] },
      updatePolicy: { terminateJobsOnUpdate: false, jobExecutionTimeoutMinutes: 360 },
    });
    expect(Object.keys(lastUpdate().computeResources!)).toEqual(["instanceTypes"]);
    expect(world.notes).toEqual(["waits for 1 running job, at most 360 minutes"]);
  });

  it("takes a change that is under way already for its own, and says nothing twice", async () => {
    await make(world, computeEnvironment, { inputs });
    const context = contextOf(world, computeEnvironment, { inputs: { ...inputs, instanceTypes: ["c5d.12xlarge"] } });
    const [seen] = await computeEnvironment.find(context);
    await computeEnvironment.update!(context, seen!);
    // Batch may still show what was before.
    await computeEnvironment.update!(context, seen!);
    expect(world.calls.at(-1)).toMatchObject({ operation: "UpdateComputeEnvironment", outcome: "ClientException" });
    expect((await settle(world, computeEnvironment, context)).drift).toEqual([]);
  });

  it("takes a limit of the Spot price away again", async () => {
    const spot = { ...inputs, purchase: "spot" as const };
    await make(world, computeEnvironment, { inputs: { ...spot, bidPercentage: 60 } });
    await settle(world, computeEnvironment, contextOf(world, computeEnvironment, { inputs: spot }));
    expect((await live()).computeResources!.bidPercentage).toBe(100);
  });

  it("has no job to wait for where there is no queue", async () => {
    await make(world, computeEnvironment, { inputs });
    await settle(
      world,
      computeEnvironment,
      contextOf(world, computeEnvironment, { inputs: { ...inputs, instanceTypes: ["c5d.12xlarge"] } }),
    );
    expect(world.notes).toEqual([]);
  });

  it("only notes the new fingerprint where nothing that lives differs", async () => {
    await make(world, computeEnvironment, { inputs });
    const context = contextOf(world, computeEnvironment, { inputs: { ...inputs, jobTimeoutMinutes: 720 } });
    const before = world.calls.length;
    expect((await settle(world, computeEnvironment, context)).fingerprint).toBe(context.fingerprint);
    expect(world.writesSince(before)).toEqual(["TagResource"]);
  });

  it("shows an invalid one with AWS's reason, and its update can mend it", async () => {
    const { context, found } = await make(world, computeEnvironment, { inputs });
    const names = { InstanceProfileName: "lab-builder", RoleName: "lab-builder" };
    await world.cloud.iam.send(new RemoveRoleFromInstanceProfileCommand(names));
    await changedByHand({ computeResources: { instanceTypes: ["c5d.12xlarge"] } });
    const [invalid] = await computeEnvironment.find(context);
    expect(invalid).toMatchObject({ state: "failed", output: found.output });
    expect(invalid!.detail).toMatch(/CLIENT_ERROR|instance ?profile/i);

    await world.cloud.iam.send(new AddRoleToInstanceProfileCommand(names));
    await world.clock.sleep(60_000);
    await early(world, () => computeEnvironment.update!(context, invalid!));
    expect((await settle(world, computeEnvironment, context)).drift).toEqual([]);
  });

  it("has AWS look again at an invalid one of which nothing differs", async () => {
    const { context, found } = await make(world, computeEnvironment, { inputs });
    await computeEnvironment.update!(context, { ...found, state: "failed", drift: [] });
    expect(lastUpdate()).toEqual({ computeEnvironment: found.ref, state: "ENABLED" });
  });

  it("does not own one of the same name without our tags", async () => {
    await early(world, () =>
      world.cloud.batch.send(
        new CreateComputeEnvironmentCommand({
          computeEnvironmentName: "lab",
          type: "MANAGED",
          computeResources: {
            type: "EC2",
            allocationStrategy: "BEST_FIT_PROGRESSIVE",
            maxvCpus: 4,
            instanceTypes: ["c5d.large"],
            subnets: [...inputs.subnetIds],
            securityGroupIds: [...inputs.securityGroupIds],
            instanceRole: inputs.instanceProfileArn,
          },
        }),
      ),
    );
    const found = await computeEnvironment.find(contextOf(world, computeEnvironment, { inputs }));
    expect(found).toMatchObject([{ owned: false }]);
  });

  it("is made valid first when AWS takes no other change of an invalid one", async () => {
    const { context, found } = await make(world, computeEnvironment, { inputs });
    const other = { ...context, inputs: { ...inputs, imageId: "ami-0123456789abcdef0" } };
    const { drift } = (await computeEnvironment.find(other))[0]!;
    const error = { code: "ClientException", message: "Cannot update an INVALID compute environment." };
    world.faults.push({ operation: "UpdateComputeEnvironment", nth: [1, 2], error });
    await expect(computeEnvironment.update!(other, { ...found, drift: drift! })).rejects.toThrow("Cannot update");
    await computeEnvironment.update!(other, { ...found, state: "failed", drift: drift! });
    expect(lastUpdate()).toEqual({ computeEnvironment: found.ref, state: "ENABLED" });
  });

  it("gives Batch its role back before it deletes one that is invalid for want of it", async () => {
    const { context, found } = await make(world, computeEnvironment, { inputs });
    world.cloud.batch.middlewareStack.add((next) => async (args) => {
      const answer = await next(args);
      const { computeEnvironments = [] } = answer.output as { readonly computeEnvironments?: object[] };
      const statusReason = "CLIENT_ERROR - User: arn:... is not authorized to perform: sts:AssumeRole on resource: ...";
      for (const one of computeEnvironments) Object.assign(one, { status: "INVALID", statusReason });
      return answer;
    });
    const { calls } = world;
    const before = calls.length;
    await computeEnvironment.destroy!(seeker(context), found);
    const writes = calls.slice(before).filter(({ kind }) => kind === "write");
    expect(writes.map(({ operation }) => operation)).toEqual(["CreateServiceLinkedRole", "UpdateComputeEnvironment"]);
  });

  it("disables it, deletes it, waits until it is gone, and does not mind that", async () => {
    const { context, found } = await make(world, computeEnvironment, { inputs });
    const before = world.calls.length;
    await destroyAll(world, computeEnvironment, seeker(context));
    expect(world.writesSince(before)).toEqual(["UpdateComputeEnvironment", "DeleteComputeEnvironment"]);
    // It is still shown, and yet it is gone.
    expect((await live()).status).toBe("DELETED");
    await computeEnvironment.destroy!(seeker(context), found);
  });
});
