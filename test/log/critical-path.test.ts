import { expect, it } from "vitest";
import { criticalPath, spansIn } from "../../src/log/critical-path.ts";
import type { Line, PlannedLine } from "../../src/log/schema.ts";

const planned = (node: string, needs: readonly string[]): PlannedLine => ({
  ...{ node, kind: node, verdict: "create", reason: "not there", needs },
});
const started = (at: number, node: string): Line => ({ v: 1, type: "started", at, node, doing: "creating" });
const finished = (at: number, node: string): Line => ({
  ...{ v: 1, type: "finished", at, node, outcome: "created", ms: 0 },
});

const RUN: readonly Line[] = [
  {
    ...{ v: 1, type: "planned", at: 100 },
    nodes: [planned("disk", []), planned("image", []), planned("template", ["disk", "image"]), planned("role", [])],
  },
  started(100, "disk"),
  started(110, "image"),
  started(120, "role"),
  finished(200, "role"),
  finished(300, "disk"),
  finished(600, "image"),
  started(600, "template"),
  finished(650, "template"),
  started(660, "image"),
  finished(900, "image"),
];

it("is what ended last, and before it the need that it waited for", () => {
  expect(criticalPath(spansIn(RUN))).toEqual(["image", "template"]);
});

it("counts the making of a thing alone, not what is tidied away after it", () => {
  expect(spansIn(RUN).find(({ node }) => node === "image")).toMatchObject({ from: 10, to: 500, ended: "finished" });
});

it("shows what had not ended as stopped, at the last that was said", () => {
  const spans = spansIn(RUN.slice(0, 6));
  expect(spans.map(({ node, to, ended }) => [node, to, ended])).toEqual([
    ["disk", 200, "finished"],
    ["image", 200, "stopped"],
    ["role", 100, "finished"],
  ]);
});

it("is empty where nothing was at work", () => {
  expect(criticalPath(spansIn([]))).toEqual([]);
});
