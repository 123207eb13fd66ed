import {
  CancelJobCommand,
  DescribeJobsCommand,
  type JobSummary,
  paginateListJobs,
  UpdateJobQueueCommand,
} from "@aws-sdk/client-batch";
import { DescribeVpcsCommand } from "@aws-sdk/client-ec2";
import { beforeEach, describe, expect, it } from "vitest";
import { type BatchLab, batchLab } from "./batch-lab.ts";
import { type ServiceLab, serviceLab } from "./service-lab.ts";

const HOUR = 3600;
let lab: ServiceLab;
let batch: BatchLab;

beforeEach(async () => {
  lab = serviceLab();
  batch = await batchLab(lab);
  await batch.define();
});

async function listed(arrayJobId: string, jobStatus: "RUNNABLE" | "SUCCEEDED"): Promise<JobSummary[]> {
  const all: JobSummary[] = [];
  const pages = paginateListJobs({ client: lab.batch }, { arrayJobId, jobStatus });
  for await (const { jobSummaryList = [] } of pages) all.push(...jobSummaryList);
  return all;
}

/** A sandbox that looks at every job for every job would be at it for hours. */
describe("very many jobs", () => {
  it("wait in one line by the ten thousand, are listed in pages, and leave other requests as they are", {
    timeout: 60_000,
  }, async () => {
    const id = await batch.submit({ arrayProperties: { size: 10_000 } });
    lab.pass(5);
    const waiting = await listed(id, "RUNNABLE");
    expect(waiting).toHaveLength(10_000);
    expect(new Set(waiting.map(({ jobId }) => jobId)).size).toBe(10_000);
    for (let times = 0; times < 20; times++) {
      lab.pass(1);
      await lab.ec2.send(new DescribeVpcsCommand({}));
    }
    await lab.batch.send(new CancelJobCommand({ jobId: `${id}:9999`, reason: "not needed" }));
    const { jobs } = await lab.batch.send(new DescribeJobsCommand({ jobs: [id, `${id}:9999`, `${id}:9998`] }));
    const of = (jobId: string) => jobs!.find((job) => job.jobId === jobId);
    expect(of(`${id}:9999`)).toMatchObject({ status: "FAILED", isCancelled: true });
    expect(of(`${id}:9998`)?.status).toBe("RUNNABLE");
    expect(of(id)?.arrayProperties?.statusSummary).toMatchObject({ RUNNABLE: 9_999, FAILED: 1 });
  });

  it("that nothing can run are each told why, and are each taken out in time", { timeout: 60_000 }, async () => {
    const reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT";
    const jobStateTimeLimitActions = [{ reason, state: "RUNNABLE", action: "CANCEL", maxTimeSeconds: 600 } as const];
    await lab.batch.send(new UpdateJobQueueCommand({ jobQueue: "lab", jobStateTimeLimitActions }));
    await batch.define({
      resourceRequirements: [
        { type: "VCPU", value: "64" },
        { type: "MEMORY", value: "100" },
      ],
    });
    const id = await batch.submit({ arrayProperties: { size: 2_000 } });
    lab.pass(60);
    const told = (await listed(id, "RUNNABLE")).filter(({ statusReason }) => statusReason?.startsWith(reason));
    expect(told).toHaveLength(2_000);
    lab.pass(600);
    expect((await batch.job(id)).arrayProperties?.statusSummary).toMatchObject({ FAILED: 2_000 });
  });
});

it("five hundred jobs run one after the other, and those that wait for each other in their order", async () => {
  const first = await batch.submit({ arrayProperties: { size: 250 } });
  const then = await batch.submit({
    arrayProperties: { size: 250 },
    dependsOn: [{ jobId: first, type: "N_TO_N" }],
  });
  lab.pass(2 * HOUR);
  const [done, after] = [await listed(first, "SUCCEEDED"), await listed(then, "SUCCEEDED")];
  expect([done.length, after.length, (await batch.job(then)).status]).toEqual([250, 250, "SUCCEEDED"]);
  const ended = new Map(done.map((job) => [job.arrayProperties?.index, job.stoppedAt!]));
  for (const job of after) expect(job.startedAt).toBeGreaterThan(ended.get(job.arrayProperties?.index)!);
}, 60_000);
