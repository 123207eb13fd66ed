import { awsWords, isAwsError } from "../aws/errors.ts";
import { nodeWords } from "../aws/node-words.ts";
import { logGroupOf } from "../aws/tags.ts";
import type { Io } from "./action.ts";
import type { Session } from "./session.ts";

const DAY_MS = 24 * 60 * 60_000;

/** Why machines of the last day took no job: Batch itself says at most that none joined. Says nothing when all came up. */
export async function tellRefusedNodes(
  { cloud, config, clock }: Pick<Session, "cloud" | "clock"> & { readonly config: { readonly name: string } },
  io: Pick<Io, "event" | "result">,
): Promise<void> {
  const since = new Date(clock.now() - DAY_MS);
  const nodes = await nodeWords(cloud, logGroupOf(config.name), since).catch((error: unknown) => {
    // It is beside what was asked for, which is done.
    if (!isAwsError(error)) throw error;
    const text = `what nodes said cannot be read: ${awsWords(error)}`;
    io.event({ type: "note", at: clock.now(), text });
    return [];
  });
  if (nodes.length > 0) await io.result({ type: "refused-nodes", nodes });
}
