import type { Cloud } from "../aws/clients.ts";
import type { Plan } from "../engine/engine.ts";
import type { PlannedNode } from "../engine/events.ts";
import type { Thing } from "../engine/removal.ts";
import { renderPlan } from "../ui/plan.ts";
import { colors } from "./colors.ts";
import { say } from "./say.ts";
import type { Session } from "./session.ts";

/** What was decided, for `--dry-run` and `status`: a table for people, the verdicts for programs. */
export function sayPlan(session: Session, { nodes, removals, left, idle }: Plan<Cloud>): void {
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
  const json = { type: "plan", idle, nodes, removals: away, left: staying };
  say(session, renderPlan(rows, { color: colors() }), json);
}

function inShort({ step, found }: Thing<Cloud>) {
  return { kind: step.kind, node: found.node, ref: found.ref };
}
