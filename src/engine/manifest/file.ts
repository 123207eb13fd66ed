import { copyFile, link, mkdir, open, readFile, readlink, realpath, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { hasCode } from "../file-error.ts";
import { ManifestError, type Store } from "./manifest.ts";

/**
 * A manifest on disk: mode 0600, replaced whole, the last good one kept beside it as `.backup`. Where a link stands in
 * its place, what it points to is written.
 */
export function manifestFile(path: string): Store {
  const backupPath = `${path}.backup`;
  return {
    path,
    backupPath,

    async read() {
      try {
        return await readFile(path, "utf8");
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw new ManifestError(path, error as Error, "reading");
      }
    },

    async write(text) {
      try {
        await makeFolder(dirname(path));
        const real = await followed(path);
        const nextPath = `${real}.next`;
        // 1. whole and on disk under another name
        const file = await open(nextPath, "w", 0o600);
        try {
          await file.writeFile(text);
          await file.sync();
        } finally {
          await file.close();
        }
        // 2. the old one becomes the backup, still reachable under its own name
        await rm(backupPath, { force: true });
        await keep(real, backupPath);
        // 3. the new one takes its place, and the folder remembers it
        await rename(nextPath, real);
        await syncFolder(dirname(real));
      } catch (error) {
        throw new ManifestError(path, error as Error);
      }
    },

    async remove() {
      try {
        await move(await followed(path), backupPath);
      } catch (error) {
        if (!isMissing(error)) throw new ManifestError(path, error as Error);
      }
    },
  };
}

/** Through links, also one that points to a file which is not there yet. */
async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const target = await readlink(path).catch(() => undefined);
    return target === undefined ? path : resolve(dirname(path), target);
  }
}

/** One level only: in a working folder that was removed, Node 20's recursive mkdir of a relative path never ends. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (!hasCode(error, "EEXIST")) throw error;
  });
}

/** Also from a disk to another one. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!hasCode(error, "EXDEV")) throw error;
    await copyFile(from, to);
    await rm(from);
  }
}

/** Some file systems know no links. */
async function keep(path: string, backupPath: string): Promise<void> {
  try {
    await link(path, backupPath).catch(() => copyFile(path, backupPath));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return hasCode(error, "ENOENT");
}
