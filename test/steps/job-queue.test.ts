import {
  CreateJobQueueCommand,
  DescribeJobQueuesCommand,
  DescribeJobsCommand,
  SubmitJobCommand,
  UpdateJobQueueCommand,
  type UpdateJobQueueRequest,
} from "@aws-sdk/client-batch";
import { beforeEach, describe, expect, it } from "vitest";
import { computeEnvironment } from "../../src/steps/compute-environment.ts";
import { type JobQueueInputs, jobQueue } from "../../src/steps/job-queue.ts";
import { computeInputs, sleepDefinition } from "./batch.ts";
import { contextOf, destroyAll, early, type Lab, lab, make, seeker, settle } from "./harness.ts";

describe("job-queue", () => {
  let world: Lab;
  let inputs: JobQueueInputs;

  beforeEach(async () => {
    world = lab();
    const { found } = await make(world, computeEnvironment, { inputs: await computeInputs(world) });
    inputs = { computeEnvironmentArns: [found.output.arn], priority: 10, maxRunnableSeconds: 3600 };
  });

  const live = async () =>
    (await world.cloud.batch.send(new DescribeJobQueuesCommand({ jobQueues: ["lab"] }))).jobQueues![0]!;

  async function changedByHand(change: Omit<UpdateJobQueueRequest, "jobQueue">) {
    await world.cloud.batch.send(new UpdateJobQueueCommand({ jobQueue: "lab", ...change }));
    await world.clock.sleep(5 * 60_000);
  }

  it("makes one with its tags in a single call, and a limit for every reason a job can be stuck for good", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, jobQueue, { inputs });
    expect(world.writesSince(before)).toEqual(["CreateJobQueue"]);
    expect(found).toMatchObject({ ref, node: "job-queue", owned: true, state: "ready", drift: [] });
    expect(found).toMatchObject({ fingerprint: context.fingerprint, token: context.token.slice(-8) });
    expect(found.output).toEqual({ arn: ref, jobQueueName: "lab" });
    const limits = (await live()).jobStateTimeLimitActions!;
    expect(limits).toHaveLength(3);
    for (const limit of limits)
      expect(limit).toMatchObject({ state: "RUNNABLE", action: "CANCEL", maxTimeSeconds: 3600 });
  });

  it("is pending while AWS makes it and says so in AWS's word", async () => {
    const context = contextOf(world, jobQueue, { inputs });
    await jobQueue.create(context);
    expect((await jobQueue.find(context))[0]).toMatchObject({ state: "pending", detail: "CREATING" });
  });

  it("finds it without inputs and for the whole kind, with one call", async () => {
    const { context, ref } = await make(world, jobQueue, { inputs });
    for (const node of ["job-queue", undefined]) {
      const before = world.calls.length;
      const found = await jobQueue.find(seeker(context, node));
      expect(found).toMatchObject([{ ref, node: "job-queue", owned: true }]);
      expect(found[0]!.drift).toBeUndefined();
      expect(world.calls.slice(before)).toHaveLength(1);
    }
    expect(await jobQueue.find({ ...seeker(context), name: "lab2" })).toEqual([]);
  });

  it("mends what was changed behind its back with one call that says only that", async () => {
    const { context, ref } = await make(world, jobQueue, { inputs });
    await changedByHand({ state: "DISABLED", jobStateTimeLimitActions: [] });
    expect((await jobQueue.find(context))[0]!.drift!.map(({ field }) => field)).toEqual([
      "state",
      "jobStateTimeLimitActions",
    ]);
    const before = world.calls.length;
    await settle(world, jobQueue, context);
    expect(world.writesSince(before)).toEqual(["UpdateJobQueue"]);
    const { input } = world.calls.filter(({ operation }) => operation === "UpdateJobQueue").at(-1)!;
    expect(Object.keys(input as object).sort()).toEqual(["jobQueue", "jobStateTimeLimitActions", "state"]);
    expect(input).toMatchObject({ jobQueue: ref, state: "ENABLED" });
  });

  it("changes in place and marks it as made anew only then; its scheduling policy it cannot change", async () => {
    await make(world, jobQueue, { inputs });
    const context = contextOf(world, jobQueue, { inputs: { ...inputs, priority: 20, maxRunnableSeconds: 7200 } });
    const before = world.calls.length;
    await settle(world, jobQueue, context);
    expect(world.writesSince(before)).toEqual(["UpdateJobQueue", "TagResource"]);
    expect((await live()).priority).toBe(20);
    expect(jobQueue.fixed!({ ...inputs, schedulingPolicyArn: "arn:x" })).not.toEqual(jobQueue.fixed!(inputs));
    expect(jobQueue.fixed!({ ...inputs, priority: 1 })).toEqual(jobQueue.fixed!(inputs));
  });

  it("minds the order of its compute environments, not the order of a list", async () => {
    const { context } = await make(world, jobQueue, { inputs });
    const more = { ...inputs, computeEnvironmentArns: ["arn:first", ...inputs.computeEnvironmentArns] };
    const [found] = await jobQueue.find({ ...context, inputs: more });
    expect(found!.drift).toMatchObject([{ field: "computeEnvironmentOrder" }]);
  });

  it("does not own one of the same name without our tags", async () => {
    const computeEnvironmentOrder = [{ order: 1, computeEnvironment: inputs.computeEnvironmentArns[0] }];
    await world.cloud.batch.send(
      new CreateJobQueueCommand({ jobQueueName: "lab", priority: 1, computeEnvironmentOrder }),
    );
    expect(await jobQueue.find(contextOf(world, jobQueue, { inputs }))).toMatchObject([{ owned: false }]);
  });

  describe("with more jobs than one nudge can end", () => {
    /** Jobs that only these calls know of; one ends three looks after it was told to. */
    async function crowd(size: number, refuses: (jobId: string) => boolean = () => false) {
      const { context, ref, found } = await make(world, jobQueue, { inputs });
      await world.cloud.batch.send(new UpdateJobQueueCommand({ jobQueue: ref, state: "DISABLED" }));
      await world.clock.sleep(5 * 60_000);
      const waiting = new Map(Array.from({ length: size }, (_, at) => [`job-${at}`, Number.POSITIVE_INFINITY]));
      const calls = { ListJobs: 0, TerminateJob: 0, DeleteJobQueue: 0 };
      const statuses = new Set<string>();
      world.cloud.batch.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            const operation = commandName?.replace(/Command$/, "") as keyof typeof calls;
            if (operation in calls) calls[operation]++;
            const { jobId, jobStatus, nextToken = "0" } = args.input as Record<string, string>;
            if (operation === "TerminateJob") {
              if (refuses(jobId!)) throw Object.assign(new Error("slow down"), { name: "TooManyRequestsException" });
              waiting.set(jobId!, 3);
              return { output: {} as never, response: undefined };
            }
            if (operation !== "ListJobs") return next(args);
            statuses.add(jobStatus!);
            const ids = jobStatus === "RUNNABLE" ? [...waiting.keys()] : [];
            const at = Number(nextToken);
            const jobSummaryList = ids.slice(at, at + 100).map((id) => ({ jobId: id }));
            const more = at + 100 < ids.length ? { nextToken: String(at + 100) } : {};
            return { output: { jobSummaryList, ...more } as never, response: undefined };
          },
        { step: "initialize" },
      );
      const nudge = async (signal?: AbortSignal) => {
        await jobQueue.destroy!({ ...seeker(context), ...(signal && { signal }) }, found);
        for (const [id, looks] of waiting) if (looks <= 1) waiting.delete(id);
        for (const [id, looks] of waiting) waiting.set(id, looks - 1);
      };
      return { nudge, calls, waiting, statuses };
    }

    it("tells each of 10,000 once, some at a time, and deletes the queue when all have ended", async () => {
      const { nudge, calls, waiting, statuses } = await crowd(10_000);
      while (calls.DeleteJobQueue === 0) {
        const before = calls.TerminateJob;
        await nudge();
        expect(calls.TerminateJob - before).toBeLessThanOrEqual(200);
      }
      expect([calls.TerminateJob, waiting.size]).toEqual([10_000, 0]);
      expect(calls.ListJobs).toBeLessThan(600);
      expect([...statuses].sort()).toEqual(["PENDING", "RUNNABLE", "RUNNING", "STARTING", "SUBMITTED"]);
    });

    it("goes on past those that AWS has no time for, and tells them later", async () => {
      let refusals = 0;
      const { nudge, calls, waiting } = await crowd(300, (id) => id === "job-7" && ++refusals < 3);
      while (calls.DeleteJobQueue === 0) await nudge();
      expect([waiting.size, calls.TerminateJob]).toEqual([0, 302]);
    });

    it("says AWS's words when it can tell nobody", async () => {
      const { nudge } = await crowd(3, () => true);
      await expect(nudge()).rejects.toThrow("slow down");
    });

    it("tells again one that has not ended for long", async () => {
      const { nudge, calls, waiting } = await crowd(1);
      for (let nudges = 0; nudges < 61; nudges++) {
        await nudge();
        waiting.set("job-0", Number.POSITIVE_INFINITY);
      }
      expect([calls.TerminateJob, calls.DeleteJobQueue]).toEqual([2, 0]);
    });

    it("begins no further call when the run is stopped", async () => {
      const { nudge, calls } = await crowd(1_000);
      await nudge(AbortSignal.abort());
      expect(calls.TerminateJob).toBe(0);
    });
  });

  it("disables it, terminates its jobs, deletes it, and does not mind that it is gone", async () => {
    const { context, ref, found } = await make(world, jobQueue, { inputs });
    const jobDefinition = await sleepDefinition(world, 36);
    const submit = (jobName: string) =>
      world.cloud.batch.send(new SubmitJobCommand({ jobName, jobQueue: ref, jobDefinition }));
    const running = await submit("running");
    await world.clock.sleep(10 * 60_000);
    const waiting = await submit("waiting");
    const jobs = async () => {
      const asked = new DescribeJobsCommand({ jobs: [running.jobId!, waiting.jobId!] });
      const answer = await world.cloud.batch.send(asked);
      return [running, waiting].map(({ jobId }) => answer.jobs!.find((job) => job.jobId === jobId)!);
    };
    expect((await jobs()).map(({ status }) => status)).toEqual(["RUNNING", "SUBMITTED"]);

    const before = world.calls.length;
    await destroyAll(world, jobQueue, seeker(context));
    const writes = world.writesSince(before);
    expect([...new Set(writes)]).toEqual(["UpdateJobQueue", "TerminateJob", "DeleteJobQueue"]);
    const ended = await jobs();
    expect(ended.map(({ status }) => status)).toEqual(["FAILED", "FAILED"]);
    for (const { statusReason } of ended) expect(statusReason).toMatch(/environment lab is being taken down/);
    // It is still shown, and yet it is gone.
    expect((await live()).status).toBe("DELETED");
    await early(world, () => jobQueue.destroy!(seeker(context), found));
  });
});
