import type { Line, LineOf } from "./schema.ts";

/** The beginning and the end of a run, and what came of it in a few words. */
export function runInShort(lines: readonly Line[]): {
  readonly began: LineOf<"began"> | undefined;
  readonly ended: LineOf<"ended"> | undefined;
  readonly words: string;
} {
  const began = lines.find((line) => line.type === "began");
  const ended = lines.find((line) => line.type === "ended");
  const error = lines.find((line) => line.type === "error");
  if (error) return { began, ended, words: error.error.message.split("\n")[0]! };
  return { began, ended, words: ended ? outcomesIn(lines) : "no end is on record: it goes on, or it was killed" };
}

function outcomesIn(lines: readonly Line[]): string {
  const counts = new Map<string, number>();
  for (const line of lines) {
    if (line.type !== "finished" || line.outcome === "kept" || line.outcome === "unneeded") continue;
    counts.set(line.outcome, (counts.get(line.outcome) ?? 0) + 1);
  }
  return counts.size === 0 ? "nothing to do" : [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
}
