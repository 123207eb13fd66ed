import { randomUUID } from "node:crypto";
import {
  bar,
  decide,
  isIntended,
  refusalOf,
  refuseChange,
  toMend,
  type Verdict,
  type Wanted,
  wantedOne,
} from "./decide.ts";
import { AbortedError, StepError } from "./errors.ts";
import type { Outcome } from "./events.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { Node } from "./graph.ts";
import type { StepRecord } from "./manifest/manifest.ts";
import { find, GO_ON, isAborted, note, paceOf, type Run, stepError } from "./run.ts";
import type { CreateContext, Drift, Found } from "./step.ts";

/** How long "not there" may mean "not visible yet". */
export const GRACE_MS = 120_000;

/** A create whose answer was lost is sent again so often, where that is safe. */
const MOST_SENDS = 4;

/** How often a thing is nudged about the same difference, or the same failure, before it is believed that it stays so. */
const MOST_NUDGES = 3;

/** A nudge takes a while to be seen. */
const NUDGE_AGAIN_MS = 30_000;

/** How long a thing is waited for that AWS shows in a state nobody knows the end of. */
const UNSURE_MS = 30 * 60_000;

/** What a node looks like now, beside what it should be. */
export interface Look {
  readonly inputs: unknown;
  readonly wanted: Wanted;
  readonly found: readonly Found[];
}

export interface Brought {
  readonly output: unknown;
  readonly outcome: Outcome;
  readonly ref: string;
  /** Everything of the node that was there at the end: the wanted one, and what it left stale. */
  readonly found: readonly Found[];
}

/** What the one bringing a node may ask of the rest of the run. */
export interface Surroundings {
  /** Brings the node's temporary nodes; answers their outputs by the names its `create` knows them by. */
  temporaries(): Promise<Readonly<Record<string, unknown>>>;
  /** Until when an empty answer is not believed although no record speaks of the node: the manifest was lost. */
  readonly doubtUntil: number;
}

export async function look<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  outputs: ReadonlyMap<string, unknown>,
): Promise<Look> {
  const inputs = node.inputs(outputs);
  const wanted = {
    fingerprint: fingerprintOf(inputs),
    fixedFingerprint: fingerprintOf(node.step.fixed ? node.step.fixed(inputs) : inputs),
    repair: run.repair,
    inputs,
  };
  return { inputs, wanted, found: await run.calls.read(() => find(run, node.step, node.id, inputs)) };
}

export function verdictOf<Cloud>(
  { manifest, graph }: Run<Cloud>,
  { id, step }: Node<Cloud>,
  { found, wanted }: Look,
): Verdict {
  const can = {
    ...step,
    temporary: graph.ownerOf(id) !== undefined,
    update: step.update !== undefined,
    destroy: step.destroy !== undefined,
  };
  return decide(manifest.get(id), found, wanted, can);
}

/** Start here: decides, does, and decides again until the node stands. */
export async function bring<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  first: Look,
  around: Surroundings,
): Promise<Brought> {
  const { manifest, clock } = run;
  let seen = first;
  let outcome: Outcome | undefined;
  const lookAgain = async () => {
    const { everyMs } = paceOf(node.step);
    const found = await run.calls.readPatiently(everyMs, () => find(run, node.step, node.id, seen.inputs));
    seen = { ...seen, found };
  };

  for (;;) {
    const verdict = verdictOf(run, node, seen);
    switch (verdict.do) {
      case "refuse":
        throw refusalOf(node.step.kind, node.id, verdict);

      case "keep":
      case "adopt": {
        if (verdict.do === "adopt" || manifest.get(node.id)?.phase !== "ready")
          await markReady(run, node, seen, verdict.found);
        const kept = verdict.do === "adopt" && manifest.fresh ? "adopted" : "kept";
        return { output: verdict.found.output, outcome: outcome ?? kept, ref: verdict.found.ref, found: seen.found };
      }

      case "confirm":
        said(run, node, `looking for what ${verdict.reason}`);
        seen = { ...seen, found: await confirm(run, node, seen, verdict.intent, around) };
        outcome ??= verdict.intent.phase === "creating" ? "created" : undefined;
        break;

      case "resume": {
        said(run, node, "waiting");
        // Only an attempt of ours that is still open may be given up and removed if it fails; the rest may hold data.
        const record = manifest.get(node.id);
        const ours = record?.phase === "creating" && isIntended(record, verdict.found);
        await openRecord(run, node, seen, verdict.found, ours ? "creating" : "ready");
        const found = await settle(run, node, seen);
        const waitedFor = ours ? "created" : manifest.fresh ? "adopted" : "kept";
        return { ...(await finish(run, node, seen, found)), outcome: outcome ?? waitedFor, found };
      }

      case "update": {
        said(run, node, "changing");
        const gentle = isGentle(manifest.get(node.id), verdict.found, seen.wanted);
        await openRecord(run, node, seen, verdict.found, "updating", gentle);
        const found = await settle(run, node, seen);
        return { ...(await finish(run, node, seen, found)), outcome: outcome ?? "updated", found };
      }

      case "clear":
      case "wait":
        said(
          run,
          node,
          verdict.do === "clear" ? `removing the old one: ${verdict.reason}` : "waiting for the old one to go",
        );
        if (verdict.do === "clear") await remove(run, node, verdict.found);
        else await untilGone(run, node, verdict.found);
        await lookAgain();
        if (!seen.found.some(({ ref }) => ref === verdict.found.ref)) await manifest.drop(node.id);
        break;

      case "create":
      case "replace": {
        const doubtMs = manifest.get(node.id) ? 0 : around.doubtUntil - clock.elapsed();
        if (verdict.do === "create" && doubtMs > 0 && outcome === undefined && seen.found.length === 0) {
          said(run, node, "the manifest is gone: looking again before making a second one");
          await run.calls.wait(Math.min(doubtMs, paceOf(node.step).everyMs));
          await lookAgain();
          break;
        }
        await refuseSecondTry(run, node, seen);
        said(run, node, verdict.do === "create" ? "creating" : "creating its replacement");
        outcome = verdict.do === "create" ? "created" : "replaced";
        const temporaries = await around.temporaries();
        await clearFailed(run, node, seen.found);
        await send(run, node, seen, temporaries, newIntent(run, node, seen));
        const found = await settle(run, node, seen);
        return { ...(await finish(run, node, seen, found)), outcome, found };
      }
    }
  }
}

function newIntent<Cloud>(
  { clock }: Run<Cloud>,
  { id: _id, step, needs }: Node<Cloud>,
  { inputs, wanted }: Look,
): StepRecord {
  return {
    kind: step.kind,
    needs: [...needs],
    phase: "creating",
    inputs,
    fingerprint: wanted.fingerprint,
    fixedFingerprint: wanted.fixedFingerprint,
    token: randomUUID(),
    at: new Date(clock.now()).toISOString(),
  };
}

/** Written down, done, written down: the only place that creates. A lost answer leaves the intent open for `settle`. */
async function send<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  { inputs, wanted }: Look,
  temporaries: Readonly<Record<string, unknown>>,
  intent: StepRecord,
): Promise<void> {
  const { manifest, calls, errors, signal } = run;
  const { id, step } = node;
  const { everyMs, earlyMs: forMs } = paceOf(step);
  const before = manifest.get(id);
  const context: CreateContext<unknown, unknown, Cloud> = {
    ...{ name: run.name, region: run.region, cloud: run.cloud, tags: run.tags, node: id, inputs, temporaries, signal },
    ...{ fingerprint: wanted.fingerprint, fixedFingerprint: wanted.fixedFingerprint, token: intent.token },
    // The attempt's own time, so that sending it again is the same request to the letter.
    now: new Date(intent.at),
    note: (text) => note(run, id, text),
  };

  // 1. the intent is on disk before the call
  await manifest.putAll({ [id]: intent, ...spent(run, id) });
  for (let sends = 1, lost = before?.token === intent.token; ; sends++) {
    let ref: string;
    try {
      // 2. the one call that makes it and carries its tags
      ref = await calls.change({ everyMs, ...(forMs && { forMs }), note: context.note }, () => step.create(context));
    } catch (error) {
      if (isAborted(error)) throw error;
      const trouble = errors.trouble(error);
      if (trouble === "exists") return;
      if (trouble !== "unknown") {
        // A clear no: nothing was made, so there is nothing to remember, unless an earlier answer to it was lost.
        if (!lost) await (before && before.phase !== "creating" ? manifest.put(id, before) : manifest.drop(id));
        throw stepError(run, node, "creating", error);
      }
      if (signal.aborted) throw new AbortedError();
      lost = true;
      note(run, id, `the answer was lost: ${errors.words(error)}`);
      if (step.unrepeatable || sends >= MOST_SENDS) return;
      await calls.wait(everyMs);
      continue;
    }
    // 3. what came of it
    await manifest.put(id, { ...intent, ref });
    return;
  }
}

/** What was made for an attempt of this node, and must serve no other: on record as used. */
function spent<Cloud>(
  { graph, manifest }: Run<Cloud>,
  owner: string | undefined,
): Readonly<Record<string, StepRecord>> {
  const held = owner === undefined ? [] : [...graph.node(owner)!.temporaries.values()];
  return Object.fromEntries(
    held.flatMap((id) => {
      const record = manifest.get(id);
      return record?.phase === "ready" ? [[id, { ...record, phase: "destroying" as const }]] : [];
    }),
  );
}

/** Work that failed on a temporary thing while nobody looked is told, and not done again on what it left behind. */
async function refuseSecondTry<Cloud>(run: Run<Cloud>, node: Node<Cloud>, { found, wanted }: Look): Promise<void> {
  const owner = run.graph.ownerOf(node.id);
  const tried = found.find(({ state, fingerprint }) => state === "failed" && fingerprint === wanted.fingerprint);
  if (!tried || owner === undefined || node.step.destroy) return;
  await run.manifest.putAll(spent(run, owner));
  throw failed(node, tried, run.manifest.get(node.id) ?? { phase: "creating" });
}

/** Resolves an open intent: by sending the same create again where that is safe, else by waiting whether it shows up. */
async function confirm<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  seen: Look,
  intent: StepRecord,
  around: Surroundings,
): Promise<readonly Found[]> {
  const { id, step, temporaries } = node;
  const isResent =
    intent.phase === "creating" &&
    intent.ref === undefined &&
    !step.unrepeatable &&
    intent.fingerprint === seen.wanted.fingerprint;
  if (isResent) {
    // What it was made with may be used up, and it may only be out of sight.
    const found = temporaries.size > 0 ? await untilSeen(run, node, seen.inputs, intent) : [];
    if (found.some((thing) => isIntended(intent, thing))) return found;
    await send(run, node, seen, await around.temporaries(), intent);
  }
  const record = run.manifest.get(id) ?? intent;
  const found = await untilSeen(run, node, seen.inputs, record);
  if (found.some((thing) => isIntended(record, thing))) return found;
  // AWS has just named it, so it is somewhere, unless AWS knows better.
  if (isResent && (record.ref !== undefined || temporaries.size > 0) && !(await isGone(run, node, record))) {
    throw notSeen(node, record, found);
  }
  await run.manifest.drop(id);
  return found;
}

async function isGone<Cloud>(run: Run<Cloud>, { id, step }: Node<Cloud>, { ref }: StepRecord): Promise<boolean> {
  if (!step.whyGone || ref === undefined) return false;
  const context = { name: run.name, region: run.region, node: id, cloud: run.cloud };
  return (await run.calls.readPatiently(paceOf(step).everyMs, () => step.whyGone!(context, ref))) !== undefined;
}

/** Polls until what the record speaks of shows up, or the grace is over. */
export async function untilSeen<Cloud>(
  run: Run<Cloud>,
  { id, step }: Pick<Node<Cloud>, "id" | "step">,
  inputs: unknown,
  record: StepRecord,
): Promise<readonly Found[]> {
  const { everyMs } = paceOf(step);
  const until = run.clock.elapsed() + GRACE_MS;
  for (;;) {
    // Told before the look: however long the machine slept, there is one more after it.
    const isLast = run.clock.elapsed() >= until;
    const found = await run.calls.readPatiently(everyMs, () => find(run, step, id, inputs));
    if (found.some((thing) => isIntended(record, thing)) || isLast) return found;
    await run.calls.wait(everyMs);
  }
}

/** The one wait loop: polls `find`, nudges with `update` while something drifts, until the thing is ready. */
async function settle<Cloud>(run: Run<Cloud>, node: Node<Cloud>, { inputs, wanted }: Look): Promise<readonly Found[]> {
  const { manifest, calls, clock, emit, signal } = run;
  const { id, step } = node;
  const { expectMs, everyMs, wakeMs, timeoutMs: usualMs } = paceOf(step);
  const timeoutMs = step.timeoutMs?.(inputs) ?? usualMs;
  const startedAt = clock.elapsed();
  const record = manifest.get(id)!;
  const context = {
    ...{ name: run.name, region: run.region, cloud: run.cloud, node: id, inputs, token: record.token, signal },
    ...{ fingerprint: wanted.fingerprint, fixedFingerprint: wanted.fixedFingerprint, now: new Date(clock.now()) },
    note: (text: string) => note(run, id, text),
  };
  let last: Found | undefined;
  let missingSince: number | undefined = startedAt;
  /** AWS gave up on it before: `--repair` asks for the same once more. */
  let lostBefore: string | undefined;
  const nudged = new Map<string, { readonly times: number; readonly at: number }>();
  let awake = wakeMs === undefined || !step.wake;
  let cursor: string | undefined;

  try {
    for (;;) {
      // Told before the look: however long the machine slept, there is one more after it.
      const now = clock.elapsed();
      const waitedMs = now - startedAt;
      const found = await calls.readPatiently(everyMs, () => find(run, step, id, inputs));
      const one = found.find((thing) => isIntended(record, thing)) ?? standIn(record, found, wanted, step);
      missingSince = one ? undefined : (missingSince ?? now);

      if (one && (one.state !== last?.state || one.detail !== last.detail)) {
        emit({ type: "seen", at: clock.now(), node: id, ref: one.ref, state: one.state, detail: one.detail });
      }
      last = one ?? last;
      if (one && step.tail) {
        const tail = await calls.readPatiently(everyMs, () => step.tail!(context, one, cursor));
        for (const line of tail.lines) context.note(line);
        cursor = tail.cursor;
      }

      const graceIsOver = missingSince !== undefined && now - missingSince > GRACE_MS;
      if (!one && step.whyGone && record.ref !== undefined && (last || graceIsOver)) {
        const { ref } = record;
        const detail = await calls.readPatiently(everyMs, () => step.whyGone!(context, ref));
        if (detail !== undefined) {
          await manifest.drop(id);
          throw failed(node, { ref, detail }, record);
        }
      }
      if (graceIsOver) throw notSeen(node, record, found);
      if (one?.state === "deleting")
        throw new StepError(`waiting for ${step.kind} (${id}): ${one.ref} is being deleted by someone else`, {
          node: id,
          ref: one.ref,
        });
      if (one?.state === "failed" && !step.mendsFailed) {
        await manifest.putAll(spent(run, run.graph.ownerOf(id)));
        throw failed(node, one, record);
      }

      if (one && one.state !== "pending") {
        const lost = (one.drift ?? []).find(({ failed }) => failed !== undefined);
        lostBefore ??= wanted.repair ? JSON.stringify(lost ?? null) : "none";
        if (lost && JSON.stringify(lost) !== lostBefore) throw gaveUp(node, one, lost);
        const drift = toMend(one, {
          ...wanted,
          repair: wanted.repair || (record.phase === "updating" && !record.gentle),
        });
        const upToDate = step.naming === "shared" || one.fingerprint === wanted.fingerprint;
        if (one.state === "ready" && drift.length === 0 && upToDate) return found;
        // It could be changed when the plan was made, and no longer.
        const barred = upToDate ? undefined : bar(one, wanted);
        if (barred?.never !== undefined) throw refusalOf(step.kind, id, refuseChange(one, barred));
        const isStamp = one.state === "ready" && drift.length === 0;
        if (!(isStamp ? step.stamp : step.update))
          throw failed(node, { ...one, detail: "it is not what was asked for, and cannot be changed" }, record);
        const difference =
          one.state === "failed" ? "failed" : JSON.stringify(drift.map(({ field, want }) => [field, want]));
        const { times, at } = nudged.get(difference) ?? { times: 0, at: Number.NEGATIVE_INFINITY };
        const isEnough = times >= (lost ? 1 : MOST_NUDGES);
        if (isEnough && now - at >= GRACE_MS / 2) {
          throw one.state === "failed" ? failed(node, one, record) : notTaken(node, one, drift, wanted);
        }
        if (!isEnough && now - at >= NUDGE_AGAIN_MS) {
          nudged.set(difference, { times: times + 1, at: now });
          const nudge = { ...one, drift };
          await calls
            .change({ everyMs, alsoLost: true, note: context.note }, () =>
              isStamp ? step.stamp!(context, one) : step.update!(context, nudge),
            )
            .catch((error: unknown) => {
              throw isAborted(error) ? error : stepError(run, node, "changing", error, one.ref);
            });
          continue;
        }
      }

      if (!awake && one?.state === "pending" && waitedMs > wakeMs!) {
        const did = await calls
          .change({ everyMs, alsoLost: true, note: context.note }, () => step.wake!(context, one))
          .catch((error: unknown) => {
            throw isAborted(error) ? error : stepError(run, node, "waking", error, one.ref);
          });
        if (did !== undefined) context.note(did);
        awake = did !== undefined;
      }

      // Of what stands there, and is nudged, the nudges are counted.
      const patienceMs = one?.unsure ? Math.min(timeoutMs, UNSURE_MS) : timeoutMs;
      if (waitedMs > patienceMs && (!one || one.state === "pending")) throw tooLong(node, last, patienceMs);
      const expected = one?.state === "pending" && !step.tail && waitedMs < expectMs;
      await calls.wait(expected ? expectMs - waitedMs : everyMs);
    }
  } catch (error) {
    if (isAborted(error)) {
      const what = last
        ? `${last.ref} ${last.detail ?? last.state} goes on without us`
        : "what was asked for goes on without us";
      emit({ type: "interrupted", at: clock.now(), node: id, detail: what });
    }
    throw isAborted(error) ? error : stepError(run, node, "waiting for", error, last?.ref);
  }
}

/** What else may be meant while the attempt's own thing is not seen; never what an earlier attempt left failed. */
function standIn<Cloud>(
  record: StepRecord,
  found: readonly Found[],
  wanted: Wanted,
  step: Node<Cloud>["step"],
): Found | undefined {
  const one = wantedOne(record, found, wanted, { ...step, update: true });
  return one?.state === "failed" && record.phase === "creating" ? undefined : one;
}

/** Waits while a thing is being deleted; it may come back, when AWS could not. */
async function untilGone<Cloud>(run: Run<Cloud>, { id, step }: Node<Cloud>, thing: Found): Promise<void> {
  const { everyMs, timeoutMs } = paceOf(step);
  const startedAt = run.clock.elapsed();
  for (let one: Found | undefined = thing; one?.state === "deleting"; ) {
    if (run.clock.elapsed() - startedAt > timeoutMs) throw tooLong({ id, step }, one, timeoutMs);
    await run.calls.wait(everyMs);
    const found: readonly Found[] = await run.calls.readPatiently(everyMs, () => find(run, step, id));
    one = found.find(({ ref }) => ref === thing.ref);
  }
}

/** Nudges one thing until `find` no longer shows it. */
export async function remove<Cloud>(
  run: Run<Cloud>,
  { id, step }: Pick<Node<Cloud>, "id" | "step">,
  thing: Found,
): Promise<void> {
  const { calls, clock, emit } = run;
  const { everyMs, timeoutMs: madeMs, removeTimeoutMs: timeoutMs = madeMs } = paceOf(step);
  const startedAt = clock.elapsed();
  const context = { name: run.name, region: run.region, node: id, cloud: run.cloud, signal: run.signal };
  const tell = (text: string) => note(run, id, text);
  let one: Found | undefined = thing;
  while (one) {
    const target: Found = one;
    if (target.state !== "deleting" && step.destroy) {
      await calls
        .change({ everyMs, forMs: timeoutMs, alsoLost: true, note: tell }, () => step.destroy!(context, target))
        .catch((error: unknown) => {
          throw isAborted(error)
            ? error
            : stepError(run, { id, step: step as Node<Cloud>["step"] }, "removing", error, target.ref);
        });
    }
    const waitedMs = clock.elapsed() - startedAt;
    const found: readonly Found[] = await calls.readPatiently(everyMs, () => find(run, step, id));
    one = found.find(({ ref }) => ref === thing.ref);
    if (!one) return;
    if (one.state !== target.state || one.detail !== target.detail) {
      emit({ type: "seen", at: clock.now(), node: id, ref: one.ref, state: one.state, detail: one.detail });
    }
    if (waitedMs > timeoutMs) throw tooLong({ id, step }, one, timeoutMs, "removing");
    // A thing that has just changed its state is nudged on at once.
    if (one.state === target.state && one.detail === target.detail) await calls.wait(everyMs);
  }
}

/** Failed ones of this node go before a new one is made; "busy" is no error here, what stays is removed at the end. */
async function clearFailed<Cloud>(run: Run<Cloud>, { id, step }: Node<Cloud>, found: readonly Found[]): Promise<void> {
  if (!step.destroy || step.protect) return;
  const context = { name: run.name, region: run.region, node: id, cloud: run.cloud };
  for (const thing of found.filter(({ state, owned }) => state === "failed" && owned)) {
    await run.calls
      .change({ everyMs: 0, forMs: 0, note: () => {} }, () => step.destroy!(context, thing))
      .catch((error: unknown) => {
        if (isAborted(error) || run.errors.trouble(error) === "refused") throw error;
      });
  }
}

/** Drift alone, at inputs that did not change, never replaces running machines. */
function isGentle(record: StepRecord | undefined, { fingerprint }: Found, wanted: Wanted): boolean {
  const begun = record?.phase === "updating" && !record.gentle;
  return !begun && !wanted.repair && fingerprint === wanted.fingerprint;
}

/** Makes the record speak of the thing that is there, before anything is done to it. */
async function openRecord<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  seen: Look,
  { ref }: Found,
  phase: "creating" | "updating" | "ready",
  gentle = false,
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

async function finish<Cloud>(run: Run<Cloud>, node: Node<Cloud>, seen: Look, found: readonly Found[]) {
  const record = run.manifest.get(node.id)!;
  const one =
    found.find((thing) => isIntended(record, thing)) ??
    wantedOne(record, found, seen.wanted, { ...node.step, update: true })!;
  await markReady(run, node, seen, one);
  return { output: one.output, ref: one.ref };
}

async function markReady<Cloud>(run: Run<Cloud>, node: Node<Cloud>, seen: Look, { ref, output }: Found): Promise<void> {
  const { token } = run.manifest.get(node.id) ?? { token: randomUUID() };
  await run.manifest.put(
    node.id,
    { ...newIntent(run, node, seen), phase: "ready", token, ref, output },
    node.pins?.(seen.inputs),
  );
}

function said<Cloud>({ emit, clock }: Run<Cloud>, { id }: Node<Cloud>, doing: string): void {
  emit({ type: "started", at: clock.now(), node: id, doing });
}

function failed<Cloud>(
  { id, step }: Node<Cloud>,
  { ref, detail }: Pick<Found, "ref" | "detail">,
  { phase }: Pick<StepRecord, "phase">,
): StepError {
  const stays = step.mendsFailed || (step.protect && phase !== "creating");
  return new StepError(`waiting for ${step.kind} (${id}): ${ref} failed: ${detail ?? "no reason given"}`, {
    node: id,
    ref,
    hint: stays
      ? GO_ON
      : "when the reason is gone, run the same command again: it removes the failed one and makes a new one",
  });
}

function gaveUp<Cloud>({ id, step }: Node<Cloud>, one: Found, lost: Drift): StepError {
  const { reason, hint } = refuseChange(one, lost);
  return new StepError(`changing ${step.kind} (${id}): ${reason}`, { node: id, ref: one.ref, hint });
}

function notTaken<Cloud>(
  { id, step }: Node<Cloud>,
  { ref, fingerprint = "none" }: Found,
  drift: readonly Drift[],
  wanted: Wanted,
): StepError {
  const differences =
    drift.length > 0 ? drift : [{ field: "fingerprint", want: wanted.fingerprint, have: fingerprint }];
  const still = differences.map(({ field, want, have }) => `${field} ${have}, wanted ${want}`).join("; ");
  return new StepError(`changing ${step.kind} (${id}): AWS took the change of ${ref} and still shows ${still}`, {
    node: id,
    ref,
    hint: "see whether something else changes it back; the same command asks again",
  });
}

function notSeen<Cloud>({ id, step }: Node<Cloud>, { ref }: StepRecord, found: readonly Found[]): StepError {
  const bare = found.find(({ owned }) => !owned);
  if (bare && step.naming !== "shared") {
    return new StepError(`waiting for ${step.kind} (${id}): ${bare.ref} has our name but not our tags`, {
      node: id,
      ref: bare.ref,
      hint:
        bare.hint ?? "if it was made a moment ago, whoever answers shows no tags, and nothing can be told apart there",
    });
  }
  return new StepError(
    `waiting for ${step.kind} (${id}): ${ref ?? "what was asked for"} has not shown up after ${GRACE_MS / 1000} s`,
    {
      node: id,
      ref,
      hint: "run the same command again: it looks for it before it makes another",
    },
  );
}

function tooLong<Cloud>(
  { id, step }: Pick<Node<Cloud>, "id" | "step">,
  last: Found | undefined,
  timeoutMs: number,
  doing = "waiting for",
): StepError {
  const now = last ? `${last.ref} is still ${last.detail ?? last.state}` : "nothing is to be seen";
  return new StepError(`${doing} ${step.kind} (${id}): ${now} after ${Math.round(timeoutMs / 60_000)} min`, {
    node: id,
    ref: last?.ref,
    hint: "run the same command again to go on waiting",
  });
}
