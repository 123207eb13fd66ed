import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { CallRecord } from "../../sandbox/calls.ts";
import { startSandbox } from "../../sandbox/start.ts";

export const GUIDE = new URL("../guide.sh", import.meta.url).pathname;
export const GUIDE_REGIONS = ["us-east-1", "cn-northwest-1"] as const;

export interface GuideRuns {
  /** What the guide had to complain about, by region; empty when it went through. */
  readonly complaints: Readonly<Record<string, string>>;
  /** `service:Operation`, answered at least once. */
  readonly calls: ReadonlySet<string>;
}

/** The manual guide by Debian's aws CLI, in every partition at once, on a sandbox of its own. */
export async function runGuide(): Promise<GuideRuns> {
  const folder = await mkdtemp(join(tmpdir(), "bootstrap-guide-"));
  const sandbox = await startSandbox({ folder, speed: 500 });
  try {
    const runs = GUIDE_REGIONS.map(async (region) => {
      // Another aws that comes first on the PATH is not the one to be proven.
      const env = { PATH: "/usr/bin:/bin" };
      const { failed, stderr, message } = await execa(GUIDE, [sandbox.endpoint, region], { env, reject: false });
      return [region, failed ? stderr || message : ""];
    });
    const complaints = Object.fromEntries(await Promise.all(runs));
    const lines = (await readFile(join(folder, "calls.jsonl"), "utf8")).trimEnd().split("\n");
    const records = lines.map((line) => JSON.parse(line) as CallRecord).filter(({ outcome }) => outcome === "ok");
    return { complaints, calls: new Set(records.map(({ service, operation }) => `${service}:${operation}`)) };
  } finally {
    await sandbox.close();
  }
}
