import { CreateLogGroupCommand, CreateLogStreamCommand, PutLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { describe, expect, it } from "vitest";
import { tellRefusedNodes } from "../../src/actions/refused-nodes.ts";
import { printed } from "../../src/cli/print.ts";
import { type Lab, lab } from "../steps/harness.ts";

const MINUTE_MS = 60_000;

/** What is said about an environment whose nodes said so much, each so many minutes ago. */
async function said(world: Lab, words: readonly (readonly [node: string, minutesAgo: number, words: string])[]) {
  const logGroupName = "/bootstrap/lab";
  await world.cloud.logs.send(new CreateLogGroupCommand({ logGroupName }));
  for (const [node, minutesAgo, message] of words) {
    const stream = { logGroupName, logStreamName: `node/${node}` };
    await world.cloud.logs.send(new CreateLogStreamCommand(stream));
    const timestamp = world.clock.now() - minutesAgo * MINUTE_MS;
    await world.cloud.logs.send(new PutLogEventsCommand({ ...stream, logEvents: [{ timestamp, message }] }));
  }
  let said = "";
  const session = { cloud: world.cloud, config: { name: "lab" }, clock: world.clock };
  await tellRefusedNodes(session, {
    event: () => {},
    result(result) {
      said += printed(result, { json: false, color: false });
    },
  });
  return said;
}

describe("nodes that were not fit for jobs", () => {
  it("are not spoken of where there are none, nor a day later", async () => {
    expect(await said(lab(), [])).toBe("");
    expect(await said(lab(), [["i-1", 25 * 60, "no disk"]])).toBe("");
  });

  it("are named with what they said and when, the latest first, and the same words once", async () => {
    const world = lab("us-east-1", { startMs: Date.UTC(2026, 10, 21, 12) });
    const text = await said(world, [
      ["i-1", 90, "no disk"],
      ["i-2", 60, "cannot mount fs-1 at /fsx: no answer"],
      ["i-3", 30, "no disk\u001b[2J"],
      ["i-4", 20, "no disk"],
    ]);
    const lines = text.trim().split("\n");
    expect(lines[0]).toBe("4 nodes of the last 24 hours were not fit for jobs and ended; they said:");
    expect(lines[1]).toMatch(/^ {2}i-4 at 2026-11-21 11:4\d UTC: no disk$/);
    expect(text).toContain("i-2 at 2026-11-21 11:0");
    expect(text).not.toContain("i-1 ");
    expect(text).not.toContain("\u001b");
  });
});
