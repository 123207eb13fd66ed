import type { Wanted } from "./decide/situation.ts";
import { GRACE_MS } from "./decide/situation.ts";
import { isIntended } from "./decide/things.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { Node } from "./graph.ts";
import type { StepRecord } from "./manifest/manifest.ts";
import { find, paceOf, type Run } from "./run.ts";
import type { Found } from "./step.ts";

/** What a node looks like now, beside what it should be. */
export interface Observation {
  readonly inputs: unknown;
  readonly wanted: Wanted;
  readonly found: readonly Found[];
}

/** The first look at a node, when the outputs of everything it needs are known. */
export async function observe<Cloud>(
  run: Run<Cloud>,
  node: Node<Cloud>,
  outputs: ReadonlyMap<string, unknown>,
): Promise<Observation> {
  const inputs = node.inputs(outputs);
  const wanted = {
    fingerprint: fingerprintOf(inputs),
    fixedFingerprint: fingerprintOf(node.step.fixed ? node.step.fixed(inputs) : inputs),
    repair: run.repair,
    inputs,
  };
  return { inputs, wanted, found: await run.calls.read(() => find(run, node.step, node.id, inputs)) };
}

/** Polls until what the record speaks of shows up, or the grace is over. */
export async function waitVisible<Cloud>(
  run: Run<Cloud>,
  { id, step }: Pick<Node<Cloud>, "id" | "step">,
  record: StepRecord,
): Promise<readonly Found[]> {
  const { everyMs } = paceOf(step);
  const until = run.clock.elapsed() + GRACE_MS;
  for (;;) {
    // Told before the look: however long the machine slept, there is one more after it.
    const isLast = run.clock.elapsed() >= until;
    const found = await run.calls.readPatiently(everyMs, () => find(run, step, id));
    if (found.some((thing) => isIntended(record, thing)) || isLast) return found;
    await run.calls.wait(everyMs);
  }
}
