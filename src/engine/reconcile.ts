import { randomUUID } from "node:crypto";
import { refusalOf } from "./decide/reasons.ts";
import { type Attempt, GRACE_MS, type Move, type Situation, UNTRIED } from "./decide/situation.ts";
import { decide, noted } from "./decide.ts";
import type { Outcome } from "./events.ts";
import type { Node } from "./graph.ts";
import type { Observation } from "./observe.ts";
import { failureOf, remove } from "./remove.ts";
import { find, isAborted, note, paceOf, type Run, stepError } from "./run.ts";
import { clearFailed, newIntent, send, spent } from "./send.ts";
import type { Found, StepContext } from "./step.ts";

export interface Reconciled {
  readonly output: unknown;
  readonly outcome: Outcome;
  readonly ref: string;
  /** What was seen of the node at the end: the one it stands for, and what it left stale. */
  readonly seen: Observation;
}

/** What the one reconciling a node may ask of the rest of the run. */
export interface Surroundings {
  /** Brings the node's temporary nodes; answers their outputs by the names its `create` knows them by. */
  temporaries(): Promise<Readonly<Record<string, unknown>>>;
  /** Until when an empty answer is not believed although no record speaks of the node: the manifest was lost. */
  readonly doubtUntil: number;
  /** It is not among the targets of this run: whatever stands is used as it is. */
  readonly asItIs: boolean;
}

/** One node on its way to what is wanted. */
interface Work<Cloud> {
  readonly run: Run<Cloud>;
  readonly node: Node<Cloud>;
  readonly around: Surroundings;
  seen: Observation;
  attempt: Attempt;
  /** When the look at `seen` began. */
  now: number;
  outcome?: Outcome | undefined;
  /** What those who watch were told last that is being done. */
  said?: string | undefined;
  /** How far what it says was told. */
  cursor?: string | undefined;
}

type End = Extract<Move, { readonly do: "done" | "refuse" | "fail" }>;

/** Start here: decides, carries out, looks, and decides again until the node stands or cannot. */
export async function reconcile<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  first: Observation,
  around: Surroundings,
): Promise<Reconciled> {
  const attempt = { ...UNTRIED, doubtUntil: around.doubtUntil };
  const work: Work<Cloud> = { run, node, around, seen: first, attempt, now: run.clock.elapsed() };
  try {
    for (;;) {
      const move = decide(situationOf(work));
      tell(work, move);
      if (isEnd(move)) return await finish(work, move);
      await carryOut(work, move);
      await lookAgain(work);
    }
  } catch (error) {
    const { startedAt, last } = work.attempt;
    if (startedAt === undefined) throw error;
    if (!isAborted(error)) throw stepError(run, node, "waiting for", error, last?.ref);
    const detail = `${last ? `${last.ref} ${last.detail ?? last.state}` : "what was asked for"} goes on without us`;
    run.emit({ type: "interrupted", at: run.clock.now(), node: node.id, detail });
    throw error;
  }
}

/** What a plan shows of a node: the first move, and nothing is done. */
export function firstMove<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  seen: Observation,
  more: Pick<Situation, "asItIs" | "needs">,
): Move {
  const now = run.clock.elapsed();
  const situation = situationOf({ run, node, seen, now, attempt: UNTRIED, around: { asItIs: more.asItIs ?? false } });
  return decide({ ...situation, ...more });
}

function situationOf<Cloud>({
  run: { manifest, graph },
  node: { id, step, temporaries },
  around: { asItIs },
  seen: { inputs, found, wanted },
  attempt,
  now,
}: Pick<Work<Cloud>, "run" | "node" | "seen" | "attempt" | "now"> & {
  readonly around: Pick<Surroundings, "asItIs">;
}): Situation {
  const pace = paceOf(step);
  const timeoutMs = (inputs === undefined ? undefined : step.timeoutMs?.(inputs)) ?? pace.timeoutMs;
  const can = {
    ...step,
    temporary: graph.ownerOf(id) !== undefined,
    usesUp: temporaries.size > 0,
    update: step.update !== undefined,
    stamp: step.stamp !== undefined,
    destroy: step.destroy !== undefined,
    wake: step.wake !== undefined,
    tail: step.tail !== undefined,
  };
  const what = `${step.kind} (${id})`;
  return { what, record: manifest.get(id), found, wanted, can, pace: { ...pace, timeoutMs }, now, attempt, asItIs };
}

function isEnd(move: Move): move is End {
  return move.do === "done" || move.do === "refuse" || move.do === "fail";
}

/** What is being done, where that is news; and what it will have come to. */
function tell<Cloud>(work: Work<Cloud>, move: Move): void {
  const { run, node, said, outcome } = work;
  if (move.says !== undefined && move.says !== said) {
    run.emit({ type: "started", at: run.clock.now(), node: node.id, doing: move.says });
    work.said = move.says;
  }
  const isMade = move.do === "create" && move.verdict !== "confirm";
  work.outcome = isMade ? outcomeOf(run, node, move) : (outcome ?? outcomeOf(run, node, move));
}

/** What a node will have come to by this move, where the move tells. */
function outcomeOf<Cloud>({ manifest }: Run<Cloud>, { id }: Node<Cloud>, move: Move): Outcome | undefined {
  const found = manifest.fresh ? "adopted" : "kept";
  if (move.verdict === "confirm") return manifest.get(id)?.phase === "creating" ? "created" : undefined;
  if (move.verdict === "replace") return "replaced";
  if (move.do === "create") return "created";
  if (move.do === "begin") return ({ updating: "updated", creating: "created", ready: found } as const)[move.phase];
  if (move.do === "done") return move.verdict === "adopt" ? found : "kept";
  return undefined;
}

async function finish<Cloud>({ run, node, seen, outcome }: Work<Cloud>, move: End): Promise<Reconciled> {
  const { id, step } = node;
  if (move.do === "refuse") throw refusalOf(step.kind, id, move);
  if (move.do === "fail") {
    if (move.record === "forgotten") await run.manifest.drop(id);
    if (move.record === "spent") await run.manifest.putAll(spent(run, run.graph.ownerOf(id)));
    throw failureOf(id, move);
  }
  const { ref, output } = move.found;
  if (move.record === "ready") {
    const { token } = run.manifest.get(id) ?? { token: randomUUID() };
    const record = { ...newIntent(run, node, seen), phase: "ready" as const, token, ref, output };
    await run.manifest.put(id, record, node.pins?.(seen.inputs));
  }
  return { output, ref, outcome: outcome!, seen };
}

async function carryOut<Cloud>(work: Work<Cloud>, move: Exclude<Move, End>): Promise<void> {
  const { run, node, around, seen, attempt, now } = work;
  const { id, step } = node;
  switch (move.do) {
    case "begin":
      await openRecord(run, node, seen, move);
      work.attempt = begun(work);
      return;

    case "create": {
      const temporaries = await around.temporaries();
      if (!move.intent) await clearFailed(run, node, seen.found);
      await send(run, node, seen, temporaries, move.intent ?? newIntent(run, node, seen));
      const since = move.intent ? { ...attempt, missingSince: undefined } : begun(work);
      work.attempt = { ...since, sends: attempt.sends + 1 };
      return;
    }

    case "stamp":
    case "update": {
      const { times } = attempt.repairs[move.difference] ?? { times: 0 };
      work.attempt = { ...attempt, repairs: { ...attempt.repairs, [move.difference]: { times: times + 1, at: now } } };
      const verb = move.do;
      return call(work, "changing", move.found, (context) => step[verb]!(context, move.found));
    }

    case "wake": {
      const did = await call(work, "waking", move.found, (context) => step.wake!(context, move.found));
      if (did !== undefined) note(run, id, did);
      work.attempt = { ...attempt, awake: did !== undefined };
      return run.calls.wait(paceOf(step).everyMs);
    }

    case "destroy":
      await remove(run, node, move.found);
      work.attempt = { ...attempt, leaving: { ref: move.found.ref, since: now } };
      return;

    case "forget":
      await run.manifest.drop(id);
      work.attempt = { ...UNTRIED, doubtUntil: attempt.doubtUntil, sends: attempt.sends };
      return;

    case "wait":
      if (move.leaving) work.attempt = { ...attempt, leaving: attempt.leaving ?? { ref: move.leaving, since: now } };
      return run.calls.wait(move.ms);
  }
}

function begun<Cloud>({ run }: Work<Cloud>): Attempt {
  return { ...UNTRIED, startedAt: run.clock.elapsed() };
}

/** Makes the record speak of the thing that is there, before anything is done to it. */
async function openRecord<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  seen: Observation,
  { found: { ref }, phase, gentle }: Extract<Move, { readonly do: "begin" }>,
): Promise<void> {
  const known = run.manifest.get(node.id);
  const token = known?.ref === undefined || known.ref === ref ? known?.token : undefined;
  await run.manifest.put(node.id, {
    ...newIntent(run, node, seen),
    ...(token !== undefined && { token }),
    phase,
    ref,
    ...(gentle && { gentle }),
  });
}

/** A call that changes what is there; one whose answer was lost is made again. */
function call<Cloud, T>(
  work: Work<Cloud>,
  doing: string,
  { ref }: Found,
  act: (context: StepContext<unknown, Cloud>) => Promise<T>,
): Promise<T> {
  const { run, node } = work;
  const context = contextOf(work);
  return run.calls
    .change({ everyMs: paceOf(node.step).everyMs, alsoLost: true, note: context.note }, () => act(context))
    .catch((error: unknown) => {
      throw stepError(run, node, doing, error, ref);
    });
}

function contextOf<Cloud>({ run, node: { id }, seen: { inputs, wanted } }: Work<Cloud>): StepContext<unknown, Cloud> {
  return {
    ...{ name: run.name, region: run.region, cloud: run.cloud, node: id, inputs, token: run.manifest.get(id)!.token },
    ...{ fingerprint: wanted.fingerprint, fixedFingerprint: wanted.fixedFingerprint, now: new Date(run.clock.now()) },
    signal: run.signal,
    note: (text) => note(run, id, text),
  };
}

/** Sees what is there now, tells what changed and what it says, and asks after what is gone. */
async function lookAgain<Cloud>(work: Work<Cloud>): Promise<void> {
  const { run, node, seen } = work;
  const { id, step } = node;
  const { everyMs } = paceOf(step);
  const before = work.attempt.last;
  work.now = run.clock.elapsed();
  work.seen = { ...seen, found: await run.calls.readPatiently(everyMs, () => find(run, step, id, seen.inputs)) };
  work.attempt = noted(situationOf(work));
  const { last, missingSince } = work.attempt;
  const one = missingSince === undefined ? last : undefined;

  if (one && (one.state !== before?.state || one.detail !== before.detail)) {
    run.emit({ type: "seen", at: run.clock.now(), node: id, ref: one.ref, state: one.state, detail: one.detail });
  }
  if (one && step.tail) {
    const context = contextOf(work);
    const tail = await run.calls.readPatiently(everyMs, () => step.tail!(context, one, work.cursor));
    for (const line of tail.lines) context.note(line);
    work.cursor = tail.cursor;
  }
  const ref = run.manifest.get(id)?.ref;
  if (
    missingSince !== undefined &&
    step.whyGone &&
    ref !== undefined &&
    (last || work.now - missingSince >= GRACE_MS)
  ) {
    const context = { name: run.name, region: run.region, node: id, cloud: run.cloud };
    const gone = await run.calls.readPatiently(everyMs, () => step.whyGone!(context, ref));
    work.attempt = { ...work.attempt, gone };
  }
}
