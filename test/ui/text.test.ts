import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { RefusedError } from "../../src/engine/errors.ts";
import { formatError } from "../../src/ui/error.ts";
import { renderPlan } from "../../src/ui/plan.ts";
import { renderSummary } from "../../src/ui/summary.ts";
import { duration, planInWords } from "../../src/ui/words.ts";
import { NO_CAPACITY, PLAN } from "./recorded.ts";

const plain = { color: false, version: "1.2.3, Node 20.19.0", reportTo: "https://example.com/bugs" };

describe("a plan", () => {
  test("is a table with a line of counts", () => {
    expect(renderPlan(PLAN, { color: false })).toBe(
      [
        "NODE             VERDICT    REF               STATE  REASON",
        "log-group        keep       /bootstrap/demux  ready  as it should be",
        "filesystem       create     -                 -      not there",
        "builder          temporary  -                 -      only while ami is being made",
        "ami              create     -                 -      not there",
        "launch-template  follows    -                 -      follows filesystem",
        "",
        "2 to create, 1 to follow, 1 kept",
        "",
      ].join("\n"),
    );
  });

  test("has a line for each drift that the reason does not name", () => {
    const drift = [
      { field: "retention", want: "90", have: "30" },
      { field: "image", want: "ami-2", have: "ami-1", disruptive: true },
    ] as const;
    const [, row, ...more] = renderPlan([{ ...PLAN[0]!, verdict: "update", reason: "retention: 30 -> 90", drift }], {
      color: false,
    }).split("\n");
    expect(row).toMatch(/update .* retention: 30 -> 90$/);
    expect(more).toEqual(["    image: ami-1 -> ami-2 (up --repair mends it)", "", "1 to update", ""]);
  });

  test("stays aligned in colour", () => {
    const [head, first] = stripVTControlCharacters(renderPlan(PLAN, { color: true })).split("\n");
    expect(first?.indexOf("keep")).toBe(head?.indexOf("VERDICT"));
    expect(renderPlan(PLAN, { color: true })).toContain("\u001b[32mcreate\u001b[39m");
  });

  test("without changes is nothing to do", () => {
    expect(planInWords(PLAN.filter(({ verdict }) => verdict === "keep" || verdict === "temporary"))).toBe(
      "nothing to do",
    );
  });
});

describe("an error", () => {
  test("is its message and what to type next", () => {
    expect(formatError(NO_CAPACITY, plain)).toBe(
      "error: creating filesystem: no capacity\nhint: bootstrap up --region us-east-2\n",
    );
  });

  test("tells its causes and AWS's request id when asked to be verbose", () => {
    expect(formatError(NO_CAPACITY, { ...plain, verbose: true })).toContain(
      "because: ServiceLimitExceeded: no capacity (request r-1)\n",
    );
  });

  test("among several is shown with all the others, each once", () => {
    const locked = new RefusedError("another run holds the lock", "wait for it");
    const text = formatError(new AggregateError([NO_CAPACITY, [locked, NO_CAPACITY]]), plain);
    expect(text.match(/^error: /gm)).toHaveLength(2);
    expect(text).toContain("error: another run holds the lock\nhint: wait for it\n");
  });

  test("nobody foresaw comes with its stack, the version and where to report it", () => {
    const text = formatError(new TypeError("x is undefined"), plain);
    expect(text).toMatch(/^bug: TypeError: x is undefined\n +at /);
    expect(text).toMatch(/^bootstrap 1\.2\.3, Node 20\.19\.0$/m);
    expect(text).toContain("https://example.com/bugs");
  });

  test.each([["a string"], [undefined], [null], [42], [[]], [new AggregateError([])]])(
    "may be anything: %j",
    (thrown) => {
      expect(formatError(thrown, plain)).toMatch(/^bug: /);
    },
  );

  test("of Node's own, with a code but no hint, is not taken for one of ours", () => {
    expect(formatError(Object.assign(new Error("no"), { code: "EACCES" }), plain)).toMatch(/^bug: /);
  });
});

test("a summary tells what exists, what to type next, and what was left alone", () => {
  const text = renderSummary(
    {
      headline: "demux is up in us-east-1",
      facts: [
        ["file system", "fs-1"],
        ["job queue", "demux"],
      ],
      next: [["to submit a job", "aws batch submit-job --job-queue demux"]],
      left: ["ami ami-0: in use"],
    },
    { color: false },
  );
  expect(text).toBe(
    [
      "demux is up in us-east-1",
      "",
      "  file system  fs-1",
      "  job queue    demux",
      "",
      "to submit a job:",
      "  aws batch submit-job --job-queue demux",
      "",
      "left alone:",
      "  ami ami-0: in use",
      "",
    ].join("\n"),
  );
});

test.each([
  [0, "0.0s"],
  [-5, "0.0s"],
  [449, "0.4s"],
  [59_999, "59.9s"],
  [60_000, "1m 00s"],
  [245_000, "4m 05s"],
  [3_599_999, "59m 59s"],
  [3_720_000, "1h 02m"],
])("%i ms is %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});
