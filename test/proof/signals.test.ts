import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it, onTestFinished } from "vitest";
import { isAlive } from "../../src/cli/pid.ts";
import type { ManifestFile } from "../../src/engine/manifest/manifest.ts";
import { almostTheFirst, REGION, theFirst } from "./commands.ts";
import { Laptop, listen } from "./laptop.ts";
import { differences, standing } from "./world.ts";

const manifest = (laptop: Laptop) => JSON.parse(laptop.read(laptop.own("json"))!) as ManifestFile;
const filesystems = (laptop: Laptop) =>
  standing(laptop.left().world, REGION).filter(({ kind }) => kind === "filesystem");

/** The answer to the making of the file system takes seconds of ours. */
const SECONDS = 900_000;
/** It takes longer than any test, on however busy a machine. */
const FOR_EVER = 30 * 86_400_000;

/** Where the next `up` makes the file system and what waits for it, and nothing else. */
const almostThere = async () => new Laptop({ begin: await almostTheFirst() });
/** Where all stands. */
const inPlace = async () => new Laptop({ begin: (await theFirst()).moment });

/** So slow a sandbox that a file system is being made, or removed, for longer than it takes to notice and to interrupt. */
const SLOWLY = ["--speed", "10"];

function slowAnswer(laptop: Laptop, slowMs: number): void {
  laptop.script([{ operation: "CreateFileSystem", nth: 1, slowMs }]);
}

/** A look in that does not pass is no finding before this, on a machine that does other things too. */
const PATIENTLY = { timeout: 300_000 };

const asked = (laptop: Laptop, operation: string) =>
  expect.poll(() => laptop.calls(), PATIENTLY).toContain(`"${operation}"`);

/** The process that holds the lock. */
const pidIn = (laptop: Laptop) => (JSON.parse(laptop.read(laptop.own("lock"))!) as { pid: number }).pid;

/** The signal has arrived in the process: another one before that would be one with the first. */
async function taken(pid: number, signal: NodeJS.Signals): Promise<void> {
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  const isPending = () => {
    const status = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/status`, "utf8") : "";
    const masks = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s*(\w+)$/gm)].map(([, mask]) => BigInt(`0x${mask}`));
    return masks.some((mask) => (mask & bit) !== 0n);
  };
  await expect.poll(isPending, PATIENTLY).toBe(false);
}

/** The same command goes on from there, and makes nothing twice. */
async function goesOn(laptop: Laptop): Promise<void> {
  const { exitCode, all } = await laptop.run("up");
  expect(exitCode, all).toBe(0);
  expect(filesystems(laptop)).toHaveLength(1);
}

describe("one signal", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s: ends with 130, says what goes on by its id, keeps the intents, and the same command goes on",
    async (signal) => {
      const laptop = await almostThere();
      const run = laptop.start("up", SLOWLY);
      await listen(run)(/filesystem +creating … CREATING/);
      run.kill(signal);
      const { exitCode, all } = await run;
      expect(exitCode, all).toBe(130);
      const [filesystem] = filesystems(laptop);
      expect(all).toContain("still at work without us:");
      expect(all).toContain(`filesystem ${filesystem!.ref} (filesystem)`);
      expect(all).toMatch(/the same command goes on from here; bootstrap teardown --sandbox/);
      expect(manifest(laptop).steps.filesystem).toMatchObject({ phase: "creating", ref: filesystem!.ref });
      expect(existsSync(join(laptop.folder, laptop.own("lock")))).toBe(false);
      await goesOn(laptop);
    },
  );

  it("lets a create that is on its way arrive, and writes down what came of it", async () => {
    const laptop = await almostThere();
    slowAnswer(laptop, SECONDS);
    const run = laptop.start("up");
    await asked(laptop, "CreateFileSystem");
    run.kill("SIGINT");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    expect(manifest(laptop).steps.filesystem?.ref).toBe(filesystems(laptop)[0]!.ref);
    await goesOn(laptop);
  });

  it("is no bug while AWS throttles the questions before the plan", async () => {
    const laptop = new Laptop();
    laptop.script([{ operation: "*", error: { code: "Throttling", status: 503 } }]);
    const run = laptop.start("up");
    await asked(laptop, "GetCallerIdentity");
    run.kill("SIGINT");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    expect(all).not.toContain("bug:");
  });

  it("stops a teardown, which the next one ends", async () => {
    const laptop = await inPlace();
    const run = laptop.start("teardown", ["--yes", "--discard-data", ...SLOWLY]);
    await listen(run)(/filesystem +removing … DELETING/);
    run.kill("SIGINT");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    const again = await laptop.run("teardown", ["--yes", "--discard-data"]);
    expect(again.exitCode, again.all).toBe(0);
    expect(standing(laptop.left().world, REGION)).toEqual([]);
  });
});

describe("two signals", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("%s: end it at once, and the same command goes on", async (signal) => {
    const laptop = await almostThere();
    slowAnswer(laptop, FOR_EVER);
    const run = laptop.start("up");
    await asked(laptop, "CreateFileSystem");
    run.kill(signal);
    await taken(run.pid!, signal);
    run.kill(signal);
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(128 + constants.signals[signal]);
    // The answer never came, so the manifest knows the intent alone.
    expect(manifest(laptop).steps.filesystem).toMatchObject({ phase: "creating" });
    expect(manifest(laptop).steps.filesystem).not.toHaveProperty("ref");
    await goesOn(laptop);
  });
});

describe("an image build on this machine", () => {
  /** A docker that builds for ever, and leaves the numbers of its processes in `pids`. */
  function withBuild(build: string) {
    const laptop = new Laptop();
    laptop.write("bootstrap.yaml", "container: { builder: docker }");
    mkdirSync(join(laptop.folder, "bin"));
    const pids = join(laptop.folder, "pids");
    const script = `#!/bin/sh\n[ "$1" = build ] || exit 0\n${build}\nsleep 600 & echo "$$ $!" > '${pids}'\nwait\nwait\n`;
    laptop.write("bin/docker", script);
    chmodSync(join(laptop.folder, "bin/docker"), 0o755);
    const env = { PATH: `${join(laptop.folder, "bin")}:${process.env.PATH}` };
    const alive = () =>
      readFileSync(pids, "utf8")
        .trim()
        .split(" ")
        .filter((pid) => isAlive({ pid: Number(pid) }));
    onTestFinished(() => {
      for (const pid of alive()) process.kill(Number(pid), "SIGKILL");
    });
    const begun = () => expect.poll(() => existsSync(pids), PATIENTLY).toBe(true);
    return { laptop, run: laptop.start("up", [], env), begun, alive };
  }

  it("is stopped by one Ctrl-C, with all that it started", async () => {
    const { run, begun, alive } = withBuild("");
    await begun();
    run.kill("SIGINT");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    await expect.poll(alive, PATIENTLY).toEqual([]);
  });

  it("that is killed leaves its login where nobody else may read, and the next run that holds the lock sweeps it", async () => {
    const { laptop, run, begun, alive } = withBuild("");
    await begun();
    run.kill("SIGKILL");
    await run;
    const login = `${laptop.own("building")}/login`;
    expect(laptop.read(`${login}/config.json`)).toContain("dkr.ecr");
    expect(statSync(join(laptop.folder, login)).mode & 0o777).toBe(0o700);
    const looked = await laptop.run("status");
    expect(looked.exitCode, looked.all).toBe(0);
    expect(existsSync(join(laptop.folder, login)), "a look takes no lock").toBe(true);
    for (const pid of alive()) process.kill(Number(pid), "SIGKILL");
    const { exitCode, all } = await laptop.run("teardown", ["--yes", "--discard-data"]);
    expect(exitCode, all).toBe(0);
    expect(existsSync(join(laptop.folder, laptop.own("building")))).toBe(false);
  });

  it("that does not listen is stopped by the second Ctrl-C, with all that it started", async () => {
    const { run, begun, alive } = withBuild("trap '' TERM");
    await begun();
    run.kill("SIGINT");
    await taken(run.pid!, "SIGINT");
    run.kill("SIGINT");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    await expect.poll(alive, PATIENTLY).toEqual([]);
  });
});

describe("who reads along may leave", () => {
  const sh = (laptop: Laptop, line: string) =>
    execa("bash", ["-c", `set -o pipefail; ${line}`, "bash", process.execPath, ...laptop.words("up")], {
      ...laptop.surroundings,
      stdin: "ignore",
    });

  it.each([
    ["stdout read no further than its first line", '"$@" | head -1'],
    ["both streams read no further than their first line", '"$@" 2>&1 | head -1'],
    ["stdin closed", '"$@" <&-'],
    ["stdout closed", '"$@" >&-'],
    ["stdout on a full disk", '"$@" >/dev/full'],
    ["both streams on a full disk", '"$@" >/dev/full 2>&1'],
    ["JSON on a full disk", '"$@" --json >/dev/full'],
    ["JSON read no further than its first line", '"$@" --json | head -1'],
  ])("%s: the work is done all the same", async (_name, line) => {
    const laptop = await almostThere();
    const { exitCode, all } = await sh(laptop, line);
    expect(exitCode, all).toBe(0);
    const { stands } = await theFirst();
    expect(differences(laptop.left(), stands, REGION)).toEqual([]);
  });
});

describe("in a terminal", () => {
  const HIDE = "\u001b[?25l";
  const SHOW = "\u001b[?25h";

  /** Types into a terminal of its own; what it shows is in `all`. */
  function terminal(laptop: Laptop, verb = "up", flags: readonly string[] = []) {
    const words = [process.execPath, ...laptop.words(verb, ...flags)].map((word) => `'${word}'`).join(" ");
    const line = `stty cols 120 rows 60; exec ${words}`;
    const run = execa("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
      ...laptop.surroundings,
      env: { ...laptop.surroundings.env, TERM: "xterm-256color", SHELL: "/bin/sh" },
      stdin: "pipe",
    });
    return { run, said: listen(run), type: (text: string) => run.stdin.write(text) };
  }

  it("asks before anything is lost, and a no ends with 130 and changes nothing", async () => {
    const laptop = await inPlace();
    const { world } = laptop.left();
    const before = standing(world, REGION);
    const { run, said, type } = terminal(laptop, "teardown");
    await said(/remove \d+ things\?/);
    type("n\r");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    expect(all).toContain("stopped: nothing was changed");
    expect(standing(laptop.left().world, REGION)).toEqual(before);
  });

  it("Ctrl-C ends with 130, and the cursor is there again", async () => {
    const laptop = await almostThere();
    const { run, said, type } = terminal(laptop, "up", SLOWLY);
    await said(/filesystem .*CREATING/);
    type("\u0003");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    expect(all).toContain(HIDE);
    expect(all.lastIndexOf(SHOW)).toBeGreaterThan(all.lastIndexOf(HIDE));
    expect(all).toContain("still at work without us:");
    await goesOn(laptop);
  });

  it("Ctrl-C twice ends at once, and the cursor is there again", async () => {
    const laptop = await almostThere();
    slowAnswer(laptop, FOR_EVER);
    const { run, said, type } = terminal(laptop);
    await asked(laptop, "CreateFileSystem");
    type("\u0003");
    // The terminal shows the key when it sends the signal.
    await said(/\^C/);
    await taken(pidIn(laptop), "SIGINT");
    type("\u0003");
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    expect(all.lastIndexOf(SHOW)).toBeGreaterThan(all.lastIndexOf(HIDE));
    await goesOn(laptop);
  });

  it("that is closed stops the run in good order", async () => {
    const laptop = await almostThere();
    const { run, said } = terminal(laptop, "up", SLOWLY);
    await said(/filesystem .*CREATING/);
    const pid = pidIn(laptop);
    run.kill("SIGKILL");
    await run;
    await expect.poll(() => isAlive({ pid }), PATIENTLY).toBe(false);
    // Given back, not left behind.
    expect(laptop.read(laptop.own("lock"))).toBeUndefined();
    expect(manifest(laptop).steps.filesystem).toMatchObject({ phase: "creating" });
    await goesOn(laptop);
  });
});
