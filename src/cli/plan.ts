import type { Cloud } from "../aws/clients.ts";
import type { Plan } from "../engine/engine.ts";
import { renderPlan } from "../ui/plan.ts";
import { colors } from "./colors.ts";
import { say } from "./say.ts";
import type { Session } from "./session.ts";

/** What was decided, for `--dry-run` and `status`: a table for people, the verdicts for programs. */
export function sayPlan(session: Session, { nodes, removals, idle }: Plan<Cloud>): void {
  const away = removals.map(({ step, found }) => ({ kind: step.kind, node: found.node, ref: found.ref }));
  const rows = away.map(({ kind, node, ref }) => ({
    node,
    kind,
    ref,
    verdict: "remove" as const,
    reason: "no longer used",
  }));
  say(session, renderPlan([...nodes, ...rows], { color: colors() }), { type: "plan", idle, nodes, removals: away });
}
