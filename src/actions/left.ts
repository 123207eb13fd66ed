import type { Cloud } from "../aws/clients.ts";
import type { Plan } from "../engine/plan.ts";
import { commandFor, type Target } from "./options.ts";

/** What stands otherwise than wanted and stays so, and what would mend it: a line each. */
export function leftAsItIs({ nodes }: Plan<Cloud>, target: Target): readonly string[] {
  const again = `${commandFor("up", target)} --repair`;
  return nodes
    .filter(({ verdict }) => verdict === "keep")
    .flatMap(({ node, ref, drift = [] }) =>
      drift.map(({ field, have, want, never, failed }) => {
        const mend = failed ? `AWS gave up on it (${failed.reason}); ${again} asks again` : `${again} mends it`;
        return `${node} ${ref}: ${field} is ${have}, wanted is ${want}: ${never ?? mend}`;
      }),
    );
}
