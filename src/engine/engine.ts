import { randomUUID } from "node:crypto";
import { Calls, type CloudErrors } from "./calls.ts";
import type { Clock } from "./clock.ts";
import { GRACE_MS, type Move } from "./decide/situation.ts";
import { best, wantedOne } from "./decide/things.ts";
import { AbortedError, BootstrapError, StepError } from "./errors.ts";
import type { Listener, Outcome, PlannedNode } from "./events.ts";
import type { Graph, Node } from "./graph.ts";
import { hint } from "./hint.ts";
import { JournalError, type Manifest, type Pins, type StepRecord } from "./manifest/manifest.ts";
import { type Observation, observe } from "./observe.ts";
import { firstMove, type Reconciled, reconcile } from "./reconcile.ts";
import {
  cameBack,
  failureOf,
  isHidden,
  label,
  lateArrivals,
  removeAll,
  type Survey,
  survey,
  type Thing,
  type Unseen,
} from "./removal.ts";
import { isAborted, note, type Run, stepError, surveyError } from "./run.ts";
import { all, once } from "./schedule.ts";
import type { Found, Step } from "./step.ts";

export interface EngineOptions<Cloud> {
  readonly name: string;
  readonly region: string;
  readonly cloud: Cloud;
  readonly kinds: readonly Step<unknown, unknown, unknown, Cloud>[];
  readonly graph: Graph<Cloud>;
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly errors: CloudErrors;
  readonly emit: Listener;
  readonly tags?: Readonly<Record<string, string>>;
  readonly repair?: boolean;
  readonly keepTemporaries?: boolean;
}

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
  readonly removals: readonly Thing<Cloud>[];
  /** What is there and unused, and stays, because it may hold data. */
  readonly left: readonly Thing<Cloud>[];
  /** Kinds that could not be looked at for what is no longer used. */
  readonly unseen: readonly Unseen[];
  /** Nothing to do, and nothing to tell of. */
  readonly idle: boolean;
  /** The nodes to bring; the rest is found and used as it is. */
  readonly targets: ReadonlySet<string> | undefined;
  readonly steps: ReadonlyMap<string, PlannedStep>;
}

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

/** Start here: plans, brings up and takes down what a graph describes. It knows no cloud and no terminal. */
export class Engine<Cloud> {
  readonly #run: Run<Cloud>;

  constructor({ repair = false, keepTemporaries = false, ...options }: EngineOptions<Cloud>) {
    // What a step says in its own words is no answer of the cloud's that could have been lost.
    const trouble = (error: unknown) => (error instanceof BootstrapError ? "refused" : options.errors.trouble(error));
    const errors = { ...options.errors, trouble };
    const calls = new Calls(options.clock, options.signal, errors);
    this.#run = { ...options, errors, calls, repair, keepTemporaries };
  }

  /** Looks and decides; never writes. With targets, only they are decided on and the rest must be there. */
  async plan(targets?: ReadonlySet<string>): Promise<Plan<Cloud>> {
    const { graph, manifest } = this.#run;
    const planned = once((id: string): Promise<PlannedStep> => this.#planNode(graph.node(id)!, planned, targets));
    const [steps, leftovers, orphans] = await Promise.all([
      all(this.#inScope(targets).map(({ id }) => planned(id))),
      this.#leftovers(),
      targets ? NOTHING : this.#orphans(),
    ]);
    const nodes = steps.map(({ planned: node }) => withLeftover(node, leftovers.things));
    const busy = new Set(nodes.filter(({ verdict }) => !isStanding(verdict)).map(({ node }) => node));
    const stale = steps.flatMap(({ planned: { node }, seen }) =>
      seen && !busy.has(node) ? this.#stale(graph.node(node)!, seen.found, seen) : [],
    );
    const unused = [
      ...leftovers.things.filter(({ found }) => !busy.has(graph.ownerOf(found.node) ?? "")),
      ...stale,
      ...orphans.things,
    ];
    const removals = unused.filter(({ step }) => !step.protect);
    const standing = nodes.every(({ verdict }) => ["keep", "use", "temporary"].includes(verdict));
    return {
      nodes,
      removals,
      left: unused.filter(({ step }) => step.protect),
      unseen: onceEach([...leftovers.unseen, ...orphans.unseen]),
      idle: standing && unused.length === 0 && !manifest.fresh && !this.#isUnfinished(targets),
      targets,
      steps: new Map(nodes.map(({ node }, at) => [node, steps[at]!])),
    };
  }

  /** The cloud may be as it should be, and the journal still speaks of something that was begun. */
  #isUnfinished(targets: ReadonlySet<string> | undefined): boolean {
    const { graph, manifest, keepTemporaries } = this.#run;
    return manifest.records.some(([id, { phase }]) => {
      const owner = graph.ownerOf(id);
      if (targets && !targets.has(owner ?? id)) return false;
      if (owner === undefined) return phase !== "ready";
      // One that is kept although it was used is done with.
      return !keepTemporaries || phase === "creating" || phase === "updating";
    });
  }

  async #planNode(
    node: Node<Cloud>,
    planned: (id: string) => Promise<PlannedStep>,
    targets: ReadonlySet<string> | undefined,
  ): Promise<PlannedStep> {
    const run = this.#run;
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

  /**
   * Acts on a plan just made: a node is looked at again only if something it needs was changed. The pins are written
   * down before anything is made.
   */
  async up(plan: Plan<Cloud>, pins?: Pins): Promise<Summary> {
    const run = this.#run;
    const { graph, manifest, clock, emit, signal } = run;
    const failures: BootstrapError[] = [];
    const outcomes = new Map<string, Outcome>();
    const outputs = new Map<string, unknown>();
    const done = new Map<string, Reconciled>();
    const { things: strangers } = manifest.fresh ? await this.#survey() : NOTHING;
    const doubtUntil = strangers.length > 0 ? clock.elapsed() + GRACE_MS : 0;
    if (pins || strangers.length > 0) await manifest.putAll(this.#recordsOf(strangers), pins);

    const released: Promise<BootstrapError[]>[] = [];

    const brought = once(async (id: string): Promise<void> => {
      const node = graph.node(id)!;
      let startedAt = clock.now();
      try {
        await all(node.needs.map(brought));
        startedAt = clock.now();
        const result = await this.#bringNode(node, plan, outputs, outcomes, brought, doubtUntil);
        outputs.set(id, result.output);
        outcomes.set(id, result.outcome);
        done.set(id, result);
        const served = [...node.temporaries.values()].filter((held) => outcomes.has(held));
        if (served.length > 0 && !run.keepTemporaries) {
          const release = this.#release(served);
          release.catch(() => {});
          released.push(release);
        }
        emit({
          type: "finished",
          at: clock.now(),
          node: id,
          outcome: result.outcome,
          ms: clock.now() - startedAt,
          ref: result.ref,
        });
      } catch (error) {
        if (isAborted(error)) throw error;
        if (error instanceof Blocked) {
          emit({ type: "blocked", at: clock.now(), node: id, by: error.by });
          throw error;
        }
        const failure = stepError(run, node, "bringing up", error);
        failures.push(failure);
        emit({ type: "failed", at: clock.now(), node: id, ms: clock.now() - startedAt, error: failure });
        throw new Blocked(id);
      }
    });

    const wanted = this.#inScope(plan.targets).filter(({ id }) => graph.ownerOf(id) === undefined);
    const results = await Promise.allSettled(wanted.map(({ id }) => brought(id)));
    for (const result of results) {
      if (result.status === "rejected" && !isAborted(result.reason) && !(result.reason instanceof Blocked))
        throw result.reason;
    }
    const releases = await Promise.allSettled(released);
    if (signal.aborted) throw this.#stopped();

    const failed = new Set(failures.map((failure) => (failure instanceof StepError ? failure.node : "")));
    for (const { id } of graph.nodes) {
      if (!graph.ownerOf(id) || outcomes.has(id) || failed.has(id)) continue;
      emit({ type: "finished", at: clock.now(), node: id, outcome: "unneeded", ms: 0 });
    }
    for (const release of releases) {
      failures.push(...(release.status === "rejected" ? [surveyError(run, release.reason)] : release.value));
    }
    const left = await this.#tidy(plan, done, failures, doubtUntil).catch((error: unknown) => {
      if (isAborted(error)) throw this.#stopped();
      failures.push(surveyError(run, error));
      return [];
    });
    return { outcomes, outputs, failures, left };
  }

  async #bringNode(
    node: Node<Cloud>,
    { steps, targets }: Plan<Cloud>,
    outputs: ReadonlyMap<string, unknown>,
    outcomes: ReadonlyMap<string, Outcome>,
    brought: (id: string) => Promise<void>,
    doubtUntil: number,
  ): Promise<Reconciled> {
    const run = this.#run;
    const { id, needs, temporaries } = node;
    const changed = needs.some((need) => !["kept", "adopted"].includes(outcomes.get(need) ?? ""));
    const planned = steps.get(id);
    const seen = changed || !planned?.seen ? await observe(run, node, outputs) : planned.seen;
    return reconcile(run, node, seen, {
      doubtUntil,
      asItIs: targets !== undefined && !targets.has(id) && run.graph.ownerOf(id) === undefined,
      temporaries: async () => {
        await all([...temporaries.values()].map(brought));
        return Object.fromEntries([...temporaries].map(([as, held]) => [as, outputs.get(held)]));
      },
    });
  }

  /** After the work: stale generations, orphans, leftover temporaries. Answers what was left alone, in words. */
  async #tidy(
    { targets }: Plan<Cloud>,
    done: ReadonlyMap<string, Reconciled>,
    failures: BootstrapError[],
    doubtUntil: number,
  ): Promise<string[]> {
    const run = this.#run;
    const { graph, keepTemporaries } = run;
    const left: string[] = [];
    const away: Thing<Cloud>[] = [];
    const seenLater = await this.#lookedAgain(doubtUntil);

    for (const [id, { seen }] of done) {
      if (graph.ownerOf(id) || (targets && !targets.has(id))) continue;
      const node = graph.node(id)!;
      const calm = [...graph.downstreamOf(id)].every((other) => done.has(other) || graph.ownerOf(other) !== undefined);
      for (const thing of this.#stale(node, seenLater(node) ?? seen.found, seen)) {
        if (calm && !node.step.protect) away.push(thing);
        else left.push(inWords(thing, node.step.protect ? HOLDS_DATA : "what follows it is not done"));
      }
    }

    const isTemporary = (id: string) => graph.ownerOf(id) !== undefined;
    const looks = await Promise.all([this.#leftovers(), targets ? NOTHING : this.#orphans()]);
    const [leftovers, orphans] = looks.map(({ things }) => things) as [Thing<Cloud>[], Thing<Cloud>[]];
    const unseen = this.#told(looks.flatMap((look) => look.unseen));
    const late = await lateArrivals(run, [...leftovers, ...orphans], (id, { phase, kind }) => {
      if (isHidden(unseen, kind)) return false;
      return isTemporary(id) ? !keepTemporaries && phase === "creating" : !targets && !graph.node(id);
    });
    for (const thing of [...leftovers, ...late.filter(({ found }) => isTemporary(found.node))]) {
      if (!keepTemporaries) away.push(thing);
      else left.push(inWords(thing, "kept as you asked; it costs until teardown or the next up"));
    }
    for (const thing of [...orphans, ...late.filter(({ found }) => !isTemporary(found.node))]) {
      if (thing.step.protect) left.push(inWords(thing, HOLDS_DATA));
      else if (failures.length > 0) left.push(inWords(thing, "no longer used, and removed when all the rest is done"));
      else if (!away.some(({ found }) => found.ref === thing.found.ref)) away.push(thing);
    }

    for (const thing of away)
      note(run, undefined, `removing ${thing.step.kind} ${thing.found.ref} (${label(away, thing)}): no longer used`);
    failures.push(...(await removeAll(run, away)));
    const data = [...orphans, ...late].filter(({ step }) => step.protect);
    const isGoneOrphan = (id: string) =>
      !targets && failures.length === 0 && !graph.node(id) && !data.some(({ found }) => found.node === id);
    await this.#forget(away, failures, unseen, isGoneOrphan);
    return left;
  }

  /** With the manifest lost, nobody knows what is still out of sight: waits until nothing can be, and looks once more. */
  async #lookedAgain(doubtUntil: number): Promise<(node: Node<Cloud>) => readonly Found[] | undefined> {
    const { clock, calls } = this.#run;
    if (doubtUntil === 0) return () => undefined;
    const waitMs = doubtUntil - clock.elapsed();
    if (waitMs > 0) {
      note(this.#run, undefined, "the manifest is gone: looking again when everything must have come into sight");
      await calls.wait(waitMs);
    }
    const { things } = await this.#survey();
    return ({ id, step }) =>
      things.flatMap(({ found, step: { kind } }) => (found.node === id && kind === step.kind ? [found] : []));
  }

  /** Drops the records of temporaries and orphans that are gone. */
  async #forget(
    away: readonly Thing<Cloud>[],
    failures: readonly BootstrapError[],
    unseen: readonly Unseen[],
    isGoneOrphan: (id: string) => boolean,
  ): Promise<void> {
    const { graph, manifest, keepTemporaries } = this.#run;
    const isOf = (failure: BootstrapError) =>
      failure instanceof JournalError ||
      (failure instanceof StepError && away.some(({ found }) => found.node === failure.node));
    if (failures.some(isOf)) return;
    for (const [id, { kind }] of manifest.records) {
      if (isHidden(unseen, kind)) continue;
      const temporary = graph.ownerOf(id) !== undefined && !keepTemporaries;
      if (temporary || isGoneOrphan(id)) await manifest.drop(id);
    }
  }

  /** Everything of a node that it no longer stands for, less the generations that are kept. */
  #stale({ step, keep, id }: Node<Cloud>, found: readonly Found[], { wanted }: Observation): Thing<Cloud>[] {
    if (!step.destroy) return [];
    const record = this.#run.manifest.get(id);
    const one = wantedOne({ record, found, wanted, can: { ...step, update: step.update !== undefined } });
    if (!one) return [];
    const others = found.filter(({ ref, owned, state }) => owned && ref !== one.ref && state !== "deleting");
    const generations = others
      .filter(({ state }) => state === "ready")
      .sort((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
    const kept = new Set(generations.slice(0, keep));
    return others.filter((thing) => !kept.has(thing)).map((thing) => ({ step, found: thing }));
  }

  /** With targets: them, and what they and their temporaries need; else everything. */
  #inScope(targets: ReadonlySet<string> | undefined): readonly Node<Cloud>[] {
    const { nodes } = this.#run.graph;
    if (!targets) return nodes;
    const scope = new Set(targets);
    for (const { id, needs, temporaries } of [...nodes].reverse()) {
      if (!scope.has(id)) continue;
      for (const need of needs) scope.add(need);
      if (targets.has(id)) for (const held of temporaries.values()) scope.add(held);
    }
    return nodes.filter(({ id }) => scope.has(id));
  }

  /**
   * With the manifest lost, everything that is there is written down in its first write: a second run, which finds a
   * manifest, asks for nothing that neither it nor the graph speaks of.
   */
  #recordsOf(strangers: readonly Thing<Cloud>[]): Readonly<Record<string, StepRecord>> {
    const { graph, clock } = this.#run;
    const nodes = new Set(strangers.map(({ found }) => found.node));
    return Object.fromEntries(
      [...nodes].map((id) => {
        const things = strangers.filter(({ found }) => found.node === id);
        const {
          ref,
          fingerprint = "",
          token = randomUUID(),
        } = best(
          undefined,
          things.map(({ found }) => found),
        )!;
        const { kind } = things.find(({ found }) => found.ref === ref)!.step;
        const phase = graph.ownerOf(id) === undefined ? ("ready" as const) : ("destroying" as const);
        const at = new Date(clock.now()).toISOString();
        return [id, { kind, needs: [], phase, inputs: null, ref, fingerprint, token, at }];
      }),
    );
  }

  /** Things of ours whose node the graph no longer has; looked for only where there can be any. */
  async #orphans(): Promise<Survey<Cloud>> {
    const { graph, kinds, manifest } = this.#run;
    const canStay = (of: string) => kinds.some(({ kind }) => kind === of);
    if (!manifest.fresh && manifest.records.every(([id, { kind }]) => graph.node(id) || !canStay(kind))) return NOTHING;
    const { things, unseen } = await survey(this.#run);
    return { things: things.filter(({ found }) => !graph.node(found.node)), unseen };
  }

  /** What goes on, and costs, without us. */
  #stopped(): AbortedError {
    const { graph, kinds, manifest } = this.#run;
    const open = manifest.records.filter(([id, { phase, kind }]) => {
      const costs = graph.ownerOf(id) !== undefined && kinds.some((step) => step.kind === kind);
      return costs || phase === "creating" || phase === "updating";
    });
    const running = open.flatMap(([id, { kind, ref }]) => (ref === undefined ? [] : [`  ${kind} ${ref} (${id})`]));
    return new AbortedError(
      [
        "stopped before everything was done",
        ...(running.length > 0 ? ["still at work without us:", ...running] : []),
      ].join("\n"),
      hint`the same command goes on from here; ${["teardown"]} removes everything`,
    );
  }

  /** Temporary things that live, looked for by tags: the manifest may not know them. */
  #leftovers(): Promise<Survey<Cloud>> {
    const { graph, kinds } = this.#run;
    const temporary = new Set(graph.nodes.filter(({ id }) => graph.ownerOf(id)).map(({ step }) => step.kind));
    return survey(
      this.#run,
      kinds.filter(({ kind, destroy }) => destroy && temporary.has(kind)),
    );
  }

  /** Temporary nodes whose owner stands go at once: they cost by the minute. */
  async #release(served: readonly string[]): Promise<BootstrapError[]> {
    const { things } = await this.#leftovers();
    return removeAll(
      this.#run,
      things.filter(({ found }) => served.includes(found.node)),
    );
  }

  /** Everything of this environment, found by its tags; what is on record and not seen may be waited for. */
  async everything({ wait }: { readonly wait: boolean } = { wait: true }): Promise<Survey<Cloud>> {
    const run = this.#run;
    const { things, unseen } = await survey(run);
    if (!wait) return { things, unseen };
    const late = await lateArrivals(run, things, (_id, { kind }) => !isHidden(unseen, kind));
    const later = late.filter(({ found }) => !things.some((thing) => thing.found.ref === found.ref));
    return { things: [...things, ...later], unseen };
  }

  /** Removes them, looks again, and answers what is still there with what went wrong. The journal ends when nothing is. */
  async down(things: readonly Thing<Cloud>[]): Promise<Removal<Cloud>> {
    const run = this.#run;
    const failures = await removeAll(run, things);
    failures.push(...(await removeAll(run, await cameBack(run, things))));
    const { things: left, unseen } = await survey(run);
    if (left.length === 0 && unseen.every(({ byName }) => byName)) await run.manifest.remove();
    return { left, unseen, failures };
  }

  /** A look at everything of ours, and a note for each kind that it could not see. */
  async #survey(): Promise<Survey<Cloud>> {
    const { things, unseen } = await survey(this.#run);
    return { things, unseen: this.#told(unseen) };
  }

  readonly #said = new Set<string>();

  #told(unseen: readonly Unseen[]): readonly Unseen[] {
    for (const { kind, words, byName } of unseen) {
      if (this.#said.has(kind)) continue;
      this.#said.add(kind);
      const looked = byName ? "looked for by the names they are given only" : "not looked for";
      note(this.#run, undefined, `things of kind ${kind} that nothing uses any more were ${looked}: ${words}`);
    }
    return unseen;
  }
}

/** What a removal left. */
export interface Removal<Cloud> {
  readonly left: readonly Thing<Cloud>[];
  /** Kinds of which something may be there. */
  readonly unseen: readonly Unseen[];
  readonly failures: readonly BootstrapError[];
}

const NOTHING = { things: [], unseen: [] } as const satisfies Survey<never>;

/** What several looks could not see, each kind once. */
function onceEach(unseen: readonly Unseen[]): readonly Unseen[] {
  return [...new Map(unseen.map((one) => [one.kind, one])).values()];
}

/** What a node is decided on that cannot be looked for yet, because what it needs is not there. */
const NOT_LOOKED: Observation = { inputs: undefined, wanted: { fingerprint: "", fixedFingerprint: "" }, found: [] };

function shown<Cloud>({ id, step }: Node<Cloud>, move: Move): PlannedNode {
  const { ref, state, detail, drift } = move.found ?? {};
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

const HOLDS_DATA = "no longer used, and it costs, but it may hold data: only teardown removes it";

/** A temporary node's row shows what of it is running now. */
function withLeftover<Cloud>(node: PlannedNode, leftovers: readonly Thing<Cloud>[]): PlannedNode {
  const live = node.temporaryOf === undefined ? undefined : leftovers.find(({ found }) => found.node === node.node);
  return live ? { ...node, ref: live.found.ref, state: live.found.state, detail: live.found.detail } : node;
}

function inWords<Cloud>({ step, found }: Thing<Cloud>, why: string): string {
  return `${step.kind} ${found.ref} (${found.node}): ${why}`;
}
