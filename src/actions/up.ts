import type { Cloud } from "../aws/clients.ts";
import type { Flags } from "../cli/flags.ts";
import { say } from "../cli/print.ts";
import type { Engine, Plan, Summary } from "../engine/engine.ts";
import type { Graph } from "../engine/graph.ts";
import { environment, type Facts } from "../environment/index.ts";
import { warnOfDiskKey } from "../facts/disk-key.ts";
import { demandMirrors } from "../facts/mirrors.ts";
import { pinsOf, readFacts } from "../facts/read-facts.ts";
import { agree, refuse } from "./approve.ts";
import { isPartial, leftAsItIs, notLookedFor, sayPlan } from "./plan.ts";
import { report } from "./report.ts";
import { type Session, withSession } from "./session.ts";

/** Makes what is missing, mends what drifted, changes what the config changed. */
export function up(flags: Flags): Promise<void> {
  return withSession("up", flags, { locked: !flags.dryRun, chooses: true }, async (session) => {
    const facts = await readFacts(session);
    await bringUp(session, facts, () => undefined);
  });
}

/** Plans, shows or asks, and acts; with targets only on them. Shared by `up` and `bake-ami`. */
export async function bringUp(
  session: Session,
  facts: Facts,
  targetsIn: (graph: Graph<Cloud>) => ReadonlySet<string> | undefined,
): Promise<void> {
  const { flags, config, view, clock } = session;
  const graph = environment(config, facts);
  const engine = session.engine(graph);
  const targets = targetsIn(graph);
  const plan = await engine.plan(targets);
  demandMirrors(session, facts, plan);
  await warnOfDiskKey(session, plan);
  if (flags.dryRun) {
    sayPlan(session, plan);
    // For scripts: a plan that would be refused is no good plan.
    if (plan.nodes.some(({ verdict }) => verdict === "refuse")) process.exitCode = 3;
    else if (isPartial(plan)) process.exitCode = 1;
    return;
  }
  refuse(plan);
  const left = leftAsItIs(plan, flags);
  if (plan.idle) {
    const alone = left.length > 0 ? ["left as it is:", ...left.map((line) => `  ${line}`)] : [];
    const unlooked = notLookedFor(plan.unseen, "what is no longer used");
    const json = { type: "summary", idle: true, left, unseen: plan.unseen };
    say(session, ["nothing to do", ...alone, ...unlooked].join("\n"), json);
    return;
  }
  await agree(session, graph, plan);
  view.onEvent({ type: "planned", at: clock.now(), nodes: plan.nodes });
  const summary = await act(session, facts, engine, plan);
  await report(session, graph, { ...summary, left: [...summary.left, ...left] });
}

/**
 * What was chosen is written down before anything is made, and what the config chose anew only when all of it stands. A
 * bake's base image becomes the environment's own when the image made from it is ready.
 */
export async function act(
  session: Pick<Session, "config" | "manifest">,
  facts: Facts,
  engine: Engine<Cloud>,
  plan: Plan<Cloud>,
): Promise<Summary> {
  const { manifest } = session;
  if (plan.targets) return engine.up(plan);
  const summary = await engine.up(plan, { ...pinsOf(session, facts), ...manifest.pins });
  if (summary.failures.length === 0) await manifest.pin(pinsOf(session, facts));
  return summary;
}
