import { isIntended, wantedOne } from "./decide/things.ts";
import type { Graph, Node } from "./graph.ts";
import type { StepRecord } from "./manifest/manifest.ts";
import type { Observation } from "./observe.ts";
import { isHidden, type OwnedResource, temporaryKinds, type Unaccounted, type Unseen } from "./owned.ts";
import type { Step } from "./step.ts";

export interface PruneInput<Cloud> {
  readonly graph: Graph<Cloud>;
  readonly kinds: readonly Step<unknown, unknown, unknown, Cloud>[];
  readonly records: readonly (readonly [node: string, record: StepRecord])[];
  readonly targets: ReadonlySet<string> | undefined;
  /** What carries the environment's tags, of the kinds that were listed, and the kinds that could not be. */
  readonly owned: readonly OwnedResource<Cloud>[];
  readonly unseen: readonly Unseen[];
  /** What was last seen of the nodes that stand. */
  readonly standing: ReadonlyMap<string, Observation>;
  /** Nodes that nothing more is to be done to, which use no older generation of what they need. */
  readonly done: ReadonlySet<string>;
  /** Nodes that are still to be made or changed, which use up what is temporary. */
  readonly busy: ReadonlySet<string>;
  /** Whether anything of the run went wrong. */
  readonly failed: boolean;
  readonly keepTemporaries: boolean;
  /** Whether what holds data may go: `teardown` alone, which asks. */
  readonly discardData: boolean;
}

export interface Retained<Cloud> {
  readonly thing: OwnedResource<Cloud>;
  readonly why: string;
}

export interface PrunePlan<Cloud> {
  readonly remove: readonly OwnedResource<Cloud>[];
  readonly retain: readonly Retained<Cloud>[];
  /** What may still show up, and be unused: to be waited for before anything is concluded. */
  readonly await: readonly Unaccounted<Cloud>[];
  /** Nodes of which nothing is left to remember, once everything is removed. */
  readonly forget: readonly string[];
}

const HOLDS_DATA = "no longer used, and it costs, but it may hold data: only teardown removes it";
const NOT_FOLLOWED = "what follows it is not done";
const KEPT = "kept as you asked; it costs until teardown or the next up";
const AT_LAST = "no longer used, and removed when all the rest is done";

/** Start here: what of the environment is no longer used, and what becomes of it. Pure; of `up`, `teardown` and every plan. */
export function prunePlan<Cloud>(input: PruneInput<Cloud>): PrunePlan<Cloud> {
  const fates = new Map<string, { readonly thing: OwnedResource<Cloud>; readonly why: string | undefined }>();
  const add = (thing: OwnedResource<Cloud>, why: string | undefined) => {
    const key = `${thing.step.kind} ${thing.found.ref}`;
    if (!fates.has(key)) fates.set(key, { thing, why });
  };
  const records = new Map(input.records);
  for (const [id, seen] of input.standing) {
    const node = input.graph.node(id)!;
    for (const thing of stale(input, node, seen, records.get(id))) add(thing, whyStaleStays(input, node));
  }
  for (const thing of input.owned) {
    if (!thing.step.destroy) continue;
    if (isLeftover(input, thing)) {
      if (!input.busy.has(input.graph.ownerOf(thing.found.node) ?? "")) {
        add(thing, input.keepTemporaries ? KEPT : undefined);
      }
    } else if (isOrphan(input, thing.found.node)) add(thing, whyOrphanStays(input, thing));
  }
  const retain = [...fates.values()].flatMap(({ thing, why }) => (why === undefined ? [] : [{ thing, why }]));
  return {
    remove: [...fates.values()].flatMap(({ thing, why }) => (why === undefined ? [thing] : [])),
    retain,
    await: unaccounted(input),
    forget: input.records.flatMap(([id, { kind }]) => (isForgotten(input, id, kind, retain) ? [id] : [])),
  };
}

/** Everything of a node that it no longer stands for, less the generations that are kept. */
function stale<Cloud>(
  { graph, targets }: PruneInput<Cloud>,
  { id, step, keep }: Node<Cloud>,
  { found, wanted }: Observation,
  record: StepRecord | undefined,
): OwnedResource<Cloud>[] {
  if (!step.destroy || graph.ownerOf(id) !== undefined || (targets && !targets.has(id))) return [];
  const one = wantedOne({ record, found, wanted, can: { ...step, update: step.update !== undefined } });
  if (!one) return [];
  const others = found.filter(({ ref, owned, state }) => owned && ref !== one.ref && state !== "deleting");
  const generations = others
    .filter(({ state }) => state === "ready")
    .sort((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
  const kept = new Set(generations.slice(0, keep));
  return others.filter((thing) => !kept.has(thing)).map((thing) => ({ step, found: thing }));
}

function whyStaleStays<Cloud>({ graph, done }: PruneInput<Cloud>, { id, step }: Node<Cloud>): string | undefined {
  if (step.protect) return HOLDS_DATA;
  const isFollowed = [...graph.downstreamOf(id)].every(
    (other) => done.has(other) || graph.ownerOf(other) !== undefined,
  );
  return isFollowed ? undefined : NOT_FOLLOWED;
}

/** What was made for another node's making, also for one that the graph no longer has. */
function isLeftover<Cloud>(input: PruneInput<Cloud>, { step, found: { node } }: OwnedResource<Cloud>): boolean {
  if (input.graph.ownerOf(node) !== undefined) return true;
  return !input.graph.node(node) && temporaryKinds(input).has(step.kind);
}

/** A node that the graph no longer has; told only by a whole run. */
function isOrphan<Cloud>({ graph, targets }: PruneInput<Cloud>, node: string): boolean {
  return !targets && !graph.node(node);
}

function whyOrphanStays<Cloud>(
  { discardData, failed }: PruneInput<Cloud>,
  { step }: OwnedResource<Cloud>,
): string | undefined {
  if (step.protect && !discardData) return HOLDS_DATA;
  return failed ? AT_LAST : undefined;
}

function unaccounted<Cloud>(input: PruneInput<Cloud>): Unaccounted<Cloud>[] {
  const { graph, kinds, records, owned, unseen, keepTemporaries } = input;
  return records.flatMap(([node, record]) => {
    const step = kinds.find(({ kind }) => kind === record.kind);
    const isUnused =
      graph.ownerOf(node) !== undefined ? !keepTemporaries && record.phase === "creating" : isOrphan(input, node);
    const isSeen = owned.some(({ found }) => found.node === node && isIntended(record, found));
    if (!step?.destroy || !isUnused || isSeen || record.phase === "destroying" || isHidden(unseen, record.kind))
      return [];
    return [{ node, record, step }];
  });
}

function isForgotten<Cloud>(
  input: PruneInput<Cloud>,
  id: string,
  kind: string,
  retained: readonly Retained<Cloud>[],
): boolean {
  const { graph, unseen, keepTemporaries, failed } = input;
  if (isHidden(unseen, kind)) return false;
  if (graph.ownerOf(id) !== undefined) return !keepTemporaries;
  return isOrphan(input, id) && !failed && !retained.some(({ thing }) => thing.found.node === id);
}
