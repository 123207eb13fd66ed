import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const BIN = fileURLToPath(new URL("../../bin/bootstrap.js", import.meta.url));

let clone: string;

/** A clone in which nothing was built yet. */
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "start-"));
  mkdirSync(join(clone, "bin"));
  cpSync(BIN, join(clone, "bin/bootstrap.js"));
  writeFileSync(join(clone, "package.json"), '{"type":"module"}');
});
afterEach(() => rmSync(clone, { recursive: true }));

function start() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(clone, "bin/bootstrap.js"), "up"], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("bin/bootstrap.js", () => {
  it("says what to type where nothing was built yet, without a stack", () => {
    expect(start()).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(
        /^error: bootstrap is not built yet: Cannot find .*dist.*\nhint: \(cd .*\/ && npm ci\)\n$/,
      ),
    });
  });

  it("runs what was built, and hides nothing that goes wrong in it", () => {
    mkdirSync(join(clone, "dist"));
    writeFileSync(join(clone, "dist/bootstrap.js"), 'console.log("built"); throw new Error("its own");');
    expect(start()).toEqual({ status: 1, stdout: "built\n", stderr: expect.stringContaining("Error: its own") });
  });
});
