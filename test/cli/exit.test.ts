import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { up } from "../../src/actions/up.ts";
import { errorCode, printError, resultCode } from "../../src/cli/exit.ts";
import type { Flags } from "../../src/cli/flags.ts";
import { run } from "../../src/cli/run.ts";
import { AbortedError, BootstrapError, ConfigError, RefusedError } from "../../src/engine/errors.ts";
import { hint } from "../../src/engine/hint.ts";
import { memoryStore } from "../engine/toy-cloud.ts";
import { Site } from "../environment/site.ts";

afterEach(() => vi.restoreAllMocks());

/** What is said of an error. */
function said(error: unknown, flags: Parameters<typeof printError>[1]) {
  let text = "";
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((more) => {
      text += String(more);
      return true;
    });
  printError(error, flags);
  return text;
}

const ANEW = hint`copy the data away and run ${["teardown", "--discard-data"]}, then ${["up"]}`;

describe("a hint", () => {
  const error = new RefusedError("no", hint`take the change back, or ${ANEW}`);

  it("is the same words to whoever catches the error", () => {
    expect(error.hint).toBe(
      "take the change back, or copy the data away and run bootstrap teardown --discard-data, then bootstrap up",
    );
    expect(JSON.stringify({ hint: error.advice })).toBe(JSON.stringify({ hint: error.hint }));
  });

  it("has its commands with the flags that say which environment is meant, as text and as JSON", () => {
    const flags = { region: "us-east-1", name: "lab", dryRun: true };
    const words =
      "take the change back, or copy the data away and run bootstrap teardown --name lab --region us-east-1 --discard-data, then bootstrap up --name lab --region us-east-1";
    expect(said(error, flags)).toContain(`hint: ${words}\n`);
    expect(JSON.parse(said(error, { ...flags, json: true }))).toEqual({
      v: 1,
      type: "error",
      error: {
        ...{ code: "refused", message: "no", hint: words },
        run: [
          ["teardown", "--name", "lab", "--region", "us-east-1", "--discard-data"],
          ["up", "--name", "lab", "--region", "us-east-1"],
        ],
      },
    });
  });

  it("names a command nowhere in plain words, which would get no flags", () => {
    const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    const plain = files.flatMap((file) =>
      readFileSync(`src/${file}`, "utf8")
        .split("\n")
        .filter((line) => /^(?!\s*(\/?\*|\/\/)).*\bbootstrap (up|bake-ami|teardown|status)\b/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(files.length).toBeGreaterThan(100);
    expect(plain).toEqual([]);
  });
});

it.each([
  [new ConfigError("no"), 2],
  [new RefusedError("no"), 3],
  [new AbortedError(), 130],
  [new BootstrapError("aws", "no"), 1],
  [new Error("a bug"), 1],
  [new AggregateError([new BootstrapError("aws", "no"), new RefusedError("no")]), 1],
])("%s ends with its exit code", (error, exitCode) => {
  expect(errorCode(error)).toBe(exitCode);
});

describe("a dry run with --exit-code", () => {
  const code = async (site: Site, exitCode: boolean, yaml = "") => {
    const { result } = await site.run(up, { dryRun: true, yaml });
    return resultCode(result!, { exitCode });
  };

  it("ends with 10 where something would be changed, and with 0 where nothing would", async () => {
    const site = new Site();
    expect([await code(site, true), await code(site, false)]).toEqual([10, 0]);
    await site.up();
    expect(await code(site, true)).toBe(0);
    expect(await code(site, true, "logs: { retentionDays: 30 }")).toBe(10);
    site.store = memoryStore();
    expect(await code(site, true)).toBe(0);
  });

  it("is no use without --dry-run", async () => {
    const flags: Flags = { exitCode: true };
    await expect(run(up, flags)).rejects.toThrow("--exit-code goes with --dry-run");
  });
});
