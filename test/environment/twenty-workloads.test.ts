import { describe, expect, it } from "vitest";
import { lab } from "../steps/harness.ts";
import { manyWorkloads } from "./many-workloads.ts";
import { Site } from "./site.ts";

/** About what AWS takes to answer a request. */
const ANSWER_MS = 80;

/** So many times longer than asked sleep those who wait in the lab. */
const OVERSLEEP = 10;

const { folder: workloadsFolder, names } = manyWorkloads(20);

/** A plan of what stands: its requests, and how long it takes where nothing but AWS's answers takes time. */
async function planned(yaml: string) {
  let answerMs = 0;
  const within = lab("us-east-1", {
    oversleep: OVERSLEEP,
    front: (sandbox) => ({
      async request(request, signal) {
        if (answerMs > 0) await within.clock.sleep(answerMs / OVERSLEEP);
        return sandbox.request(request, signal);
      },
    }),
  });
  const site = new Site("us-east-1", within);
  expect((await site.up(yaml, { workloadsFolder })).summary?.failures).toEqual([]);
  answerMs = ANSWER_MS;
  const startedAt = within.clock.elapsed();
  const { plan, calls } = await site.up(yaml, { workloadsFolder, dryRun: true });
  expect(plan.idle).toBe(true);
  return { calls: calls.map(({ operation }) => operation), ms: within.clock.elapsed() - startedAt };
}

describe("a plan of what stands", { timeout: 120_000 }, () => {
  it("of one workload takes 36 calls", async () => {
    expect((await planned("{ name: lab, workloads: [split1] }")).calls).toHaveLength(36);
  });

  it("of twenty takes as few as of one, and no longer, where their images are ready", async () => {
    const plan = (workloads: readonly string[]) =>
      planned(`{ name: lab, container: { image: registry.example.com/split:1 }, workloads: [${workloads}] }`);
    const [one, twenty] = [await plan(names.slice(0, 1)), await plan(names)];
    expect(twenty.calls.length).toBeLessThanOrEqual(one.calls.length);
    expect(twenty.ms).toBe(one.ms);
  });

  it("of twenty whose images are built on instances takes four calls more for each, and not much longer", async () => {
    const [one, twenty] = [
      await planned(`{ name: lab, workloads: [split1] }`),
      await planned(`{ name: lab, workloads: [${names}] }`),
    ];
    const single = ["DescribeImages", "GetInstanceProfile", "GetLifecyclePolicy", "ListTagsForResource"];
    const others = twenty.calls.filter((operation) => !single.includes(operation));
    expect(others.length).toBeLessThanOrEqual(one.calls.length);
    expect(twenty.calls.length - others.length).toBe(1 + 2 + 1 + 4 * names.length);
    expect(twenty.ms / one.ms).toBeLessThanOrEqual(1.3);
  });
});
