import type { Cloud } from "../aws/clients.ts";
import type { Plan } from "../engine/engine.ts";
import { AbortedError, RefusedError } from "../engine/errors.ts";
import type { Session } from "./session.ts";

export function mayAsk({ flags }: Session): boolean {
  return Boolean(process.stdin.isTTY && process.stdout.isTTY && !flags.json);
}

/** Asks before something is replaced; new versions of what is versioned, and a new image, are what the verbs are for. */
export async function agree(session: Session, { nodes, targets }: Plan<Cloud>): Promise<void> {
  const replaced = nodes.filter(({ verdict, node }) => verdict === "replace" && !targets?.has(node));
  if (replaced.length === 0 || session.flags.yes) return;
  const what = replaced.map(({ node, ref, reason }) => `${node}${ref ? ` (${ref})` : ""}: ${reason}`).join("; ");
  if (!mayAsk(session)) {
    throw new RefusedError(
      `this would replace ${what}; there is no terminal to ask at`,
      "look with --dry-run, then add --yes",
    );
  }
  await ask(`this replaces ${what}. Go on?`);
}

/** Resolves on yes; AbortedError on no, and on Ctrl-C. */
export async function ask(message: string): Promise<void> {
  const { confirm } = await import("@inquirer/prompts");
  const yes = await confirm({ message, default: false }).catch(() => false);
  if (!yes) throw new AbortedError("stopped: nothing was changed");
}
