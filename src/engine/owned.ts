import { GRACE_MS } from "./decide/situation.ts";
import { isIntended, isStripped } from "./decide/things.ts";
import type { StepRecord } from "./manifest/manifest.ts";
import { find, note, paceOf, type Run } from "./run.ts";
import { all } from "./schedule.ts";
import type { Found, Step } from "./step.ts";

type Kind<Cloud> = Step<unknown, unknown, unknown, Cloud>;

/** A thing of ours, with the kind that knows how to remove it. */
export interface OwnedResource<Cloud> {
  readonly step: Kind<Cloud>;
  readonly found: Found;
}

/** A kind that the one who asks may not look at, in the cloud's words. */
export interface Unseen {
  readonly kind: string;
  readonly words: string;
  /** Everything by the names we give was asked for; only the list of the others was refused. */
  readonly byName: boolean;
}

export interface Owned<Cloud> {
  readonly things: readonly OwnedResource<Cloud>[];
  readonly unseen: readonly Unseen[];
}

/** A record that speaks of something nobody sees. */
export interface Unaccounted<Cloud> {
  readonly node: string;
  readonly record: StepRecord;
  readonly step: Kind<Cloud>;
}

/**
 * Everything that carries this environment's tags, of every kind, whatever the node, and what holds data and is known
 * although it lost them; a kind that is denied is named.
 */
export async function listOwned<Cloud>(run: Run<Cloud>, kinds = run.kinds): Promise<Owned<Cloud>> {
  const unseen = new Map<string, Unseen>();
  const lists = await all(
    kinds.map(async (step) => {
      const { kind } = step;
      const miss = (cause: unknown, byName: boolean) =>
        unseen.set(kind, { kind, words: run.errors.words(cause), byName });
      const found = await run.calls
        .readPatiently(paceOf(step).everyMs, () => find(run, step, undefined, undefined, (cause) => miss(cause, true)))
        .catch((error: unknown) => {
          if (!run.errors.denied(error)) throw error;
          miss(error, false);
          return [];
        });
      const isOurs = (thing: Found) => thing.owned || (step.protect && isStripped(run.manifest.get(thing.node), thing));
      return found.filter(isOurs).map((thing) => ({ step, found: thing }));
    }),
  );
  return { things: lists.flat(), unseen: [...unseen.values()] };
}

/** Everything of the kinds of temporary nodes, which the manifest may not know. */
export function listTemporary<Cloud>(run: Run<Cloud>): Promise<Owned<Cloud>> {
  const temporary = temporaryKinds(run);
  return listOwned(
    run,
    run.kinds.filter(({ kind, destroy }) => destroy && temporary.has(kind)),
  );
}

/** What may be unused: of temporary nodes; and of every kind where the manifest speaks of a node that the graph does not have, or was lost. */
export function listUnused<Cloud>(run: Run<Cloud>, targets: ReadonlySet<string> | undefined): Promise<Owned<Cloud>> {
  const { graph, kinds, manifest } = run;
  const canStay = (of: string) => kinds.some(({ kind }) => kind === of);
  const isDropped = manifest.records.some(([id, { kind }]) => !graph.node(id) && canStay(kind));
  return !targets && (manifest.fresh || isDropped) ? listOwned(run) : listTemporary(run);
}

export function temporaryKinds<Cloud>({ graph }: Pick<Run<Cloud>, "graph">): ReadonlySet<string> {
  return new Set(graph.nodes.filter(({ id }) => graph.ownerOf(id) !== undefined).map(({ step }) => step.kind));
}

/** Whether anything of a kind may be there that a list could not show. */
export function isHidden(unseen: readonly Unseen[], of: string): boolean {
  return unseen.some(({ kind, byName }) => kind === of && !byName);
}

/** Waits for what the manifest speaks of and nobody sees: not there may mean not visible yet. Answers what showed up. */
export async function waitVisible<Cloud>(
  run: Run<Cloud>,
  unaccounted: readonly Unaccounted<Cloud>[],
): Promise<readonly OwnedResource<Cloud>[]> {
  const late = await all(
    unaccounted.map(async ({ node, record, step }) => {
      note(run, node, "is on record and not to be seen: waiting up to 2 minutes whether it shows up");
      const found = await findLate(run, { node, record, step });
      return found.filter((thing) => isIntended(record, thing) && thing.owned).map((thing) => ({ step, found: thing }));
    }),
  );
  return late.flat();
}

async function findLate<Cloud>(run: Run<Cloud>, { node, record, step }: Unaccounted<Cloud>): Promise<readonly Found[]> {
  const { everyMs } = paceOf(step);
  const until = run.clock.elapsed() + GRACE_MS;
  for (;;) {
    // Told before the look: however long the machine slept, there is one more after it.
    const isLast = run.clock.elapsed() >= until;
    const found = await run.calls.readPatiently(everyMs, () => find(run, step, node));
    if (found.some((thing) => isIntended(record, thing)) || isLast) return found;
    await run.calls.wait(everyMs);
  }
}
