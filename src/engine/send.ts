import { randomUUID } from "node:crypto";
import { MOST_SENDS } from "./decide/situation.ts";
import { AbortedError } from "./errors.ts";
import type { Node } from "./graph.ts";
import type { StepRecord } from "./manifest/manifest.ts";
import type { Observation } from "./observe.ts";
import { isAborted, note, paceOf, type Run, stepError } from "./run.ts";
import type { CreateContext, Found } from "./step.ts";

export function newIntent<Cloud>(
  { clock }: Run<Cloud>,
  { id: _id, step, needs }: Node<Cloud>,
  { inputs, wanted }: Observation,
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

/** Written down, done, written down: the only place that creates. A lost answer leaves the intent open. */
export async function send<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  { inputs, wanted }: Observation,
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
      ref = await calls.change({ everyMs, forMs, note: context.note }, () => step.create(context));
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
export function spent<Cloud>(
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

/** Failed ones of this node go before a new one is made; "busy" is no error here, what stays is removed at the end. */
export async function clearFailed<Cloud>(
  run: Run<Cloud>,
  { id, step }: Node<Cloud>,
  found: readonly Found[],
): Promise<void> {
  if (!step.destroy || step.protect) return;
  const context = { name: run.name, region: run.region, node: id, cloud: run.cloud };
  for (const thing of found.filter(({ state, owned }) => state === "failed" && owned)) {
    await run.calls
      .change({ everyMs: 0, forMs: 0, note: () => {} }, () => step.destroy!(context, thing))
      .catch((error: unknown) => {
        if (run.errors.trouble(error) === "refused") throw error;
      });
  }
}
