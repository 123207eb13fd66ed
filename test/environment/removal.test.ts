import { readFileSync } from "node:fs";
import { DescribeJobsCommand, SubmitJobCommand } from "@aws-sdk/client-batch";
import { describe, expect, it } from "vitest";
import { callerPolicy } from "../../sandbox/caller/authorize.ts";
import { up } from "../../src/actions/up.ts";
import { Site } from "./site.ts";

const TWO = readFileSync(new URL("../../examples/two-workloads.yaml", import.meta.url), "utf8");
const ONE = "{ name: lab, workload: bcl2fastq, job: { buckets: { read: [my-sequencing-runs] } } }";

const QUEUES = { bcl2fastq: "lab", bclconvert: "lab_bclconvert" } as const;

/** Two workloads on other machines with other disks, and a job that runs for hours in the queue of each of these. */
async function atWork(...workloads: readonly (keyof typeof QUEUES)[]) {
  const site = new Site();
  await site.up(TWO);
  const { batch } = site.lab.cloud;
  const ids: string[] = [];
  for (const workload of workloads) {
    const target = { jobName: "run", jobQueue: QUEUES[workload], jobDefinition: `lab-${workload}` };
    const { jobId } = await batch.send(
      new SubmitJobCommand({ ...target, containerOverrides: { command: ["sleep", "7000"] } }),
    );
    ids.push(jobId!);
  }
  site.lab.clock.advance(10 * 60_000);
  const jobs = async () => {
    const { jobs } = await batch.send(new DescribeJobsCommand({ jobs: ids }));
    const by = new Map(jobs!.map((job) => [job.jobId, job]));
    return ids.map((id) => by.get(id)!);
  };
  expect((await jobs()).map(({ status }) => status)).toEqual(ids.map(() => "RUNNING"));
  return { site, jobs };
}

/** What was asked to be changed, as one text for each call. */
const changes = ({ lab }: Site, since: number) =>
  lab.calls.slice(since).flatMap(({ kind, operation, input }) => {
    return kind === "write" ? [`${operation} ${JSON.stringify(input)}`] : [];
  });

describe("a workload that is taken out", () => {
  it("leaves the other's running job, its queue and its machines alone", async () => {
    const { site, jobs } = await atWork("bcl2fastq");
    const before = await jobs();
    const since = site.lab.calls.length;
    const { asked, error, notes } = await site.run(up, { yaml: ONE, answers: [true] });
    expect(error).toBeUndefined();
    const losses = asked.join("\n").match(/^ {2}.*/gm);
    expect(losses).toHaveLength(8);
    for (const loss of losses!) expect(loss).toMatch(/^ {2}remove .*: nothing in the config speaks of it$/);
    const changed = changes(site, since);
    expect(changed).toHaveLength(13);
    const templates = losses!.flatMap((loss) => /lt-\w+/.exec(loss) ?? []);
    expect(templates).toHaveLength(1);
    for (const change of changed) expect(change).toMatch(new RegExp(`bclconvert|DeleteLaunchTemplate .*${templates}`));
    expect(notes.filter((note) => note.includes("will be ended"))).toEqual([]);
    expect(await jobs()).toEqual(before);
    expect((await site.up(ONE)).plan.idle).toBe(true);
  });

  it("has its own jobs ended, which is said before it is asked, also by a dry run", async () => {
    const { site, jobs } = await atWork("bcl2fastq", "bclconvert");
    const words = "1 job in queue lab_bclconvert will be ended with it";
    const looked = await site.run(up, { yaml: ONE, dryRun: true });
    expect(looked.notes).toEqual([words]);
    const since = site.lab.calls.length;
    const refused = await site.run(up, { yaml: ONE, answers: [false] });
    expect(refused).toMatchObject({ notes: [words], exitCode: 130 });
    const alone = await site.run(up, { yaml: ONE });
    expect(alone.error).toMatchObject({ message: expect.stringContaining("there is no terminal to ask at") });
    expect(changes(site, since)).toEqual([]);
    const { error, notes } = await site.run(up, { yaml: ONE, answers: [true] });
    expect(error).toBeUndefined();
    expect(notes[0]).toBe(words);
    const [other, own] = await jobs();
    expect(other?.status).toBe("RUNNING");
    expect(own).toMatchObject({ status: "FAILED", statusReason: "the queue lab_bclconvert is being taken down" });
  });

  it("is taken out by somebody who may not count its jobs, and that is said", async () => {
    const { site } = await atWork();
    const Statement = [
      { Effect: "Allow", Action: "*", Resource: "*" },
      { Effect: "Deny", Action: "batch:ListJobs", Resource: "*" },
    ];
    site.lab.may(callerPolicy(JSON.stringify({ Version: "2012-10-17", Statement })));
    const { notes, result } = await site.run(up, { yaml: ONE, dryRun: true });
    expect(result?.type).toBe("plan");
    expect(notes.join()).toMatch(/^the jobs in queue lab_bclconvert end with it; they cannot be counted: .*ListJobs/);
  });
});
