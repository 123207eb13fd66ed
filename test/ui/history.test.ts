import { describe, expect, it } from "vitest";
import { inJson, written } from "../../src/log/lines.ts";
import { type Line, lineSchema } from "../../src/log/schema.ts";
import { renderGantt, renderHistory, renderRun } from "../../src/ui/history.ts";
import { EPOCH, RUN } from "./recorded.ts";

const plain = { color: false };
const lines: readonly Line[] = [
  {
    ...{ type: "began" as const, at: EPOCH, verb: "up", name: "demux", region: "us-east-1", account: "123456789012" },
    ...{ caller: "arn:aws:iam::123456789012:user/ada", sandbox: false, program: "0.1.0", locked: true },
  },
  ...RUN.map(inJson),
  { type: "error" as const, error: { code: "step", message: "creating filesystem: no capacity", hint: "wait" } },
  { type: "ended" as const, at: EPOCH + 408_000, ms: 408_000, exitCode: 1 },
].map((line) => lineSchema.parse(JSON.parse(written(line))));

describe("the list of runs", () => {
  it("says when each began, how long it took and how it ended, the newest being 1", () => {
    const environment = "demux.us-east-1";
    const well = [lines[0]!, { v: 1, type: "ended", at: EPOCH, ms: 900, exitCode: 0 } as const];
    expect(
      renderHistory(
        [
          { environment, lines },
          { environment, lines: well },
          { environment, lines: [lines[0]!] },
        ],
        plain,
      ),
    ).toMatchInlineSnapshot(`
        "RUN  BEGAN (UTC)          VERB  ENVIRONMENT      TOOK    EXIT  RESULT
        1    2026-01-01 00:00:00  up    demux.us-east-1  6m 48s  1     creating filesystem: no capacity
        2    2026-01-01 00:00:00  up    demux.us-east-1  0.9s    0     nothing to do
        3    2026-01-01 00:00:00  up    demux.us-east-1  -       -     no end is on record: it goes on, or it was killed
        "
      `);
  });
});

describe("a run told again", () => {
  it("has the lines that it had, and its end", () => {
    const text = renderRun(lines, plain).split("\n");
    expect(text[0]).toBe("[   0.0s] demux in us-east-1, account 123456789012, as arn:aws:iam::123456789012:user/ada");
    expect(text).toContain("[  30.0s] builder          | Installing");
    expect(text).toContain("[ 361.0s] filesystem       failed after 6m 00s: creating filesystem: no capacity");
    expect(text.slice(-4, -1)).toEqual([
      "error: creating filesystem: no capacity",
      "hint: wait",
      "ended after 6m 48s with exit code 1: creating filesystem: no capacity",
    ]);
  });

  it("shows when each part was at work", () => {
    const [filesystem = "", builder = "", ami = ""] = renderGantt(lines, plain).split("\n");
    expect(filesystem).toMatch(/^ {3}filesystem {2}#{35,36}\.{4,5} {2}6m 00s {2}failed$/);
    expect(builder).toMatch(/^ {3}builder {5}#{6}\.{34} {2}1m 01s$/);
    expect(ami).toMatch(/^\* {2}ami {9}\.{6}#{34} {2}5m 35s$/);
  });

  it("says so where nothing was at work", () => {
    expect(renderGantt([lines[0]!], plain)).toContain("nothing was at work in this run");
  });
});
