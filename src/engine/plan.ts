import type { Move } from "./decide/situation.ts";
import type { PlannedNode } from "./events.ts";
import type { Node } from "./graph.ts";
import { type Observation, observe } from "./observe.ts";
import { listUnused, type OwnedResource, type Unseen } from "./owned.ts";
import { prunePlan } from "./prune.ts";
import { firstMove } from "./reconcile.ts";
import { failureOf } from "./remove.ts";
import { isAborted, type Run, stepError } from "./run.ts";
import { all, once } from "./schedule.ts";

/** One node of a plan: what is to be done, and what it was decided on. */
interface PlannedStep {
  readonly planned: PlannedNode;
  readonly seen?: Observation;
  /** Known when the node stands as it is. */
  readonly output?: unknown;
}

export interface Plan<Cloud> {
  readonly nodes: readonly PlannedNode[];
  /** What is there and should not be: leftovers of builders, stale generations. */
  readonly removals: readonly OwnedResource<Cloud>[];
  /** What is there and unused, and stays, because it may hold data. */
  readonly left: readonly OwnedResource<Cloud>[];
  /** Kinds that could not be looked at for what is no longer used. */
  readonly unseen: readonly Unseen[];
  /** Nothing to do, and nothing to tell of. */
  readonly idle: boolean;
  /** The nodes to reconcile; the rest is found and used as it is. */
  readonly targets: ReadonlySet<string> | undefined;
  readonly steps: ReadonlyMap<string, PlannedStep>;
}

/** Looks and decides; never writes. With targets, only they are decided on and the rest must be there. */
export async function makePlan<Cloud>(run: Run<Cloud>, targets: ReadonlySet<string> | undefined): Promise<Plan<Cloud>> {
  const { graph, kinds, manifest } = run;
  const planned = once((id: string): Promise<PlannedStep> => planNode(run, graph.node(id)!, planned, targets));
  const [looked, { things: owned, unseen }] = await Promise.all([
    all(nodesInScope(graph, targets).map(({ id }) => planned(id))),
    listUnused(run, targets),
  ]);
  const standing = looked.filter(({ planned }) => isStanding(planned.verdict));
  const { remove, retain } = prunePlan({
    ...{ graph, kinds, records: manifest.records, targets, owned, unseen },
    standing: new Map(standing.flatMap(({ planned, seen }) => (seen ? [[planned.node, seen] as const] : []))),
    // All that is planned is taken for done; what is kept on request is shown all the same.
    ...{ done: new Set(graph.nodes.map(({ id }) => id)), failed: false, keepTemporaries: false, discardData: false },
    busy: new Set(looked.filter(({ planned }) => !isStanding(planned.verdict)).map(({ planned }) => planned.node)),
  });
  const nodes = looked.map(({ planned }) => withLeftover(planned, owned));
  const steps = new Map(looked.map((step) => [step.planned.node, step]));
  const isIdle = nodes.every(({ verdict }) => verdict === "keep" || verdict === "use" || verdict === "temporary");
  const isUsed = remove.length === 0 && retain.length === 0;
  return {
    ...{ nodes, unseen, targets, steps, removals: remove, left: retain.map(({ thing }) => thing) },
    idle: isIdle && isUsed && !manifest.fresh && !isUnfinished(run, targets),
  };
}

/** The cloud may be as it should be, and the manifest still speaks of something that was begun. */
function isUnfinished<Cloud>(
  { graph, manifest, keepTemporaries }: Run<Cloud>,
  targets: ReadonlySet<string> | undefined,
): boolean {
  return manifest.records.some(([id, { phase }]) => {
    const owner = graph.ownerOf(id);
    if (targets && !targets.has(owner ?? id)) return false;
    if (owner === undefined) return phase !== "ready";
    // One that is kept although it was used is done with.
    return !keepTemporaries || phase === "creating" || phase === "updating";
  });
}

async function planNode<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  planned: (id: string) => Promise<PlannedStep>,
  targets: ReadonlySet<string> | undefined,
): Promise<PlannedStep> {
  const { id, step } = node;
  const temporaryOf = run.graph.ownerOf(id);
  const about = { node: id, kind: step.kind };
  if (temporaryOf) {
    return {
      planned: { ...about, verdict: "temporary", reason: `only while ${temporaryOf} is being made`, temporaryOf },
    };
  }
  const needs = await all(node.needs.map(planned));
  const unsettled = node.needs.find((_need, at) => !isStanding(needs[at]!.planned.verdict));
  if (unsettled !== undefined) {
    const replaced = node.needs.find((_need, at) => needs[at]!.planned.verdict === "replace");
    return { planned: shown(node, firstMove(run, node, NOT_LOOKED, { needs: { replaced, unsettled } })) };
  }
  const outputs = new Map(node.needs.map((need, at) => [need, needs[at]!.output]));
  const seen = await observe(run, node, outputs).catch((error: unknown) => {
    if (isAborted(error)) throw error;
    if (!run.errors.denied(error)) throw stepError(run, node, "looking for", error);
    return { reason: run.errors.words(error), hint: run.errors.hint(error) };
  });
  if ("reason" in seen) return { planned: { ...about, verdict: "unseen", ...seen } };
  const move = firstMove(run, node, seen, { asItIs: targets !== undefined && !targets.has(id) });
  if (move.do === "fail") throw failureOf(id, move);
  return { planned: shown(node, move), seen, output: move.found?.output };
}

/** With targets: them, and what they and their temporaries need; else everything. */
export function nodesInScope<Cloud>(
  { nodes }: Run<Cloud>["graph"],
  targets: ReadonlySet<string> | undefined,
): readonly Node<Cloud>[] {
  if (!targets) return nodes;
  const scope = new Set(targets);
  for (const { id, needs, temporaries } of [...nodes].reverse()) {
    if (!scope.has(id)) continue;
    for (const need of needs) scope.add(need);
    if (targets.has(id)) for (const held of temporaries.values()) scope.add(held);
  }
  return nodes.filter(({ id }) => scope.has(id));
}

/** What a node is decided on that cannot be looked for yet, because what it needs is not there. */
const NOT_LOOKED: Observation = { inputs: undefined, wanted: { fingerprint: "", fixedFingerprint: "" }, found: [] };

function shown<Cloud>({ id, step }: Node<Cloud>, move: Move): PlannedNode {
  const { ref, state, detail } = move.found ?? {};
  const drift = move.verdict === "use" ? undefined : move.found?.drift;
  const isRefused = move.do === "refuse";
  return {
    ...{ node: id, kind: step.kind, verdict: move.verdict!, reason: move.reason },
    ...{ ref: ref ?? (isRefused ? move.ref : undefined), state, detail, drift },
    hint: isRefused ? move.hint : undefined,
  };
}

function isStanding(verdict: PlannedNode["verdict"]): boolean {
  return verdict === "keep" || verdict === "adopt" || verdict === "use";
}

/** A temporary node's row shows what of it is running now. */
function withLeftover<Cloud>(node: PlannedNode, owned: readonly OwnedResource<Cloud>[]): PlannedNode {
  const live = node.temporaryOf === undefined ? undefined : owned.find(({ found }) => found.node === node.node);
  return live ? { ...node, ref: live.found.ref, state: live.found.state, detail: live.found.detail } : node;
}
