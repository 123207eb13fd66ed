import { randomUUID } from "node:crypto";
import { closeSync, openSync, readFileSync, readlinkSync, statSync, unlinkSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const RETRY_MS = 2;
const PATIENCE_MS = 30_000;
const TAKEOVER_STALE_MS = 5_000;
/** A request takes milliseconds: a lock of a process that cannot be seen from here is believed lost after so long. */
const UNSEEN_STALE_MS = 10_000;

const NAMESPACE = pidNamespace();

/** This process, in its container; its number alone may be another's after a kill, and is 1 in every container. */
const OURSELVES = `${process.pid} ${NAMESPACE} ${randomUUID()}`;

/** Runs `use` while this process alone holds the lock file; a lock whose owner died is taken over. */
export async function withFileLock<T>(path: string, use: () => T): Promise<T> {
  for (const since = Date.now(); !tryCreate(path); await sleep(RETRY_MS)) {
    clearIfOrphaned(path);
    if (Date.now() - since > PATIENCE_MS) throw new Error(`cannot lock ${path}: held by process ${ownerOf(path)?.pid}`);
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
    writeSync(file, OURSELVES);
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
  if (owner.namespace !== NAMESPACE) return ageMs(path) > UNSEEN_STALE_MS;
  if (owner.pid === process.pid) return owner.text !== OURSELVES;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function ownerOf(
  path: string,
): { readonly pid: number; readonly namespace: string; readonly text: string } | undefined {
  try {
    const text = readFileSync(path, "utf8");
    const [pid, namespace = NAMESPACE] = text.split(" ");
    return Number(pid) > 0 ? { pid: Number(pid), namespace, text } : undefined;
  } catch {
    return undefined;
  }
}

/** https://man7.org/linux/man-pages/man7/pid_namespaces.7.html; "-" where the system has none. */
function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "-";
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
