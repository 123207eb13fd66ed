import type { Flags } from "../cli/flags.ts";
import { environment } from "../environment/index.ts";
import { readFacts } from "../facts/read-facts.ts";
import { isPartial, sayPlan } from "./plan.ts";
import { sayRefusedNodes } from "./refused-nodes.ts";
import { type Session, withSession } from "./session.ts";

/** What there is beside what should be: `decide` for every node, without acting. */
export function status(flags: Flags): Promise<void> {
  return withSession("status", flags, { locked: false, chooses: true }, show);
}

/** Of the environment that a session is about. */
export async function show(session: Session): Promise<void> {
  const graph = environment(session.config, await readFacts(session));
  const plan = await session.engine(graph).plan();
  sayPlan(session, plan);
  await sayRefusedNodes(session);
  if (isPartial(plan)) process.exitCode = 1;
}
