import type { Cloud } from "../aws/clients.ts";
import { AbortedError, type BootstrapError, RefusedError, StepError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph.ts";
import type { Plan } from "../engine/plan.ts";
import type { Io, Question } from "./action.ts";
import type { Options } from "./options.ts";

/** What was asked for and can be seen to be impossible, or cannot be seen at all, is refused as a whole, before anything is changed. */
export function refuse({ nodes }: Plan<Cloud>): void {
  throwAll(
    nodes.flatMap(({ node, kind, verdict, reason, hint }) => {
      if (verdict === "refuse") return [new RefusedError(`leaving ${kind} (${node}) as it is: ${reason}`, hint)];
      if (verdict === "unseen") return [new StepError(`looking for ${kind} (${node}): ${reason}`, { node, hint })];
      return [];
    }),
  );
}

/**
 * Asks before something is replaced, put out of reach for a while, or removed because nothing uses it any more. New
 * versions of what is versioned, and a new image from `bake-ami`, are what the verbs are for.
 */
export async function approve(
  graph: Pick<Graph<Cloud>, "node">,
  { nodes, removals, targets }: Plan<Cloud>,
  { yes }: Options,
  asking: Asking,
): Promise<void> {
  if (yes) return;
  const replaced = nodes
    .filter(({ verdict, node }) => verdict === "replace" && !targets?.has(node))
    .map(({ node, ref, reason }) => `replace ${node}${ref ? ` (${ref})` : ""}: ${reason}`);
  const disturbing = nodes
    .filter(({ verdict }) => verdict === "update")
    .flatMap(({ node, ref, drift = [] }) =>
      drift
        .filter(({ asks }) => asks !== undefined)
        .map(({ field, have, want, asks }) => `change ${node} (${ref}), ${field} from ${have} to ${want}: ${asks}`),
    );
  const dropped = removals
    .filter(({ found }) => !graph.node(found.node))
    .map(({ step, found }) => `remove ${step.kind} ${found.ref}: nothing in the config speaks of it`);
  const losses = [...replaced, ...disturbing, ...dropped];
  if (losses.length === 0) return;
  const what = losses.map((loss) => `  ${loss}`).join("\n");
  if (!asking.io.ask) {
    throw new RefusedError(
      `there is no terminal to ask at, and this would\n${what}`,
      "look with --dry-run, then run it again with --yes",
    );
  }
  await demandYes({ text: `this will\n${what}\nGo on?`, risk: "replace" }, asking);
}

interface Asking {
  readonly io: Pick<Io, "ask">;
  readonly signal: AbortSignal;
}

/** Resolves on yes; AbortedError on no, and on Ctrl-C. */
export async function demandYes(question: Question, { io, signal }: Asking): Promise<void> {
  const yes = !signal.aborted && (await io.ask?.(question));
  if (!yes) throw new AbortedError("stopped: nothing was changed");
}

/** Throws one failure as it is, several as one error that holds them all. */
function throwAll(failures: readonly BootstrapError[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures);
}
