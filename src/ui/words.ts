import { stripVTControlCharacters } from "node:util";
import type { Event, PlannedNode } from "../engine/events.ts";

/** `0.4s`, `59.9s`, `4m 05s`, `1h 02m`. */
export function duration(ms: number): string {
  const tenths = Math.floor(Math.max(0, ms) / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)}s`;
  const minutes = Math.floor(tenths / 600);
  const seconds = Math.floor((tenths % 600) / 10);
  if (minutes < 60) return `${minutes}m ${String(seconds).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

/** The lines of a text, without what could move the cursor or colour the rest: a bake's output holds all of that. */
export function linesOf(text: string): readonly string[] {
  return stripVTControlCharacters(text)
    .split(/\r?\n/)
    .map((line) => line.slice(line.trimEnd().lastIndexOf("\r") + 1))
    .map((line) =>
      [...line]
        .filter((char) => char === "\t" || char >= " ")
        .join("")
        .trimEnd(),
    )
    .filter((line) => line !== "");
}

/** `demux in us-east-1, account 123456789012, as arn:…:user/ada`: before anything is done, and billed. */
export function headOf({
  name,
  region,
  account,
  caller,
  sandbox,
  endpoint,
}: Extract<Event, { type: "began" }>): string {
  const where = sandbox ? ", in the sandbox" : endpoint === undefined ? "" : `, at ${endpoint}`;
  return `${name} in ${region}, account ${account}, as ${caller}${where}`;
}

export function outcomeOf({ outcome, ref, ms }: Extract<Event, { type: "finished" }>): string {
  const what = ref === undefined ? outcome : `${outcome} ${ref}`;
  return outcome === "kept" || outcome === "unneeded" ? what : `${what} in ${duration(ms)}`;
}

/** Whether a plan leaves everything as it is. */
export function isIdle(nodes: readonly PlannedNode[]): boolean {
  return nodes.every(({ verdict }) => verdict === "keep" || verdict === "use" || verdict === "temporary");
}

/** `12 to create, 1 to update, 4 kept`; for a plan that leaves everything as it is: `nothing to do`. */
export function planInWords(nodes: readonly PlannedNode[]): string {
  if (isIdle(nodes)) return "nothing to do";
  const words = {
    refuse: "refused",
    unseen: "not to be seen",
    remove: "to remove",
    replace: "to replace",
    create: "to create",
    follows: "to follow",
    update: "to update",
    adopt: "to adopt",
    resume: "to wait for",
    wait: "to wait for",
    confirm: "to look for",
    keep: "kept",
    use: "used",
    temporary: undefined,
  } as const satisfies Record<PlannedNode["verdict"], string | undefined>;
  const counts = new Map<string, number>();
  for (const word of Object.values(words)) if (word !== undefined) counts.set(word, 0);
  for (const { verdict } of nodes) {
    const word = words[verdict];
    if (word !== undefined) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word}`)
    .join(", ");
}

export function widthOf(nodes: readonly PlannedNode[]): number {
  return Math.min(28, Math.max(12, ...nodes.map(({ node }) => node.length)));
}
