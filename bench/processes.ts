import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const BOOTSTRAP = resolve(import.meta.dirname, "../bin/bootstrap.js");

/** Whole processes one after the other, so that whatever else the machine does falls on both alike. */
export async function startupRatios(pairs: number, warmUps: number): Promise<readonly number[]> {
  const ratios: number[] = [];
  for (let pair = -warmUps; pair < pairs; pair++) {
    const bareMs = await wallMs(["-e", "0"]);
    const oursMs = await wallMs([BOOTSTRAP, "--version"]);
    if (pair >= 0) ratios.push(oursMs / bareMs);
  }
  return ratios;
}

async function wallMs(args: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  await run(process.execPath, args);
  return performance.now() - startedAt;
}

export interface ProcessFigures {
  readonly wallMs: number;
  /** The most memory that the process ever had, from the operating system. */
  readonly peakMiB: number;
  /** What it asked of AWS. */
  readonly calls: number;
}

/** `up` on the embedded AWS from nothing, and once more when there is nothing to do: whole processes, as installed. */
export async function upTwice(
  speed: number,
): Promise<{ readonly first: ProcessFigures; readonly second: ProcessFigures }> {
  const folder = mkdtempSync(join(tmpdir(), "bootstrap-bench-"));
  try {
    const first = await upIn(folder, speed);
    const second = await upIn(folder, speed);
    return { first, second };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function upIn(folder: string, speed: number): Promise<ProcessFigures> {
  const peakFile = join(folder, "peak");
  const watch = `import { writeFileSync } from "node:fs";
    process.on("exit", () => writeFileSync(${JSON.stringify(peakFile)}, String(process.resourceUsage().maxRSS)));`;
  const args = ["up", "--sandbox", "--speed", String(speed), "--region", "us-east-1", "--yes"];
  const before = callsIn(folder);
  const startedAt = performance.now();
  await run(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(watch)}`, BOOTSTRAP, ...args], {
    cwd: folder,
  });
  const wallMs = performance.now() - startedAt;
  return { wallMs, peakMiB: Number(readFileSync(peakFile, "utf8")) / 1024, calls: callsIn(folder) - before };
}

function callsIn(folder: string): number {
  try {
    return readFileSync(join(folder, ".bootstrap/sandbox/calls.jsonl"), "utf8").split("\n").length - 1;
  } catch {
    return 0;
  }
}
