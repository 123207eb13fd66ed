import { randomUUID } from "node:crypto";
import { GRACE_MS } from "./decide/situation.ts";
import { best } from "./decide/things.ts";
import { AbortedError, type BootstrapError, StepError } from "./errors.ts";
import type { Outcome } from "./events.ts";
import type { Node } from "./graph.ts";
import { hint } from "./hint.ts";
import { ManifestError, type Pins, type StepRecord } from "./manifest/manifest.ts";
import { type Observation, observe } from "./observe.ts";
import {
  listOwned,
  listTemporary,
  listUnused,
  type Owned,
  type OwnedResource,
  type Unseen,
  waitVisible,
} from "./owned.ts";
import { nodesInScope, type Plan } from "./plan.ts";
import { type PruneInput, prunePlan, type Retained } from "./prune.ts";
import { type Reconciled, reconcile } from "./reconcile.ts";
import { label, removeAll } from "./remove.ts";
import { isAborted, note, type Run, stepError, surveyError } from "./run.ts";
import { all, once } from "./schedule.ts";

export interface Summary {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly outputs: ReadonlyMap<string, unknown>;
  readonly failures: readonly BootstrapError[];
  /** Things of ours that were left alone, and why. */
  readonly left: readonly string[];
}

/** A node could not be looked at because one that it needs failed. */
class Blocked extends Error {
  readonly by: string;
  constructor(by: string) {
    super(`blocked by ${by}`);
    this.by = by;
  }
}

/** One `up`: reconciles the nodes of a plan, each when what it needs stands, and then removes what is no longer used. */
export class Rollout<Cloud> {
  readonly #run: Run<Cloud>;
  readonly #plan: Plan<Cloud>;
  readonly #failures: BootstrapError[] = [];
  readonly #done = new Map<string, Reconciled>();
  readonly #outputs = new Map<string, unknown>();
  readonly #releases: Promise<BootstrapError[]>[] = [];
  /** Kinds that could not be listed, and of which that was told. */
  readonly #told = new Set<string>();
  /** Until when an empty answer is not believed where no record speaks of a node: the manifest was lost. */
  #doubtUntil = 0;

  constructor(run: Run<Cloud>, plan: Plan<Cloud>) {
    this.#run = run;
    this.#plan = plan;
  }

  /** The pins are written down before anything is made. */
  async up(pins?: Pins): Promise<Summary> {
    const { graph, signal } = this.#run;
    await this.#recover(pins);
    const wanted = nodesInScope(graph, this.#plan.targets).filter(({ id }) => graph.ownerOf(id) === undefined);
    const results = await Promise.allSettled(wanted.map(({ id }) => this.#bring(id)));
    for (const result of results) {
      if (result.status === "rejected" && !isAborted(result.reason) && !(result.reason instanceof Blocked))
        throw result.reason;
    }
    const releases = await Promise.allSettled(this.#releases);
    if (signal.aborted) throw this.#stopped();
    this.#tellUnneeded();
    for (const release of releases) {
      const isLost = release.status === "rejected";
      this.#failures.push(...(isLost ? [surveyError(this.#run, release.reason)] : release.value));
    }
    const left = await this.#prune().catch((error: unknown) => {
      if (isAborted(error)) throw this.#stopped();
      this.#failures.push(surveyError(this.#run, error));
      return [];
    });
    const outcomes = new Map([...this.#done].map(([id, { outcome }]) => [id, outcome]));
    return { outcomes, outputs: this.#outputs, failures: this.#failures, left };
  }

  /**
   * With the manifest lost, everything that is there is written down in its first write: a second run, which finds a
   * manifest, asks for nothing that neither it nor the graph speaks of.
   */
  async #recover(pins: Pins | undefined): Promise<void> {
    const { manifest, clock } = this.#run;
    const unrecorded = manifest.fresh ? (await this.#list(listOwned(this.#run))).things : [];
    if (unrecorded.length > 0) this.#doubtUntil = clock.elapsed() + GRACE_MS;
    if (pins || unrecorded.length > 0) await manifest.putAll(this.#recordsOf(unrecorded), pins);
  }

  readonly #bring = once(async (id: string): Promise<void> => {
    const { graph, clock, emit } = this.#run;
    const node = graph.node(id)!;
    let startedAt = clock.now();
    try {
      await all(node.needs.map(this.#bring));
      startedAt = clock.now();
      const { ref, outcome } = await this.#reconcile(node);
      this.#release(node);
      emit({ type: "finished", at: clock.now(), node: id, outcome, ms: clock.now() - startedAt, ref });
    } catch (error) {
      if (isAborted(error)) throw error;
      if (error instanceof Blocked) {
        emit({ type: "blocked", at: clock.now(), node: id, by: error.by });
        throw error;
      }
      const failure = stepError(this.#run, node, "bringing up", error);
      this.#failures.push(failure);
      emit({ type: "failed", at: clock.now(), node: id, ms: clock.now() - startedAt, error: failure });
      throw new Blocked(id);
    }
  });

  /** A node is looked at again only if something it needs was changed. */
  async #reconcile(node: Node<Cloud>): Promise<Reconciled> {
    const { id, needs, temporaries } = node;
    const { steps, targets } = this.#plan;
    const unchanged: readonly (Outcome | undefined)[] = ["kept", "adopted"];
    const isSame = needs.every((need) => unchanged.includes(this.#done.get(need)?.outcome));
    const seen = (isSame && steps.get(id)?.seen) || (await observe(this.#run, node, this.#outputs));
    const result = await reconcile(this.#run, node, seen, {
      doubtUntil: this.#doubtUntil,
      asItIs: targets !== undefined && !targets.has(id) && this.#run.graph.ownerOf(id) === undefined,
      temporaries: async () => {
        await all([...temporaries.values()].map(this.#bring));
        return Object.fromEntries([...temporaries].map(([as, held]) => [as, this.#outputs.get(held)]));
      },
    });
    this.#outputs.set(id, result.output);
    this.#done.set(id, result);
    return result;
  }

  /** Temporary nodes whose owner stands go at once: they cost by the minute. */
  #release({ temporaries }: Node<Cloud>): void {
    const served = [...temporaries.values()].filter((held) => this.#done.has(held));
    if (served.length === 0 || this.#run.keepTemporaries) return;
    const release = listTemporary(this.#run).then(({ things }) =>
      removeAll(
        this.#run,
        things.filter(({ found }) => served.includes(found.node)),
      ),
    );
    release.catch(() => {});
    this.#releases.push(release);
  }

  #tellUnneeded(): void {
    const { graph, emit, clock } = this.#run;
    const failed = new Set(this.#failures.map((failure) => (failure instanceof StepError ? failure.node : "")));
    for (const { id } of graph.nodes) {
      if (!graph.ownerOf(id) || this.#done.has(id) || failed.has(id)) continue;
      emit({ type: "finished", at: clock.now(), node: id, outcome: "unneeded", ms: 0 });
    }
  }

  /** Removes what is no longer used. Answers what was left alone, in words. */
  async #prune(): Promise<string[]> {
    const run = this.#run;
    const { graph, manifest, kinds, keepTemporaries } = run;
    const { targets } = this.#plan;
    const standing = await this.#standing();
    const { things: owned, unseen } = await this.#list(listUnused(run, targets));
    const input: PruneInput<Cloud> = {
      ...{ graph, kinds, records: manifest.records, targets, owned, unseen, standing, keepTemporaries },
      ...{ done: new Set(this.#done.keys()), busy: new Set<string>(), discardData: false },
      failed: this.#failures.length > 0,
    };
    const late = await waitVisible(run, prunePlan(input).await);
    const { remove, retain, forget } = prunePlan({ ...input, owned: [...owned, ...late] });
    for (const thing of remove) {
      const { step, found } = thing;
      note(run, undefined, `removing ${step.kind} ${found.ref} (${label(remove, thing)}): no longer used`);
    }
    this.#failures.push(...(await removeAll(run, remove)));
    if (!this.#isKept(remove)) for (const id of forget) if (manifest.get(id)) await manifest.drop(id);
    return retain.map(inWords);
  }

  /** Whether something of what was to be removed may still be there, or the manifest cannot be written. */
  #isKept(removed: readonly OwnedResource<Cloud>[]): boolean {
    return this.#failures.some(
      (failure) =>
        failure instanceof ManifestError ||
        (failure instanceof StepError && removed.some(({ found }) => found.node === failure.node)),
    );
  }

  /** With the manifest lost, nobody knows what is still out of sight: waits until nothing can be, and looks once more. */
  async #standing(): Promise<ReadonlyMap<string, Observation>> {
    const run = this.#run;
    const standing = new Map([...this.#done].map(([id, { seen }]) => [id, seen]));
    if (this.#doubtUntil === 0) return standing;
    const waitMs = this.#doubtUntil - run.clock.elapsed();
    if (waitMs > 0) {
      note(run, undefined, "the manifest is gone: looking again when everything must have come into sight");
      await run.calls.wait(waitMs);
    }
    const { things } = await this.#list(listOwned(run));
    const later = ([id, seen]: readonly [string, Observation]) => {
      const { kind } = run.graph.node(id)!.step;
      const its = things.filter(({ found, step }) => found.node === id && step.kind === kind);
      return [id, { ...seen, found: its.map(({ found }) => found) }] as const;
    };
    return new Map([...standing].map(later));
  }

  #recordsOf(unrecorded: readonly OwnedResource<Cloud>[]): Readonly<Record<string, StepRecord>> {
    const { graph, clock } = this.#run;
    const at = new Date(clock.now()).toISOString();
    return Object.fromEntries(
      [...new Set(unrecorded.map(({ found }) => found.node))].map((id) => {
        const things = unrecorded.filter(({ found }) => found.node === id);
        const all = things.map(({ found }) => found);
        const { ref, fingerprint = "", token = randomUUID() } = best(undefined, all)!;
        const { kind } = things.find(({ found }) => found.ref === ref)!.step;
        const phase = graph.ownerOf(id) === undefined ? ("ready" as const) : ("destroying" as const);
        return [id, { kind, needs: [], phase, inputs: null, ref, fingerprint, token, at }];
      }),
    );
  }

  /** A list, and a note for each kind that could not be seen, once. */
  async #list(listed: Promise<Owned<Cloud>>): Promise<Owned<Cloud>> {
    const { unseen, things } = await listed;
    for (const { kind, words, byName } of unseen.filter((one: Unseen) => !this.#told.has(one.kind))) {
      this.#told.add(kind);
      const looked = byName ? "looked for by the names they are given only" : "not looked for";
      note(this.#run, undefined, `things of kind ${kind} that nothing uses any more were ${looked}: ${words}`);
    }
    return { unseen, things };
  }

  /** What goes on, and costs, without us. */
  #stopped(): AbortedError {
    const { graph, kinds, manifest } = this.#run;
    const open = manifest.records.filter(([id, { phase, kind }]) => {
      const costs = graph.ownerOf(id) !== undefined && kinds.some((step) => step.kind === kind);
      return costs || phase === "creating" || phase === "updating";
    });
    const running = open.flatMap(([id, { kind, ref }]) => (ref === undefined ? [] : [`  ${kind} ${ref} (${id})`]));
    const lines = running.length > 0 ? ["still at work without us:", ...running] : [];
    return new AbortedError(
      ["stopped before everything was done", ...lines].join("\n"),
      hint`the same command goes on from here; ${["teardown"]} removes everything`,
    );
  }
}

function inWords<Cloud>({ thing: { step, found }, why }: Retained<Cloud>): string {
  return `${step.kind} ${found.ref} (${found.node}): ${why}`;
}
