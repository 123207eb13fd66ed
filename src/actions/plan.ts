import type { Cloud } from "../aws/clients.ts";
import { commandFor, type Flags } from "../cli/flags.ts";
import { say } from "../cli/print.ts";
import { colors } from "../cli/terminal.ts";
import type { Plan } from "../engine/engine.ts";
import type { Planned, PlannedNode } from "../engine/events.ts";
import type { Thing, Unseen } from "../engine/removal.ts";
import { renderPlan } from "../ui/plan.ts";
import type { Session } from "./session.ts";

/** What was decided, for `--dry-run` and `status`: a table for people, the verdicts for programs. */
export function sayPlan(session: Session, { nodes, removals, left, unseen, idle }: Plan<Cloud>): void {
  const away = removals.map(inShort);
  const staying = left.map(inShort);
  const rows: PlannedNode[] = [
    ...nodes.filter(({ verdict, ref }) => verdict !== "temporary" || ref !== undefined),
    ...away.map((thing) => ({ ...thing, verdict: "remove" as const, reason: "no longer used" })),
    ...staying.map((thing) => ({
      ...thing,
      verdict: "keep" as const,
      reason: "no longer used, and it costs, but it may hold data",
    })),
  ];
  const json = { type: "plan", idle, nodes, removals: away, left: staying, unseen };
  const plan = renderPlan(rows, { color: colors() });
  say(session, [plan, ...notLookedFor(unseen, "what is no longer used")].join("\n"), json);
}

/** Whether something may be there that the plan does not show, because AWS did not allow a look at it. */
export function isPartial({ nodes, unseen }: Plan<Cloud>): boolean {
  return nodes.some(({ verdict }) => verdict === "unseen") || unseen.some(({ byName }) => !byName);
}

const MAKES: ReadonlySet<Planned> = new Set(["create", "replace", "confirm", "follows"]);

/** Whether the node is to be made anew; said rather once too often of one that follows another. */
export function willMake({ nodes }: Pick<Plan<Cloud>, "nodes">, id: string): boolean {
  return nodes.some(({ node, verdict }) => node === id && MAKES.has(verdict));
}

/** What a survey could not see, in AWS's words; nothing where it saw everything. */
export function notLookedFor(unseen: readonly Unseen[], what: string): readonly string[] {
  const line = ({ kind, words, byName }: Unseen) =>
    `  ${kind.padEnd(20)} ${words}${byName ? " (looked for by the names that bootstrap gives)" : ""}`;
  return unseen.length > 0
    ? [`${what} was not looked for everywhere, because AWS does not allow it:`, ...unseen.map(line)]
    : [];
}

/** What stands otherwise than wanted and stays so, and what would mend it: a line each. */
export function leftAsItIs({ nodes }: Plan<Cloud>, flags: Flags): readonly string[] {
  const again = `${commandFor("up", flags)} --repair`;
  return nodes
    .filter(({ verdict }) => verdict === "keep")
    .flatMap(({ node, ref, drift = [] }) =>
      drift.map(({ field, have, want, never, failed }) => {
        const mend = failed ? `AWS gave up on it (${failed.reason}); ${again} asks again` : `${again} mends it`;
        return `${node} ${ref}: ${field} is ${have}, wanted is ${want}: ${never ?? mend}`;
      }),
    );
}

function inShort({ step, found }: Thing<Cloud>) {
  return { kind: step.kind, node: found.node, ref: found.ref };
}
