import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

const root = mkdtempSync(join(tmpdir(), "bootstrap-packed-"));
const checkout = join(root, "checkout");
/** Of somebody who has nothing of npm's, and reaches nothing. */
const machine = {
  PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
  HOME: join(root, "home"),
  npm_config_cache: join(root, "cache"),
  npm_config_registry: "http://127.0.0.1:9/",
  npm_config_offline: "true",
};
let packed: Packed;

/** Packed as its maker does it, in a copy of the checkout that has an earlier build in it. */
beforeAll(async () => {
  for (const folder of ["home", "cache", "lab", "checkout/dist"]) mkdirSync(join(root, folder), { recursive: true });
  const { stdout } = await execa("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  for (const file of stdout.split("\0").filter((path) => path !== "")) cpSync(file, join(checkout, file));
  symlinkSync(resolve("node_modules"), join(checkout, "node_modules"));
  writeFileSync(join(checkout, "dist/chunk-EARLIER.js"), "");
  const npm = await execa("npm", ["pack", "--json"], { cwd: checkout, env: machine, extendEnv: false });
  packed = (JSON.parse(npm.stdout.slice(npm.stdout.indexOf("["))) as Packed[])[0]!;
});
afterAll(() => rmSync(root, { recursive: true }));

it("is a tarball of less than 3 MB that holds what it needs, and nothing of an earlier build", () => {
  const paths = packed.files.map(({ path }) => path);
  expect(packed.size).toBeLessThan(3_000_000);
  expect(statSync(join(checkout, packed.filename)).size).toBe(packed.size);
  expect(paths).toEqual(
    expect.arrayContaining(["dist/bootstrap.js", "dist/sandbox.js", "LICENSE", "README.md", "bootstrap.schema.json"]),
  );
  expect(paths.filter((path) => /EARLIER|node_modules|\.(ts|map)$/.test(path))).toEqual([]);
});

it("names each package whose code it carries, with its licence", () => {
  const notices = readFileSync(join(checkout, "dist/THIRD-PARTY-NOTICES.txt"), "utf8");
  const { devDependencies } = packageJson;
  const carried = ["@aws-sdk/client-ec2", "@smithy/core", "commander", "handlebars", "listr2", "yaml", "zod"];
  expect(Object.keys(devDependencies)).toEqual(expect.arrayContaining(carried));
  for (const name of carried) expect(notices).toMatch(new RegExp(`^${name} \\d[\\w.-]* \\([\\w.-]+\\)$`, "m"));
  expect(notices).toContain("MIT License");
  expect(notices).not.toMatch(/^(typescript|vitest|esbuild) /m);
});

it("is installed without a registry, alone, and makes and removes an environment in the sandbox", async () => {
  const lab = { cwd: join(root, "lab"), env: machine, extendEnv: false, all: true };
  await execa("npm", ["install", join(checkout, packed.filename)], lab);
  expect((await execa("npm", ["ls", "--all", "--parseable"], lab)).stdout.split("\n")).toHaveLength(2);

  const bootstrap = (...words: string[]) => execa(join(lab.cwd, "node_modules/.bin/bootstrap"), words, lab);
  expect((await bootstrap("--version")).stdout).toBe(packageJson.version);
  const { all } = await bootstrap("up", "--sandbox", "--speed", "1000");
  expect(all).toContain("demux is up in us-east-1 (account 123456789012)");
  expect((await bootstrap("up", "--sandbox")).all).toContain("nothing to do");
  expect((await bootstrap("policy", "up", "--account", "123456789012", "--region", "us-east-1")).stdout).toMatch(/^\{/);
  const gone = await bootstrap("teardown", "--sandbox", "--speed", "1000", "--yes", "--discard-data");
  expect(gone.all).toContain("nothing is left of demux in us-east-1");
});

it("brings its manual page to where man looks, and the program to where the shell does", async () => {
  const prefix = join(root, "global");
  const words = ["install", "--global", "--prefix", prefix, join(checkout, packed.filename)];
  await execa("npm", words, { cwd: root, env: machine, extendEnv: false });
  expect(readFileSync(join(prefix, "share/man/man1/bootstrap.1"), "utf8")).toContain(".SS bootstrap bake\\-ami\n");
  expect((await execa(join(prefix, "bin/bootstrap"), ["--version"])).stdout).toBe(packageJson.version);
});
