import type { Wanted } from "./decide/situation.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { Node } from "./graph.ts";
import { find, type Run } from "./run.ts";
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
