import { DescribeJobDefinitionsCommand, RegisterJobDefinitionCommand } from "@aws-sdk/client-batch";
import { beforeEach, describe, expect, it } from "vitest";
import { classify } from "../../src/aws/errors.ts";
import { tagsOf } from "../../src/aws/tags.ts";
import { jobDefinition } from "../../src/steps/job-definition.ts";
import { splitJob as inputs } from "./batch.ts";
import { contextOf, destroyAll, type Lab, lab, make, seeker } from "./harness.ts";

describe("job-definition", () => {
  let world: Lab;

  beforeEach(() => {
    world = lab();
  });

  async function registeredByHand(jobDefinitionName: string, tags?: Record<string, string>) {
    const resourceRequirements = [
      { type: "VCPU" as const, value: "1" },
      { type: "MEMORY" as const, value: "512" },
    ];
    const containerProperties = { image: "busybox", resourceRequirements };
    await world.cloud.batch.send(
      new RegisterJobDefinitionCommand({ jobDefinitionName, type: "container", containerProperties, tags }),
    );
  }

  it("registers one with its tags in a single call", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, jobDefinition, { inputs });
    expect(world.writesSince(before)).toEqual(["RegisterJobDefinition"]);
    expect(found).toMatchObject({ ref, node: "job-definition", owned: true, state: "ready", drift: [] });
    expect(found).toMatchObject({ fingerprint: context.fingerprint, token: context.token.slice(-8) });
    expect(found.output).toEqual({ arn: ref, jobDefinitionName: "lab-bcl2fastq", revision: 1 });
    expect(ref).toMatch(/:job-definition\/lab-bcl2fastq:1$/);
  });

  it("is registered once, though the connection breaks before the answer", async () => {
    world.faults.push({ operation: "RegisterJobDefinition", reset: "after" });
    const context = contextOf(world, jobDefinition, { inputs });
    await expect(jobDefinition.create(context)).rejects.toSatisfy((error) => classify(error) === "unknown");
    expect(await jobDefinition.find(context)).toMatchObject([{ token: context.token.slice(-8) }]);
  });

  it("binds each host path to its place, and says its needs the way that jobs may override", async () => {
    const { ref } = await make(world, jobDefinition, { inputs: { ...inputs, logGroupName: "/bootstrap/lab" } });
    const answer = await world.cloud.batch.send(new DescribeJobDefinitionsCommand({ jobDefinitions: [ref] }));
    const live = answer.jobDefinitions![0]!;
    const { volumes, mountPoints, resourceRequirements, linuxParameters, logConfiguration, ...container } =
      live.containerProperties!;
    expect(volumes).toEqual(
      expect.arrayContaining([
        { name: "nvme", host: { sourcePath: "/data" } },
        { name: "lustre", host: { sourcePath: "/fsx" } },
      ]),
    );
    expect(mountPoints!.map(({ sourceVolume, containerPath }) => [sourceVolume, containerPath]).sort()).toEqual([
      ["lustre", "/fsx"],
      ["nvme", "/data"],
    ]);
    expect(resourceRequirements).toEqual(
      expect.arrayContaining([
        { type: "VCPU", value: "32" },
        { type: "MEMORY", value: "64000" },
      ]),
    );
    expect(container).not.toHaveProperty("vcpus");
    expect(container).not.toHaveProperty("memory");
    expect(linuxParameters).toMatchObject({ initProcessEnabled: true });
    expect(logConfiguration).toMatchObject({ logDriver: "awslogs", options: { "awslogs-group": "/bootstrap/lab" } });
    expect(live.timeout).toEqual({ attemptDurationSeconds: 21_600 });
    expect(live.parameters).toEqual({ run: "none" });
  });

  it("tries again what its machine failed, and nothing else", async () => {
    const { ref } = await make(world, jobDefinition, { inputs });
    const answer = await world.cloud.batch.send(new DescribeJobDefinitionsCommand({ jobDefinitions: [ref] }));
    const { attempts, evaluateOnExit } = answer.jobDefinitions![0]!.retryStrategy!;
    expect(attempts).toBe(2);
    // As Batch does: the first that matches counts, and what matches none is tried again.
    const fate = (ended: { readonly statusReason?: string; readonly reason?: string }) =>
      evaluateOnExit
        ?.find(
          ({ onStatusReason, onReason }) =>
            matches(onStatusReason, ended.statusReason) && matches(onReason, ended.reason),
        )
        ?.action?.toUpperCase();
    const exited = { statusReason: "Essential container in task exited" };
    expect(fate({ statusReason: "Host EC2 (instance i-0123456789abcdef0) terminated." })).toBe("RETRY");
    expect(fate({ statusReason: "Task failed to start", reason: "CannotPullContainerError: i/o timeout" })).toBe(
      "RETRY",
    );
    expect(fate({ ...exited, reason: "DockerTimeoutError: Could not transition to started" })).toBe("RETRY");
    expect(fate({ statusReason: "Task failed to start" })).toBe("RETRY");
    expect(fate({ ...exited, reason: "OutOfMemoryError: Container killed due to memory usage" })).toBe("EXIT");
    expect(fate(exited)).toBe("EXIT");
  });

  it("lets a job open as many files as a demultiplexer asks for", async () => {
    const { ref } = await make(world, jobDefinition, { inputs });
    const answer = await world.cloud.batch.send(new DescribeJobDefinitionsCommand({ jobDefinitions: [ref] }));
    expect(answer.jobDefinitions![0]!.containerProperties!.ulimits).toEqual([
      { name: "nofile", softLimit: 65_536, hardLimit: 65_536 },
    ]);
  });

  it("registers the next revision for other inputs, and shows both until the old one is gone", async () => {
    const first = await make(world, jobDefinition, { inputs });
    const second = await make(world, jobDefinition, { inputs: { ...inputs, vcpus: 36 } });
    expect(second.found.output.revision).toBe(2);
    const both = await jobDefinition.find(second.context);
    expect(both.map(({ ref }) => ref).sort()).toEqual([first.ref, second.ref]);
    await jobDefinition.destroy!(seeker(second.context), both.find(({ ref }) => ref === first.ref)!);
    expect((await jobDefinition.find(second.context)).map(({ ref }) => ref)).toEqual([second.ref]);
    expect(jobDefinition.update).toBeUndefined();
  });

  it("finds it without inputs and for the whole kind, and none of another environment, with one call", async () => {
    const { context, ref } = await make(world, jobDefinition, { inputs });
    await make(world, jobDefinition, { inputs: { ...inputs, jobDefinitionName: "lab-2-bcl2fastq" }, name: "lab-2" });
    await registeredByHand("lab-somebody-elses");
    await registeredByHand("copied-with-its-tags", { ...tagsOf(context) });
    for (const node of ["job-definition", undefined]) {
      const before = world.calls.length;
      const found = await jobDefinition.find(seeker(context, node));
      expect(found).toMatchObject([{ ref, node: "job-definition", owned: true }]);
      expect(found).toHaveLength(1);
      expect(found[0]!.drift).toBeUndefined();
      expect(world.calls.slice(before)).toHaveLength(1);
    }
    expect(await jobDefinition.find(seeker(context, "other"))).toEqual([]);
  });

  it("does not own one of the same name without our tags", async () => {
    await registeredByHand("lab-bcl2fastq");
    expect(await jobDefinition.find(contextOf(world, jobDefinition, { inputs }))).toMatchObject([{ owned: false }]);
  });

  it("deregisters every revision, and does not mind that they are gone", async () => {
    const { found } = await make(world, jobDefinition, { inputs });
    const { context } = await make(world, jobDefinition, { inputs: { ...inputs, vcpus: 36 } });
    const before = world.calls.length;
    await destroyAll(world, jobDefinition, seeker(context));
    expect(world.writesSince(before)).toEqual(["DeregisterJobDefinition", "DeregisterJobDefinition"]);
    await jobDefinition.destroy!(seeker(context), found);
  });
});

/** A pattern that is not given matches everything. */
function matches(pattern: string | undefined, text = ""): boolean {
  if (pattern === undefined) return true;
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}
