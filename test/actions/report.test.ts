import { afterEach, describe, expect, it, vi } from "vitest";
import { report } from "../../src/actions/report.ts";
import type { Session } from "../../src/actions/session.ts";
import { StepError } from "../../src/engine/errors.ts";
import { Graph } from "../../src/engine/graph.ts";
import { lab } from "../steps/harness.ts";

describe("the end of up", () => {
  afterEach(() => vi.restoreAllMocks());

  it("tells what failed also when the look at what nodes said fails too", async () => {
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const world = lab();
    world.faults.push({ operation: "FilterLogEvents", error: { code: "InvalidParameterException", message: "no" } });
    const session = {
      ...{ flags: {}, cloud: world.cloud, clock: world.clock, view: { close: async () => {}, onEvent: () => {} } },
      ...{ config: { name: "lab", region: "us-east-1" }, identity: { account: "123456789012" } },
    };
    const failure = new StepError("creating filesystem (filesystem): no servers left", { node: "filesystem" });
    const summary = { outcomes: new Map(), outputs: new Map(), failures: [failure], left: [] };
    await expect(report(session as unknown as Session, new Graph(), summary)).rejects.toBe(failure);
    expect(world.calls.map(({ operation }) => operation)).toContain("FilterLogEvents");
  });
});
