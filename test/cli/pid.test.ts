import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bornAt, isAlive } from "../../src/cli/pid.ts";

describe("a process on record", () => {
  it("is alive while it runs, with or without its birth on record", () => {
    const { pid } = process;
    expect([isAlive({ pid }), isAlive({ pid, born: bornAt(pid) })]).toEqual([true, true]);
  });

  it("is gone when another one has its number", () => {
    expect(isAlive({ pid: process.pid, born: bornAt(1) })).toBe(false);
  });

  it("is gone when it has ended", () => {
    const { pid } = spawnSync("true");
    expect(isAlive({ pid })).toBe(false);
  });

  it("is gone when it was killed and nobody asks how it ended", async () => {
    // The shell becomes a program that never asks after the child it had before.
    const parent = spawn("sh", ["-c", "sleep 600 & echo $!; exec sleep 600"]);
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, "utf8")).toBe("sleep\n");
    expect(isAlive({ pid })).toBe(true);
    process.kill(pid, "SIGKILL");
    await expect.poll(() => isAlive({ pid })).toBe(false);
    expect(() => process.kill(pid, 0)).not.toThrow();
    parent.kill("SIGKILL");
  });
});
