import { describe, expect, test } from "vitest";
import type { Event } from "../../src/engine/events.ts";
import { openView } from "../../src/ui/open-view.ts";
import type { ViewKind } from "../../src/ui/view.ts";
import { EPOCH, fakeStream, PLAN, RUN } from "./recorded.ts";

/** What a view leaves on the screen. */
async function shown(
  kind: ViewKind,
  events: readonly Event[],
  { verbose = false, color = false, seconds = 500 }: { verbose?: boolean; color?: boolean; seconds?: number } = {},
) {
  const out = fakeStream(kind === "listr");
  const now = () => EPOCH + seconds * 1000;
  const view = openView(kind, { stdout: out.stream, stderr: fakeStream().stream, color, verbose, now });
  for (const event of events) view.onEvent(event);
  await view.close();
  return out;
}

/** The last picture listr2 draws: what stays when the run is over. */
function lastPicture(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trimEnd());
  const first = lines.findLastIndex((line) => line.includes("log-group") || line.includes("only-row"));
  return lines.slice(first).filter((line) => line !== "");
}

describe("lines, for pipes and CI", () => {
  test("say what happens, timed by the engine's clock", async () => {
    expect((await shown("lines", RUN)).lines()).toEqual([
      "[   0.0s] account 123456789012, default VPC vpc-1",
      "[   1.0s] 2 to create, 1 to follow, 1 kept",
      "[   1.0s] filesystem       creating …",
      "[   3.0s] filesystem       creating … CREATING",
      "[   4.0s] builder          creating …",
      "[   5.0s] builder          creating … pending",
      "[  30.0s] builder          | Installing",
      "[  30.0s] builder          | done",
      "[  65.0s] builder          created i-1 in 1m 01s",
      "[  65.0s] ami              creating …",
      "[ 361.0s] filesystem       failed after 6m 00s: creating filesystem: no capacity",
      "[ 361.0s] launch-template  blocked by filesystem",
      "[ 400.0s] ami              created ami-1 in 5m 35s",
      "[ 400.0s] builder          removing …",
      "[ 408.0s] builder          removed i-1 in 8.0s",
    ]);
  });

  test("tell what is kept only when asked to be verbose", async () => {
    expect((await shown("lines", RUN)).text()).not.toContain("/bootstrap/demux");
    expect((await shown("lines", RUN, { verbose: true })).lines()).toContain(
      "[   1.0s] log-group        kept /bootstrap/demux",
    );
  });

  test("have colour only when asked", async () => {
    const plain = await shown("lines", RUN);
    expect(plain.raw()).toBe(plain.text());
    expect((await shown("lines", RUN, { color: true })).raw()).toContain("\u001b[31mfailed");
  });

  test("say nothing of a plan that leaves everything as it is", async () => {
    const keeps = PLAN.filter(({ verdict }) => verdict === "keep" || verdict === "temporary");
    expect((await shown("lines", [{ type: "planned", at: EPOCH, nodes: keeps }])).lines()).toEqual([]);
  });

  test("stop when the view is closed", async () => {
    const out = fakeStream();
    const view = openView("lines", { stdout: out.stream, color: false, verbose: false, now: () => EPOCH });
    await view.close();
    view.onEvent({ type: "note", at: EPOCH, text: "too late" });
    expect(out.raw()).toBe("");
  });
});

describe("json, for programs", () => {
  test("is one event a line, as the engine said it", async () => {
    const events = (await shown("json", RUN)).lines().map((line) => JSON.parse(line) as unknown);
    expect(events).toHaveLength(RUN.length);
    expect(events[3]).toEqual({ v: 1, ...RUN[3] });
  });

  test("tells an error by code, message and hint, without the stack", async () => {
    const line = (await shown("json", RUN)).lines().find((text) => text.includes('"failed"'))!;
    expect(JSON.parse(line)).toEqual({
      v: 1,
      type: "failed",
      at: EPOCH + 361_000,
      node: "filesystem",
      ms: 360_000,
      error: {
        code: "step",
        message: "creating filesystem: no capacity",
        hint: "bootstrap up --region us-east-2",
        aws: { code: "ServiceLimitExceeded", requestId: "r-1" },
      },
    });
  });
});

describe("listr, for terminals", () => {
  test("leaves a row for each node, in the plan's order, and one more for what begins again", async () => {
    expect(lastPicture((await shown("listr", RUN)).text())).toEqual([
      "✔ log-group        kept /bootstrap/demux",
      "✖ filesystem       failed after 6m 00s: creating filesystem: no capacity",
      "✔ builder          created i-1 in 1m 01s",
      "✔ ami              created ami-1 in 5m 35s",
      "- launch-template  blocked by filesystem",
      "✔ builder          removed i-1 in 8.0s",
    ]);
  });

  test("shows facts that are known before the plan", async () => {
    expect((await shown("listr", RUN)).lines()[0]).toBe("account 123456789012, default VPC vpc-1");
  });

  test("draws what goes on: what it is doing, AWS's word, the clock, and the last note under it", async () => {
    const out = fakeStream(true);
    const now = () => EPOCH + 31_000;
    const view = openView("listr", {
      stdout: out.stream,
      stderr: fakeStream().stream,
      color: false,
      verbose: false,
      now,
    });
    for (const event of RUN.filter(({ at }) => at <= EPOCH + 30_000)) view.onEvent(event);
    await expect.poll(() => out.text()).toMatch(/filesystem +creating … CREATING 30\.0s/);
    await expect.poll(() => out.text()).toMatch(/builder +creating … pending 27\.0s\n +\| done/);
    expect(out.text()).toMatch(/◼ launch-template +waiting/);
    await view.close();
  });

  test("closes at once, whatever is left open", async () => {
    const cut = RUN.filter(({ at }) => at <= EPOCH + 65_000);
    expect(lastPicture((await shown("listr", cut, { seconds: 70 })).text())).toEqual([
      "✔ log-group        kept /bootstrap/demux",
      "- filesystem       left at: creating … CREATING 1m 09s",
      "✔ builder          created i-1 in 1m 01s",
      "- ami              left at: creating … 5.0s",
      "- launch-template  not reached",
    ]);
  });

  test("says what goes on without us after an interruption, and what was not needed", async () => {
    const events: readonly Event[] = [
      ...RUN.slice(0, 5),
      { type: "finished", at: EPOCH + 5_000, node: "builder", outcome: "unneeded", ms: 0 },
      { type: "interrupted", at: EPOCH + 6_000, node: "filesystem", detail: "fs-1 CREATING goes on without us" },
    ];
    const picture = lastPicture((await shown("listr", events)).text());
    expect(picture).toContain("- filesystem       interrupted: fs-1 CREATING goes on without us");
    expect(picture).toContain("- builder          unneeded");
  });

  test("gives a row to a node no plan spoke of, as in a teardown", async () => {
    const events: readonly Event[] = [
      { type: "started", at: EPOCH, node: "only-row sg-1", doing: "removing" },
      { type: "note", at: EPOCH, text: "one general word" },
      { type: "finished", at: EPOCH + 2_000, node: "only-row sg-1", outcome: "removed", ms: 2_000, ref: "sg-1" },
    ];
    const [row, note] = lastPicture((await shown("listr", events)).text());
    expect(row).toMatch(/^✔ only-row sg-1 +removed sg-1 in 2\.0s$/);
    expect(note).toMatch(/one general word$/);
  });

  test("keeps a failure's last notes under its row", async () => {
    const failing = RUN.map((event) =>
      event.type === "note" && event.node ? { ...event, node: "filesystem" } : event,
    );
    const picture = lastPicture((await shown("listr", failing)).text());
    const row = picture.findIndex((line) => line.startsWith("✖"));
    expect(picture.slice(row + 1, row + 3)).toEqual(["  | Installing", "  | done"]);
  });

  test("holds back what others write, so that it does not tear the rows", async () => {
    const out = fakeStream(true);
    const view = openView("listr", {
      stdout: out.stream,
      stderr: fakeStream().stream,
      color: false,
      verbose: false,
      now: () => EPOCH,
    });
    for (const event of RUN.slice(0, 5)) view.onEvent(event);
    await expect.poll(() => out.text()).toContain("filesystem");
    out.stream.write("a warning from elsewhere\n");
    expect(out.text()).not.toContain("a warning from elsewhere");
    await view.close();
    expect(out.text()).toContain("a warning from elsewhere");
  });

  test("draws nothing where nothing is to be done", async () => {
    const keeps = PLAN.filter(({ verdict }) => verdict === "keep" || verdict === "temporary");
    const events: readonly Event[] = [{ type: "planned", at: EPOCH, nodes: keeps }, RUN[2]!];
    expect((await shown("listr", events)).raw()).toBe("");
  });

  test("leaves signals alone and colours only when asked", async () => {
    const before = process.listenerCount("SIGINT");
    const out = fakeStream(true);
    const view = openView("listr", {
      stdout: out.stream,
      stderr: fakeStream().stream,
      color: true,
      verbose: false,
      now: () => EPOCH,
    });
    for (const event of RUN) view.onEvent(event);
    expect(process.listenerCount("SIGINT")).toBe(before);
    await view.close();
    expect(out.raw()).toContain("\u001b[31mfailed after");
    const plain = (await shown("listr", RUN)).raw();
    for (const color of [31, 32, 33]) expect(plain).not.toContain(`\u001b[${color}m`);
  });
});
