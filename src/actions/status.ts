import type { Cloud } from "../aws/clients.ts";
import { nodeFor } from "../aws/tags.ts";
import type { WorkloadConfig } from "../config/config.ts";
import type { Graph } from "../engine/graph.ts";
import type { OwnedResource } from "../engine/owned.ts";
import type { Plan } from "../engine/plan.ts";
import { environment } from "../environment/index.ts";
import { readFacts } from "../facts/read-facts.ts";
import { absent, othersHere } from "./absent.ts";
import type { Action } from "./action.ts";
import { tellRefusedNodes } from "./refused-nodes.ts";
import type { PlanResult } from "./result.ts";
import { withSession } from "./session.ts";

/** What there is beside what should be: `decide` for every node, without acting. */
export const status: Action = (host, options, io) =>
  withSession(host, { verb: "status", options, io, locked: false, chooses: true }, async (session) => {
    const graph = environment(session.config, await readFacts(session));
    const plan = await session.engine(graph).plan();
    if (session.manifest.fresh && isAbsent(plan)) throw absent(session, await othersHere(session));
    const one = session.config.workloads.find(({ name }) => name === options.workload);
    const result: PlanResult = { type: "plan", plan: one ? rowsOf(one, graph, plan) : plan, dryRun: false };
    await io.result(result);
    await tellRefusedNodes(session, io);
    return result;
  });

/** Nothing of it is there, and everything could be looked for. */
function isAbsent({ nodes, removals, left, unseen }: Plan<Cloud>): boolean {
  const hasNone = nodes.every(({ ref, verdict }) => ref === undefined && verdict !== "unseen");
  return hasNone && removals.length === 0 && left.length === 0 && unseen.length === 0;
}

/** Of a plan, what one workload's jobs come through, run under and stand on. */
function rowsOf({ suffix }: WorkloadConfig, graph: Graph<Cloud>, plan: Plan<Cloud>): Plan<Cloud> {
  const ends = ["job-queue", "job-definition"].map((node) => nodeFor(node, suffix));
  const its = new Set(ends.flatMap((id) => [id, ...graph.upstreamOf(id)]));
  const isIts = ({ found }: OwnedResource<Cloud>) => its.has(found.node);
  const nodes = plan.nodes.filter(({ node }) => its.has(node));
  return { ...plan, nodes, removals: plan.removals.filter(isIts), left: plan.left.filter(isIts) };
}
