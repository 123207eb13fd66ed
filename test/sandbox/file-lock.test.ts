import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { withFileLock } from "../../sandbox/file-lock.ts";

function lockPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "file-lock-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "world.json.lock");
}

/** What this process writes into its own lock. */
async function ours(): Promise<string> {
  const path = lockPath();
  return withFileLock(path, () => readFileSync(path, "utf8"));
}

it("takes over the lock of an earlier process that had our number: in a container every first one is number 1", async () => {
  const [pid, namespace] = (await ours()).split(" ");
  const path = lockPath();
  writeFileSync(path, `${pid} ${namespace} 00000000-0000-4000-8000-000000000000`);
  expect(await withFileLock(path, () => "done")).toBe("done");
});

it("takes over the lock of a process in another container once it is too old for a request at work", async () => {
  const path = lockPath();
  writeFileSync(path, `${process.pid} pid:[1] 00000000-0000-4000-8000-000000000000`);
  const longAgo = Date.now() / 1000 - 60;
  utimesSync(path, longAgo, longAgo);
  expect(await withFileLock(path, () => "done")).toBe("done");
});

it("waits for a process in another container that may be at work", async () => {
  await expectPatience(`${process.pid} pid:[1] 00000000-0000-4000-8000-000000000000`);
});

it("waits for itself: two requests of one process", async () => {
  await expectPatience(await ours());
});

/** Of whoever meets this lock: nothing is done until it is gone. */
async function expectPatience(lock: string): Promise<void> {
  const path = lockPath();
  writeFileSync(path, lock);
  let isDone = false;
  const done = withFileLock(path, () => {
    isDone = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isDone).toBe(false);
  rmSync(path);
  await done;
}
