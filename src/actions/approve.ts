import type { Cloud } from "../aws/clients.ts";
import { throwAll } from "../cli/exit.ts";
import type { Plan } from "../engine/engine.ts";
import { AbortedError, RefusedError, StepError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph.ts";
import type { Session } from "./session.ts";

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
export async function agree(
  session: Session,
  graph: Pick<Graph<Cloud>, "node">,
  { nodes, removals, targets }: Plan<Cloud>,
): Promise<void> {
  if (session.flags.yes) return;
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
  if (!session.confirm) {
    throw new RefusedError(
      `there is no terminal to ask at, and this would\n${what}`,
      "look with --dry-run, then run it again with --yes",
    );
  }
  await ask(session, `this will\n${what}\nGo on?`);
}

/** Resolves on yes; AbortedError on no, and on Ctrl-C. */
export async function ask({ confirm, signal }: Pick<Session, "confirm" | "signal">, message: string): Promise<void> {
  const yes = !signal.aborted && (await confirm?.(message));
  if (!yes) throw new AbortedError("stopped: nothing was changed");
}
