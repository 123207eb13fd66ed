import type { Calls, CloudErrors } from "./calls.ts";
import type { Clock } from "./clock.ts";
import { AbortedError, BootstrapError, GO_ON, StepError } from "./errors.ts";
import type { Listener } from "./events.ts";
import type { Graph, Node } from "./graph.ts";
import type { Manifest } from "./manifest/manifest.ts";
import type { FindContext, Found, Pace, Step } from "./step.ts";

/** What every part of one run shares. */
export interface Run<Cloud> {
  readonly name: string;
  readonly region: string;
  readonly cloud: Cloud;
  /** Every kind there is, in the fixed order of removal. */
  readonly kinds: readonly Step<unknown, unknown, unknown, Cloud>[];
  readonly graph: Graph<Cloud>;
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly calls: Calls;
  readonly errors: CloudErrors;
  readonly emit: Listener;
  /** The user's own, on everything that is made. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Mend also the drift whose mending replaces running machines. */
  readonly repair: boolean;
  /** Leave builders standing, for a look at what went wrong. */
  readonly keepTemporaries: boolean;
}

const DEFAULT_PACE: Pace = { expectMs: 0, everyMs: 3_000, timeoutMs: 10 * 60_000 };

export function paceOf(step: Pick<Step<never, never>, "pace">): Pace {
  return step.pace ?? DEFAULT_PACE;
}

/** Asks what there is of one node; with inputs, drift is told as well. */
export function find<Cloud>(
  { name, region, cloud, manifest }: Run<Cloud>,
  step: Step<unknown, unknown, unknown, Cloud>,
  node: string | undefined,
  inputs?: unknown,
  unlisted?: (cause: unknown) => void,
): Promise<readonly Found[]> {
  const known = Object.fromEntries(
    manifest.records.flatMap(([id, { kind, ref, fingerprint, fixedFingerprint }]) =>
      ref !== undefined && kind === step.kind && (node === undefined || node === id)
        ? [[ref, { node: id, fingerprint, fixedFingerprint }]]
        : [],
    ),
  );
  const context: FindContext<unknown, Cloud> = {
    name,
    region,
    node,
    known,
    inputs,
    cloud,
    ...(unlisted && { unlisted }),
  };
  return step.find(context);
}

export function note<Cloud>({ emit, clock }: Run<Cloud>, node: string | undefined, text: string): void {
  emit({ type: "note", at: clock.now(), node, text });
}

/** Gerund, kind, node, AWS's words: `creating filesystem (filesystem): InsufficientCapacity: …`. */
export function stepError<Cloud>(
  { errors }: Run<Cloud>,
  { id, step }: Pick<Node<Cloud>, "id" | "step">,
  doing: string,
  cause: unknown,
  ref?: string,
): BootstrapError {
  if (cause instanceof BootstrapError) return cause;
  throwBugs(errors, cause);
  return new StepError(`${doing} ${step.kind} (${id}): ${errors.words(cause)}`, {
    node: id,
    ref,
    cause,
    hint: errors.hint(cause) ?? GO_ON,
  });
}

/** The same, of a look at everything of this environment. */
export function surveyError<Cloud>({ errors }: Run<Cloud>, cause: unknown): BootstrapError {
  if (cause instanceof BootstrapError) return cause;
  throwBugs(errors, cause);
  return new BootstrapError("survey", `looking for what is no longer used: ${errors.words(cause)}`, {
    cause,
    hint: errors.hint(cause) ?? GO_ON,
  });
}

/** A bug is not dressed up as AWS's answer. */
function throwBugs(errors: CloudErrors, cause: unknown): void {
  const isBug = cause instanceof TypeError || cause instanceof ReferenceError;
  if (isBug && errors.trouble(cause) === "unknown") throw cause;
}

export function isAborted(error: unknown): error is AbortedError {
  return error instanceof AbortedError;
}
