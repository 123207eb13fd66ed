import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Before the proofs that start the CLI: what it is built into is not older than what it is built from. */
export async function setup(): Promise<void> {
  const newest = Math.max(
    ...["src", "sandbox", "scripts", "build.ts", "package.json", "package-lock.json"].map(changedAt),
  );
  const built = statSync("dist/bootstrap.js", { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built < newest) await import("../../build.ts");
}

function changedAt(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(...readdirSync(path).map((name) => changedAt(join(path, name))));
}
