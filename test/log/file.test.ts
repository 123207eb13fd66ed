import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { RunLog } from "../../src/cli/run-log.ts";
import type { Began } from "../../src/engine/events.ts";
import { loggedRuns, openLog } from "../../src/log/file.ts";

const EPOCH = Date.UTC(2026, 0, 1);
const BEGAN: Began = {
  ...{ type: "began", at: EPOCH, verb: "up", name: "demux", region: "us-east-1", account: "123456789012" },
  ...{ caller: "arn:aws:iam::123456789012:user/ada", sandbox: false, program: "0.1.0", locked: true },
};
const FOLDER = "history/demux.us-east-1";

const folder = () => mkdtempSync(join(tmpdir(), "bootstrap-log-"));

it("writes what is said at once, where its owner alone can read it", () => {
  const root = folder();
  const log = new RunLog(root, () => {});
  log.event(BEGAN);
  log.event({ type: "note", at: EPOCH, text: "hello" });
  const [file = ""] = readdirSync(join(root, FOLDER));
  const path = join(root, FOLDER, file);
  expect(file).toBe("2026-01-01T00-00-00.000Z-up.jsonl");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(root, FOLDER)).mode & 0o777).toBe(0o700);
  expect(readFileSync(path, "utf8").split("\n")).toEqual([
    JSON.stringify({ v: 1, ...BEGAN }),
    JSON.stringify({ v: 1, type: "note", at: EPOCH, text: "hello" }),
    "",
  ]);
});

it("is kept of a run in the sandbox beside those in AWS", () => {
  const root = folder();
  new RunLog(root, () => {}).event({ ...BEGAN, sandbox: true });
  expect(readdirSync(join(root, "history"))).toEqual(["demux.us-east-1.sandbox"]);
});

it("is not kept of a run that only looks", () => {
  const root = folder();
  const log = new RunLog(root, () => {});
  log.event({ ...BEGAN, locked: false });
  log.event({ type: "note", at: EPOCH, text: "hello" });
  expect(existsSync(join(root, "history"))).toBe(false);
});

it("keeps the newest 50", () => {
  const root = folder();
  for (let day = 0; day < 53; day += 1) {
    const at = EPOCH + day * 86_400_000;
    openLog({ folder: root, environment: "demux.us-east-1", startedAt: at, verb: "up" }).close();
  }
  const files = readdirSync(join(root, FOLDER)).sort();
  expect(files).toHaveLength(50);
  expect(files[0]).toBe("2026-01-04T00-00-00.000Z-up.jsonl");
});

it("is given up with one word where it cannot be written, and the run goes on", () => {
  const root = folder();
  writeFileSync(join(root, "history"), "not a folder");
  const lost: string[] = [];
  const log = new RunLog(root, (why) => lost.push(why));
  log.event(BEGAN);
  log.event({ type: "note", at: EPOCH, text: "hello" });
  log.close();
  expect(lost).toEqual([expect.stringMatching(/^(ENOTDIR|EEXIST): /)]);
});

it("reads the newest run first, and of a line that was cut short nothing", () => {
  const root = folder();
  for (const at of [EPOCH, EPOCH + 1000]) new RunLog(root, () => {}).event({ ...BEGAN, at });
  const newest = join(root, FOLDER, "2026-01-01T00-00-01.000Z-up.jsonl");
  appendFileSync(newest, '{"v":1,"type":"no');
  const runs = loggedRuns(root, () => true);
  expect(runs.map(({ lines }) => lines)).toEqual([[{ v: 1, ...BEGAN, at: EPOCH + 1000 }], [{ v: 1, ...BEGAN }]]);
  expect(loggedRuns(root, (environment) => environment === "other.us-east-1")).toEqual([]);
});
