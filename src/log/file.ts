import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Line, lineSchema } from "./schema.ts";

/** Below the folder of manifests: a folder for each environment, a file for each run. */
const HISTORY = "history";

/** Of each environment. */
const KEPT = 50;

/** Where the log of a run lies: `.bootstrap/history/demux.us-east-1/2026-11-22T08-15-30.123Z-up.jsonl`. */
export interface LogPlace {
  readonly folder: string;
  /** NAME.REGION, and `.sandbox` of one there: as of the manifest. */
  readonly environment: string;
  readonly startedAt: number;
  readonly verb: string;
}

/** Takes what was said, line by line; a line is on its way to the disk before the next one. */
export interface Log {
  write(text: string): void;
  close(): void;
}

/** Opens the log of a run, readable by its owner alone, and removes those that are older than the newest 50. Throws what the file system says. */
export function openLog({ folder, environment, startedAt, verb }: LogPlace): Log {
  const runs = join(folder, HISTORY, environment);
  mkdirSync(runs, { recursive: true, mode: 0o700 });
  const file = openSync(
    join(runs, `${new Date(startedAt).toISOString().replaceAll(":", "-")}-${verb}.jsonl`),
    "a",
    0o600,
  );
  for (const old of logsIn(runs).slice(KEPT)) rmSync(join(runs, old), { force: true });
  return {
    write(text) {
      writeSync(file, text);
    },
    close: () => closeSync(file),
  };
}

/** A run as it was written down. */
export interface LoggedRun {
  readonly environment: string;
  readonly file: string;
  readonly lines: readonly Line[];
}

/** Of all environments that `wanted` names, the newest run first. */
export function loggedRuns(folder: string, wanted: (environment: string) => boolean): readonly LoggedRun[] {
  return environmentsIn(folder)
    .filter(wanted)
    .flatMap((environment) =>
      logsIn(join(folder, HISTORY, environment)).map((file) => ({
        ...{ environment, file },
        lines: linesIn(readFileSync(join(folder, HISTORY, environment, file), "utf8")),
      })),
    )
    .sort((a, b) => (a.file < b.file ? 1 : -1));
}

export function environmentsIn(folder: string): readonly string[] {
  return listed(join(folder, HISTORY));
}

/** What a kill, or a full disk, left of a line is left out, and so is what another version of this program has to say. */
function linesIn(text: string): readonly Line[] {
  return text.split("\n").flatMap((line) => {
    try {
      const { success, data } = lineSchema.safeParse(JSON.parse(line));
      return success ? [data] : [];
    } catch {
      return [];
    }
  });
}

/** The newest first. */
function logsIn(runs: string): readonly string[] {
  return listed(runs)
    .filter((file) => file.endsWith(".jsonl"))
    .sort()
    .reverse();
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
