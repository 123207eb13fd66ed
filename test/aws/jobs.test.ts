import { SubmitJobCommand } from "@aws-sdk/client-batch";
import { describe, expect, it } from "vitest";
import { countRunningJobs, countUnfinishedJobs } from "../../src/aws/jobs.ts";
import { computeEnvironment } from "../../src/steps/compute-environment.ts";
import { jobQueue } from "../../src/steps/job-queue.ts";
import { computeInputs, sleepDefinition } from "../steps/batch.ts";
import { destroyAll, lab, make, seeker } from "../steps/harness.ts";

describe("the jobs of a queue", () => {
  it("are none where there is no such queue, whatever words Batch has for that", async () => {
    const { cloud, calls, faults } = lab();
    faults.push({ operation: "ListJobs", error: { code: "ClientException", message: "in other words" } });
    expect(await countUnfinishedJobs(cloud, "nobody")).toBe(0);
    expect(calls.map(({ operation }) => operation)).toEqual(["DescribeJobQueues"]);
  });

  it("are counted in every status that is not the end, and none is left when the queue is gone", async () => {
    const world = lab();
    const { found } = await make(world, computeEnvironment, { inputs: await computeInputs(world) });
    const inputs = { computeEnvironmentArns: [found.output.arn], priority: 1, maxRunnableSeconds: 3600 };
    const { context } = await make(world, jobQueue, { inputs });
    const jobDefinition = await sleepDefinition(world, 1);
    for (const jobName of ["one", "two"]) {
      await world.cloud.batch.send(new SubmitJobCommand({ jobName, jobQueue: "lab", jobDefinition }));
    }
    expect(await countUnfinishedJobs(world.cloud, "lab")).toBe(2);
    expect(await countRunningJobs(world.cloud, found.ref)).toBe(0);
    await destroyAll(world, jobQueue, seeker(context));
    expect(await countUnfinishedJobs(world.cloud, "lab")).toBe(0);
  });
});
