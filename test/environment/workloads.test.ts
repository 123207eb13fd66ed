import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { status } from "../../src/actions/status.ts";
import { Site } from "./site.ts";

const TWO = readFileSync(new URL("../../examples/two-workloads.yaml", import.meta.url), "utf8");
const ALIKE =
  "{ name: lab, workloads: { bcl2fastq: , bclconvert: { container: { image: registry.example.com/c:1 } } } }";
const ONE = "{ name: lab, workload: bcl2fastq, job: { buckets: { read: [my-sequencing-runs] } } }";

const verdicts = (ran: Awaited<ReturnType<Site["up"]>>) =>
  Object.fromEntries(ran.plan.nodes.map(({ node, verdict }) => [node, verdict]));

describe("two workloads in one environment", () => {
  it("share what can be shared, have the rest each of its own, and stand", async () => {
    const site = new Site();
    const ran = await site.up(TWO);
    expect(ran.summary?.failures).toEqual([]);
    const own = ran.plan.nodes.map(({ node }) => node).filter((node) => node.endsWith(".bclconvert"));
    expect(own).toEqual([
      "job-role.bclconvert",
      "launch-template.bclconvert",
      "repository.bclconvert",
      "image-builder-role.bclconvert",
      "image-builder-profile.bclconvert",
      "image-builder.bclconvert",
      "image-build.bclconvert",
      "container-image.bclconvert",
      "compute-environment.bclconvert",
      "job-queue.bclconvert",
      "job-definition.bclconvert",
    ]);
    expect(ran.summary?.outputs.get("job-queue")).toMatchObject({ jobQueueName: "lab" });
    expect(ran.summary?.outputs.get("job-queue.bclconvert")).toMatchObject({ jobQueueName: "lab_bclconvert" });
    const again = await site.up(TWO);
    expect(again.plan.idle).toBe(true);
    expect(again.plan.nodes.filter(({ verdict }) => !["keep", "temporary", "use"].includes(verdict))).toEqual([]);

    const rowsOf = async (workload: string) => {
      const { result } = await site.run(status, { yaml: TWO, workload });
      return result?.type === "plan" ? result.plan.nodes.map(({ node }) => node) : [];
    };
    const [first, second] = [await rowsOf("bcl2fastq"), await rowsOf("bclconvert")];
    expect(first.filter((node) => node.includes("."))).toEqual([]);
    expect(second.filter((node) => node.endsWith(".bclconvert"))).toEqual(own);
    const shared = second.filter((node) => !own.includes(node));
    expect(shared).toEqual(expect.arrayContaining(["security-group", "filesystem", "ami", "builder", "log-group"]));
    expect(shared.filter((node) => /^(job-|container-|repository|launch-|compute-)/.test(node))).toEqual([]);
    expect([...first, ...own].sort()).toEqual(again.plan.nodes.map(({ node }) => node).sort());

    const less = await site.up(ONE, { dryRun: true });
    expect(less.plan.removals.map(({ found }) => found.node).sort()).toEqual(
      own.filter((node) => !/^(image-builder\.|image-build\.|container-image)/.test(node)).sort(),
    );
    const gone = await site.up(ONE);
    expect(gone.summary?.failures).toEqual([]);
    expect(gone.writes.filter((operation) => /^(Update|Register|Create|Run|Modify)/.test(operation))).toEqual([
      "UpdateJobQueue",
      "UpdateComputeEnvironment",
    ]);
    expect((await site.up(ONE)).plan.idle).toBe(true);

    await site.up(TWO);
    expect((await site.teardown(TWO)).left).toEqual([]);
  });

  it("run on the same machines where they want the same, and one that comes leaves the other's as they are", async () => {
    const site = new Site();
    await site.up("{ name: lab }");
    const ran = await site.up(ALIKE);
    expect(ran.summary?.failures).toEqual([]);
    expect(
      ran.plan.nodes.filter(({ verdict }) => verdict === "create" || verdict === "follows").map(({ node }) => node),
    ).toEqual(["job-role.bclconvert", "job-queue.bclconvert", "job-definition.bclconvert"]);
    expect(verdicts(ran)).toMatchObject({ "compute-environment": "keep", "launch-template": "keep" });
    const gone = await site.up("{ name: lab }");
    expect(gone.writes).not.toContain("UpdateComputeEnvironment");
    expect(verdicts(gone)).toMatchObject({ "compute-environment": "keep", "job-queue": "keep" });
    expect((await site.up("{ name: lab }")).plan.idle).toBe(true);
  });

  it("have names: another one is refused before AWS is asked, with the one that was probably meant", async () => {
    const site = new Site();
    const { calls, error, exitCode } = await site.run(status, { yaml: TWO, workload: "bclconvrt" });
    expect(error).toMatchObject({
      message: '--workload "bclconvrt": there is none of this name in lab; did you mean bclconvert?',
      hint: "its workloads: bcl2fastq, bclconvert",
    });
    expect({ calls, exitCode }).toEqual({ calls: [], exitCode: 2 });
  });

  it("are what one workload was, in the new form as in the old", async () => {
    const site = new Site();
    await site.up("{ name: lab }");
    expect((await site.up("{ name: lab, workloads: [bcl2fastq] }")).plan.idle).toBe(true);
    expect((await site.up("{ name: lab, workloads: { bcl2fastq: } }")).plan.idle).toBe(true);
  });

  it("stay in place when the manifest is lost", async () => {
    const site = new Site();
    await site.up(TWO);
    site.store = (await import("../engine/toy-cloud.ts")).memoryStore();
    const ran = await site.up(TWO);
    expect(ran.plan.nodes.filter(({ verdict }) => ["create", "replace"].includes(verdict))).toEqual([]);
  });
});
