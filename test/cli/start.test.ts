import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "acorn";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };

const BIN = fileURLToPath(new URL("../../bin/", import.meta.url));

let clone: string;

/** A clone in which nothing was built yet. */
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "start-"));
  cpSync(BIN, join(clone, "bin"), { recursive: true });
  writeFileSync(join(clone, "package.json"), '{"type":"module"}');
});
afterEach(() => rmSync(clone, { recursive: true }));

function start(...flags: string[]) {
  return ended(process.execPath, [...flags, join(clone, "bin/bootstrap.js"), "up"]);
}

function ended(command: string, words: readonly string[], PATH = process.env.PATH) {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: "utf8", env: { ...process.env, PATH } });
  return { status, stdout, stderr };
}

function built(code: string): void {
  mkdirSync(join(clone, "dist"));
  writeFileSync(join(clone, "dist/bootstrap.js"), code);
}

describe("bin/bootstrap.js", () => {
  it("says what to type where nothing was built yet, without a stack", () => {
    expect(start()).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(
        /^error: bootstrap is not built yet: Cannot find .*dist.*\nhint: \(cd .* && npm ci\)\n$/,
      ),
    });
  });

  it("runs what was built, and hides nothing that goes wrong in it", () => {
    built('console.log("built"); throw new Error("its own");');
    expect(start()).toEqual({ status: 1, stdout: "built\n", stderr: expect.stringContaining("Error: its own") });
  });

  it("can be read by a Node of any age since 4", () => {
    const code = readFileSync(join(BIN, "bootstrap.js"), "utf8");
    expect(parse(code, { ecmaVersion: 2015, sourceType: "script", allowHashBang: true }).body).not.toEqual([]);
    expect(JSON.parse(readFileSync(join(BIN, "package.json"), "utf8"))).toEqual({ type: "commonjs" });
  });

  it.each(["8.17.0", "18.20.8", "20.18.3"])("says in one sentence that Node %s is too old", (version) => {
    built('console.log("built");');
    const older = join(clone, "older.cjs");
    writeFileSync(older, `Object.defineProperty(process.versions, "node", { value: "${version}" });`);
    const needed = packageJson.engines.node.replace(">=", "");
    expect(start("--require", older)).toEqual({
      status: 1,
      stdout: "",
      stderr: `error: bootstrap needs Node ${needed} or newer, and ${process.execPath} is Node ${version}\n`,
    });
  });

  it.each(["20.19.0", "22.0.0"])("runs with Node %s", (version) => {
    built('console.log("built");');
    const older = join(clone, "older.cjs");
    writeFileSync(older, `Object.defineProperty(process.versions, "node", { value: "${version}" });`);
    expect(start("--require", older)).toEqual({ status: 0, stdout: "built\n", stderr: "" });
  });

  it("is a program for a shell, through a link too, and says where there is no Node at all", () => {
    built("console.log(JSON.stringify(process.argv.slice(2)));");
    const link = join(clone, "bootstrap");
    symlinkSync("bin/bootstrap.js", link);
    expect(ended(link, ["up", "a  b"], `${dirname(process.execPath)}:/usr/bin:/bin`)).toEqual({
      status: 0,
      stdout: '["up","a  b"]\n',
      stderr: "",
    });
    expect(ended(link, ["up"], "/nowhere")).toEqual({
      status: 127,
      stdout: "",
      stderr: "error: bootstrap needs Node 20.19 or newer, and no node is on the PATH\n",
    });
  });
});
