import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { regionsBeside } from "../../sandbox/partition.ts";
import { COMMANDS, COMMON } from "../../src/cli/commands.ts";
import { complete, printScript } from "../../src/cli/completion.ts";
import { partitionOf } from "../../src/config/partitions.ts";
import { REGIONS } from "../../src/config/regions.ts";

let folder: string;
let printed: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "completion-"));
  printed = [];
  vi.spyOn(console, "log").mockImplementation((line) => void printed.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** What is offered after these words; the last one is the beginning of what is looked for. */
function offered(...words: string[]): string[] {
  printed.length = 0;
  complete(words, COMMANDS, COMMON, folder);
  expect(printed.at(-1)).toBe(":4");
  return printed.slice(0, -1).map((line) => line.split("\t")[0]!);
}

function know(...files: string[]): void {
  mkdirSync(join(folder, ".bootstrap"));
  for (const file of files) writeFileSync(join(folder, ".bootstrap", file), "{}");
}

describe("completion offers", () => {
  it("the verbs that help tells, and no other", () => {
    const verbs = COMMANDS.filter(({ hidden }) => !hidden).map(({ name }) => name);
    expect(offered("")).toEqual([...verbs, "help"]);
    expect(offered("st")).toEqual(["status"]);
  });

  it("a verb's own flags and the common ones", () => {
    expect(offered("teardown", "--d")).toEqual(["--dry-run", "--discard-data"]);
    expect(offered("teardown", "--dry-run", "--re")).toEqual(["--region"]);
    expect(offered("sandbox", "--re")).toEqual([]);
  });

  it("the environments on disk as names, and their regions before the others", () => {
    know("demux.eu-west-1.json", "demux.eu-west-1.json.backup", "trial.us-east-1.sandbox.json", "demux.eu-west-1.lock");
    expect(offered("status", "--name", "")).toEqual(["demux", "trial"]);
    expect(offered("status", "--name=d")).toEqual(["demux"]);
    expect(offered("up", "--region", "").slice(0, 2)).toEqual(["eu-west-1", "us-east-1"]);
    expect(offered("up", "--region", "cn-")).toEqual(["cn-north-1", "cn-northwest-1"]);
  });

  it("configs and policies in the folder", () => {
    for (const file of ["bootstrap.yaml", "lab.yml", "up.json"]) writeFileSync(join(folder, file), "");
    expect(offered("up", "--config", "")).toEqual(["bootstrap.yaml", "lab.yml"]);
    expect(offered("sandbox", "--caller-policy", "")).toEqual(["up.json"]);
  });

  it("what a verb is of, and verbs after help", () => {
    expect(offered("policy", "")).toEqual(["up", "bake-ami", "teardown", "status"]);
    expect(offered("completion", "")).toEqual(["bash", "zsh", "fish"]);
    expect(offered("help", "b")).toEqual(["bake-ami"]);
  });

  it("nothing where a value is anybody's guess", () => {
    expect(offered("sandbox", "--port", "")).toEqual([]);
  });
});

it("knows regions by their right names, and all those of the sandbox", () => {
  for (const region of REGIONS) expect(() => partitionOf(region)).not.toThrow();
  const sandbox = ["us-east-1", "cn-north-1", "us-gov-west-1"].flatMap(regionsBeside);
  expect(sandbox.length).toBeGreaterThan(30);
  expect(REGIONS).toEqual(expect.arrayContaining(sandbox));
});

it.each(["bash", "zsh", "fish"] as const)("prints a script for %s that asks bootstrap complete", (shell) => {
  printScript(shell);
  expect(printed.join("\n")).toContain("bootstrap complete -- ");
});
