import { copyFile, link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode } from "./file-error.ts";
import { JournalError, type Store } from "./manifest.ts";

/** A manifest on disk: mode 0600, replaced whole, the last good one kept beside it as `.backup`. */
export function manifestFile(path: string): Store {
  const backupPath = `${path}.backup`;
  const nextPath = `${path}.next`;
  return {
    path,
    backupPath,

    async read() {
      try {
        return await readFile(path, "utf8");
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw new JournalError(path, error as Error);
      }
    },

    async write(text) {
      try {
        await makeFolder(dirname(path));
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
        await keep(path, backupPath);
        // 3. the new one takes its place, and the folder remembers it
        await rename(nextPath, path);
        await syncFolder(dirname(path));
      } catch (error) {
        throw new JournalError(path, error as Error);
      }
    },

    async remove() {
      await rename(path, backupPath).catch((error: unknown) => {
        if (!isMissing(error)) throw new JournalError(path, error as Error);
      });
    },
  };
}

/** One level only: in a working folder that was removed, Node 20's recursive mkdir of a relative path never ends. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (!hasCode(error, "EEXIST")) throw error;
  });
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
