import type { Cloud } from "../aws/clients.ts";
import type { Engine } from "../engine/engine.ts";
import type { PlannedNode } from "../engine/events.ts";
import type { Graph } from "../engine/graph.ts";
import type { Plan } from "../engine/plan.ts";
import type { Summary } from "../engine/rollout.ts";
import { environment } from "../environment/index.ts";
import type { Facts } from "../environment/scope.ts";
import { diskKeyWarning } from "../facts/disk-key.ts";
import { lostJobsWarnings } from "../facts/lost-jobs.ts";
import { demandMirrors } from "../facts/mirrors.ts";
import { pinsOf, readFacts } from "../facts/read-facts.ts";
import { vcpuQuotaWarnings } from "../facts/vcpu-quota.ts";
import type { Action, Io } from "./action.ts";
import { approve, refuse } from "./approve.ts";
import { leftAsItIs } from "./left.ts";
import type { Options } from "./options.ts";
import { tellRefusedNodes } from "./refused-nodes.ts";
import { upResult } from "./report.ts";
import type { Result } from "./result.ts";
import { type Session, withSession } from "./session.ts";

/** Makes what is missing, mends what drifted, changes what the config changed. */
export const up: Action = (host, options, io) =>
  withSession(host, { verb: "up", options, io, locked: !options.dryRun, chooses: true }, async (session) =>
    bringUp(session, { options, io, facts: await readFacts(session), targetsIn: () => undefined }),
  );

export interface Wanted {
  readonly options: Options;
  readonly io: Io;
  readonly facts: Facts;
  readonly targetsIn: (graph: Graph<Cloud>) => ReadonlySet<string> | undefined;
}

/** Plans, shows or asks, and acts; with targets only on them. Shared by `up` and `bake-ami`. */
export async function bringUp(session: Session, { options, io, facts, targetsIn }: Wanted): Promise<Result> {
  const { config, clock, signal } = session;
  const graph = environment(config, facts);
  const engine = session.engine(graph);
  const plan = await engine.plan(targetsIn(graph));
  demandMirrors(config, facts, plan);
  const warnings = await Promise.all([
    diskKeyWarning(session, plan),
    plan.targets ? [] : vcpuQuotaWarnings(session, facts, plan),
    lostJobsWarnings(session, plan),
  ]);
  for (const text of warnings.flat()) if (text !== undefined) io.event({ type: "note", at: clock.now(), text });
  if (options.dryRun) return told(io, { type: "plan", plan, dryRun: true });
  refuse(plan);
  const left = leftAsItIs(plan, options);
  if (plan.idle) return told(io, { type: "idle", plan, left });
  await approve(graph, plan, options, { io, signal });
  io.event({ type: "planned", at: clock.now(), nodes: plan.nodes.map(withNeeds(graph)) });
  const summary = await act(session, facts, engine, plan);
  const result = await told(io, upResult(session, options, { graph, plan, summary, left }));
  // Batch's own words name no disk, and an environment that was just made valid again still has the nodes it had. What
  // failed is told whatever comes of this look.
  await tellRefusedNodes(session, io).catch(() => {});
  return result;
}

function withNeeds(graph: Graph<Cloud>) {
  return (planned: PlannedNode): PlannedNode => ({ ...planned, needs: graph.node(planned.node)?.needs });
}

async function told<R extends Result>(io: Io, result: R): Promise<R> {
  await io.result(result);
  return result;
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
