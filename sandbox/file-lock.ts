import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const RETRY_MS = 2;
const PATIENCE_MS = 30_000;
const TAKEOVER_STALE_MS = 5_000;

/** Runs `use` while this process alone holds the lock file; a lock whose owner died is taken over. */
export async function withFileLock<T>(path: string, use: () => T): Promise<T> {
  for (const since = Date.now(); !tryCreate(path); await sleep(RETRY_MS)) {
    clearIfOrphaned(path);
    if (Date.now() - since > PATIENCE_MS) throw new Error(`cannot lock ${path}: held by process ${ownerOf(path)}`);
  }
  try {
    return use();
  } finally {
    unlinkSync(path);
  }
}

function tryCreate(path: string): boolean {
  try {
    const file = openSync(path, "wx", 0o600);
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Under a lock of its own: two finders of the same orphan must not remove each other's new lock. */
function clearIfOrphaned(path: string): void {
  if (!isOrphaned(path)) return;
  const takeover = `${path}.takeover`;
  if (!tryCreate(takeover)) {
    if (ageMs(takeover) > TAKEOVER_STALE_MS) remove(takeover);
    return;
  }
  try {
    if (isOrphaned(path)) remove(path);
  } finally {
    remove(takeover);
  }
}

function isOrphaned(path: string): boolean {
  const owner = ownerOf(path);
  // Created but not yet written: its owner is between two lines of tryCreate, unless it died there.
  if (owner === undefined) return ageMs(path) > TAKEOVER_STALE_MS;
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function ownerOf(path: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
