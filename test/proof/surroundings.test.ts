import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { BOOTSTRAP, Laptop } from "./laptop.ts";

/** A stack, or the words with which one begins. */
const STACK = /^bug:|\n\s+at |node:internal|Node\.js v\d/m;

type Place = (laptop: Laptop) => NodeJS.ProcessEnv;

const env =
  (variables: NodeJS.ProcessEnv): Place =>
  () =>
    variables;

/** What stands in the folder, by its path. */
const holding =
  (files: Readonly<Record<string, string>>): Place =>
  (laptop) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(laptop.folder, path, ".."), { recursive: true });
      if (text === "a folder") mkdirSync(join(laptop.folder, path));
      else writeFileSync(join(laptop.folder, path), text);
    }
    return {};
  };

const OWN = ".bootstrap/demux.us-east-1.sandbox";

describe("a look in odd surroundings is as good as any", () => {
  it.each<[string, Place]>([
    ["AWS_DEFAULTS_MODE of nobody's", env({ AWS_DEFAULTS_MODE: "bogus" })],
    ["FIPS and dual stack", env({ AWS_USE_FIPS_ENDPOINT: "true", AWS_USE_DUALSTACK_ENDPOINT: "true" })],
    ["retries of nobody's", env({ AWS_RETRY_MODE: "bogus", AWS_MAX_ATTEMPTS: "many" })],
    ["a profile that is not there, no HOME, no TMPDIR", env({ AWS_PROFILE: "no", HOME: "/no", TMPDIR: "/no" })],
    ["a time zone, a language and a terminal of nobody's", env({ TZ: "Mars/X", LC_ALL: "zz_ZZ", COLUMNS: "20" })],
    ["an endpoint that the sandbox does not need", env({ AWS_ENDPOINT_URL: "" })],
  ])("%s", async (_name, place) => {
    const laptop = new Laptop();
    const { exitCode, all } = await laptop.start("up", ["--dry-run"], place(laptop));
    expect(exitCode, all).toBe(0);
    expect(all).toContain("to create");
  });
});

describe("what cannot be gone on with is said in a line, without a stack", () => {
  it.each<[string, Place, number, RegExp]>([
    ["a file in the place of .bootstrap", holding({ ".bootstrap": "x" }), 1, /opening the sandbox's world/],
    ["a folder in the place of the manifest", holding({ [`${OWN}.json`]: "a folder" }), 1, /reading .*json: EISDIR/],
    ["a folder in the place of the lock", holding({ [`${OWN}.lock`]: "a folder" }), 3, /cannot be read as a lock/],
    ["a lock that is null", holding({ [`${OWN}.lock`]: "null" }), 3, /cannot be read as a lock/],
    ["half a world", holding({ ".bootstrap/sandbox/world.json": "{" }), 1, /cannot read the sandbox's world/],
    ["half a config", holding({ "bootstrap.yaml": "name: [" }), 2, /bootstrap\.yaml:1:/],
  ])("%s", async (_name, place, code, said) => {
    const laptop = new Laptop();
    const { exitCode, all } = await laptop.start("teardown", ["--yes"], place(laptop));
    expect(exitCode, all).toBe(code);
    expect(all).toMatch(said);
    expect(all).not.toMatch(STACK);
  });

  it("a folder that is gone", async () => {
    const laptop = new Laptop();
    const gone = join(laptop.folder, "gone");
    mkdirSync(gone);
    const words = [process.execPath, ...laptop.words("up")];
    const { exitCode, all } = await execa("sh", ["-c", 'cd gone && rmdir ../gone && exec "$@"', "sh", ...words], {
      ...laptop.surroundings,
      stdin: "ignore",
    });
    rmSync(gone, { recursive: true, force: true });
    expect(exitCode, all).toBe(1);
    expect(all).toContain("error: the folder that this was typed in is no longer there");
    expect(all).not.toMatch(STACK);
  });

  it.each([
    ["--endpoint-url", ["--endpoint-url", ""]],
    ["--config", ["--sandbox", "--config", ""]],
    ["--name", ["--sandbox", "--name", ""]],
    ["--region", ["--sandbox", "--region", ""]],
  ])("%s of a variable that was never set", async (_flag, flags) => {
    const laptop = new Laptop();
    const { exitCode, all } = await execa(
      process.execPath,
      [BOOTSTRAP, "teardown", "--yes", "--discard-data", ...flags],
      {
        ...laptop.surroundings,
        stdin: "ignore",
      },
    );
    expect(exitCode, all).toBe(2);
    expect(all).toContain('""');
    expect(all).not.toMatch(STACK);
  });
});
