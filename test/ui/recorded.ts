import { stripVTControlCharacters } from "node:util";
import { StepError } from "../../src/engine/errors.ts";
import type { Event, PlannedNode } from "../../src/engine/events.ts";

export const EPOCH = Date.UTC(2026, 0, 1);

const node = (id: string, verdict: PlannedNode["verdict"], more: Partial<PlannedNode> = {}): PlannedNode => ({
  node: id,
  kind: id,
  verdict,
  reason: "not there",
  ...more,
});

export const PLAN: readonly PlannedNode[] = [
  node("log-group", "keep", { reason: "as it should be", ref: "/bootstrap/demux", state: "ready" }),
  node("filesystem", "create"),
  node("builder", "temporary", { reason: "only while ami is being made", temporaryOf: "ami" }),
  node("ami", "create"),
  node("launch-template", "follows", { reason: "follows filesystem" }),
];

export const NO_CAPACITY = new StepError("creating filesystem: no capacity", {
  node: "filesystem",
  hint: "bootstrap up --region us-east-2",
  cause: Object.assign(new Error("no capacity"), { name: "ServiceLimitExceeded", $metadata: { requestId: "r-1" } }),
});

const at = (seconds: number) => EPOCH + seconds * 1000;

/** A run in which the file system fails and the image succeeds. */
export const RUN: readonly Event[] = [
  { type: "note", at: at(0), text: "account 123456789012, default VPC vpc-1" },
  { type: "planned", at: at(1), nodes: PLAN },
  { type: "finished", at: at(1), node: "log-group", outcome: "kept", ms: 0, ref: "/bootstrap/demux" },
  { type: "started", at: at(1), node: "filesystem", doing: "creating" },
  { type: "seen", at: at(3.04), node: "filesystem", ref: "fs-1", state: "pending", detail: "CREATING" },
  { type: "started", at: at(4), node: "builder", doing: "creating" },
  { type: "seen", at: at(5), node: "builder", ref: "i-1", state: "pending" },
  { type: "note", at: at(30), node: "builder", text: "\u001b[32mInstalling\u001b[0m\r\nlustre-client\rdone\u0007\n" },
  { type: "finished", at: at(65), node: "builder", outcome: "created", ms: 61_000, ref: "i-1" },
  { type: "started", at: at(65), node: "ami", doing: "creating" },
  { type: "failed", at: at(361), node: "filesystem", ms: 360_000, error: NO_CAPACITY },
  { type: "blocked", at: at(361), node: "launch-template", by: "filesystem" },
  { type: "finished", at: at(400), node: "ami", outcome: "created", ms: 335_000, ref: "ami-1" },
  { type: "started", at: at(400), node: "builder", doing: "removing" },
  { type: "finished", at: at(408), node: "builder", outcome: "removed", ms: 8_000, ref: "i-1" },
];

/** A stream that keeps what is written to it; with `isTTY`, one that says it is a terminal. */
export function fakeStream(isTTY = false) {
  const written: string[] = [];
  const stream = {
    isTTY,
    columns: 120,
    rows: 50,
    write(text: string | Uint8Array) {
      written.push(String(text));
      return true;
    },
  } as unknown as NodeJS.WriteStream;
  return {
    stream,
    raw: () => written.join(""),
    text: () => stripVTControlCharacters(written.join("")),
    lines: () => stripVTControlCharacters(written.join("")).split("\n").slice(0, -1),
  };
}
