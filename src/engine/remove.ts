import { refusalOf, refuseForeign, tooLong } from "./decide/reasons.ts";
import type { Failure } from "./decide/situation.ts";
import { isIntended } from "./decide/things.ts";
import { BootstrapError, StepError } from "./errors.ts";
import type { Node } from "./graph.ts";
import type { OwnedResource } from "./owned.ts";
import { find, isAborted, note, paceOf, type Run, stepError } from "./run.ts";
import { all, once } from "./schedule.ts";
import type { Found } from "./step.ts";

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
          throw stepError(run, { id, step }, "removing", error, target.ref);
        });
    }
    const waitedMs = clock.elapsed() - startedAt;
    const found: readonly Found[] = await calls.readPatiently(everyMs, () => find(run, step, id));
    one = found.find(({ ref }) => ref === thing.ref);
    if (!one) return;
    if (one.state !== target.state || one.detail !== target.detail) {
      emit({ type: "seen", at: clock.now(), node: id, ref: one.ref, state: one.state, detail: one.detail });
    }
    if (waitedMs > timeoutMs) throw failureOf(id, tooLong(`${step.kind} (${id})`, one, timeoutMs, "removing"));
    // A thing that has just changed its state is nudged on at once.
    if (one.state === target.state && one.detail === target.detail) await calls.wait(everyMs);
  }
}

export function failureOf(node: string, { reason, ref, hint }: Failure): StepError {
  return new StepError(reason, { node, ref, hint });
}

/**
 * Removes things, each when everything that leans on it is gone: by the manifest's edges where both are known, by the
 * fixed order of kinds elsewhere. One failure does not hold up what does not depend on it; all are answered.
 */
export async function removeAll<Cloud>(
  run: Run<Cloud>,
  things: readonly OwnedResource<Cloud>[],
): Promise<BootstrapError[]> {
  const { manifest, clock, emit } = run;
  const failures: BootstrapError[] = [];
  // Versions and generations of one node go one after the other: each may be the last, which goes another way.
  const before = (one: OwnedResource<Cloud>) =>
    things.filter((other, at) =>
      other.found.node === one.found.node && other.step === one.step
        ? at < things.indexOf(one)
        : leansOn(run, other, one),
    );

  const gone = once(async (one: OwnedResource<Cloud>): Promise<boolean> => {
    const { step, found } = one;
    const id = found.node;
    const ready = await all(before(one).map(gone));
    const startedAt = clock.now();
    if (ready.includes(false)) {
      emit({ type: "blocked", at: startedAt, node: label(things, one), by: "something that still uses it" });
      return false;
    }
    emit({ type: "started", at: startedAt, node: label(things, one), doing: "removing" });
    try {
      if (step.protect && !found.owned) throw refusalOf(step.kind, id, refuseForeign(manifest.get(id), found));
      const record = manifest.get(id);
      if (record && record.phase !== "destroying" && record.kind === step.kind && isIntended(record, found)) {
        await manifest.put(id, { ...record, phase: "destroying" });
      }
      await remove(run, { id, step }, found);
      if (manifest.get(id)?.phase === "destroying") await manifest.drop(id);
      emit({
        type: "finished",
        at: clock.now(),
        node: label(things, one),
        outcome: "removed",
        ms: clock.now() - startedAt,
        ref: found.ref,
      });
      return true;
    } catch (error) {
      if (isAborted(error)) {
        emit({ type: "interrupted", at: clock.now(), node: label(things, one), detail: `${found.ref} is still there` });
        throw error;
      }
      if (!(error instanceof BootstrapError)) throw error;
      failures.push(error);
      emit({ type: "failed", at: clock.now(), node: label(things, one), ms: clock.now() - startedAt, error });
      return false;
    }
  });

  await all(things.map(gone));
  return failures;
}

/** What others made again under a name of ours after it was removed, while they were ending: without tags no look at ours shows it. */
export async function cameBack<Cloud>(
  run: Run<Cloud>,
  removed: readonly OwnedResource<Cloud>[],
): Promise<OwnedResource<Cloud>[]> {
  const again = await all(
    removed
      .filter(({ step }) => step.comesBack)
      .map(async ({ step, found: { ref, node } }) => {
        const look = run.calls.readPatiently(paceOf(step).everyMs, () => find(run, step, node));
        const found = await look.catch((error: unknown) => {
          // Said by the look at everything that follows.
          if (!run.errors.denied(error)) throw error;
          return [];
        });
        return found.filter((thing) => thing.ref === ref && !thing.owned).map((thing) => ({ step, found: thing }));
      }),
  );
  return again.flat();
}

/** What a thing is called in a list of them: its node, and its ref where the node has several. */
export function label<Cloud>(things: readonly OwnedResource<Cloud>[], { found }: OwnedResource<Cloud>): string {
  const several = things.filter((other) => other.found.node === found.node).length > 1;
  return several ? `${found.node} ${found.ref}` : found.node;
}

function leansOn<Cloud>(
  { manifest, kinds }: Run<Cloud>,
  one: OwnedResource<Cloud>,
  other: OwnedResource<Cloud>,
): boolean {
  const records = [manifest.get(one.found.node), manifest.get(other.found.node)];
  // Of what was written down because a manifest was lost, the edges are not known.
  if (records[0]?.inputs && records[1]?.inputs) return records[0].needs.includes(other.found.node);
  const place = ({ step }: OwnedResource<Cloud>) => kinds.findIndex(({ kind }) => kind === step.kind);
  return place(one) < place(other);
}
