import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manifestFile } from "../../../src/engine/manifest/file.ts";
import { Manifest, ManifestError } from "../../../src/engine/manifest/manifest.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "manifest-"));
  path = join(folder, ".bootstrap", "lab.us-east-1.json");
});
afterEach(() => rm(folder, { recursive: true }));

const text = (at = path) => readFile(at, "utf8");
const mode = async (at: string) => (await stat(at)).mode & 0o777;

describe("a manifest on disk", () => {
  it("is nothing where no file is, and reading makes no folder", async () => {
    expect(await manifestFile(path).read()).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is there, whole, when the write resolves, and nothing else is", async () => {
    const store = manifestFile(path);
    await store.write("one");
    expect([await text(), await store.read()]).toEqual(["one", "one"]);
    expect(await readdir(join(folder, ".bootstrap"))).toEqual(["lab.us-east-1.json"]);
  });

  it("is for its owner's eyes, the backup and the folder too", async () => {
    const store = manifestFile(path);
    await store.write("one");
    await store.write("two");
    expect([await mode(path), await mode(store.backupPath), await mode(join(folder, ".bootstrap"))]).toEqual([
      0o600, 0o600, 0o700,
    ]);
  });

  it("has the last good one beside it", async () => {
    const store = manifestFile(path);
    for (const next of ["one", "two", "three"]) await store.write(next);
    expect([await text(), await text(store.backupPath)]).toEqual(["three", "two"]);
  });

  it("is the earlier one, whole, when a run died before its write took its place", async () => {
    const store = manifestFile(path);
    await store.write("one");
    await writeFile(`${path}.next`, '{"version": 1, "ser');
    expect(await store.read()).toBe("one");
    await store.write("2");
    expect([await text(), await text(store.backupPath), existsSync(`${path}.next`)]).toEqual(["2", "one", false]);
  });

  it("becomes the backup when it ends", async () => {
    const store = manifestFile(path);
    await store.write("one");
    await store.remove();
    expect([await store.read(), await text(store.backupPath)]).toEqual([undefined, "one"]);
    await store.remove();
  });

  it("that is a link is written where it points to, and stays a link", async () => {
    const shared = join(folder, "shared");
    await mkdir(shared);
    await mkdir(join(folder, ".bootstrap"));
    await symlink("../shared/lab.json", path);
    const store = manifestFile(path);
    expect(await store.read()).toBeUndefined();
    for (const next of ["one", "two"]) await store.write(next);
    expect([await text(join(shared, "lab.json")), await store.read(), await text(store.backupPath)]).toEqual([
      "two",
      "two",
      "one",
    ]);
    expect([await readlink(path), await readdir(shared)]).toEqual(["../shared/lab.json", ["lab.json"]]);

    await store.remove();
    expect([await store.read(), await readdir(shared), await text(store.backupPath)]).toEqual([undefined, [], "two"]);
    await store.write("three");
    expect(await text(join(shared, "lab.json"))).toBe("three");
  });

  it("is whole after a write that failed, and the error says what to do", async () => {
    const store = manifestFile(path);
    await store.write("one");
    // A folder in the way: no permission stops a root user.
    await mkdir(`${path}.next`);
    const error = await store.write("two").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ManifestError);
    expect(error).toMatchObject({ message: expect.stringContaining(`writing ${path}: `), hint: expect.any(String) });
    expect(await text()).toBe("one");
  });

  it("is an error of the manifest where a plain file stands in the place of its folder", async () => {
    await writeFile(join(folder, ".bootstrap"), "");
    const store = manifestFile(path);
    await expect(store.write("one")).rejects.toBeInstanceOf(ManifestError);
    await expect(store.read()).rejects.toMatchObject({ message: expect.stringContaining(`reading ${path}: `) });
    expect(await text(join(folder, ".bootstrap"))).toBe("");
  });

  it("stays as it is, cut in half, until somebody puts the backup back as the hint says", async () => {
    const identity = { name: "lab", account: "111122223333", region: "us-east-1" };
    const manifest = await Manifest.open(manifestFile(path), identity);
    await manifest.pin({ vpc: "vpc-1" });
    await manifest.pin({ subnet: "subnet-1" });
    const half = (await text()).slice(0, 40);
    await writeFile(path, half);

    await expect(Manifest.open(manifestFile(path), identity)).rejects.toMatchObject({
      hint: expect.stringContaining(`cp ${path}.backup ${path}`),
    });
    expect(await text()).toBe(half);
    await writeFile(path, await text(`${path}.backup`));
    expect((await Manifest.open(manifestFile(path), identity)).pins).toEqual({ vpc: "vpc-1" });
  });
});
