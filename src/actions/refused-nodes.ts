import { awsWords, isAwsError } from "../aws/errors.ts";
import { type NodeWord, nodeWords } from "../aws/node-words.ts";
import { logGroupOf } from "../aws/tags.ts";
import { say } from "../cli/print.ts";
import { linesOf } from "../ui/words.ts";
import type { Session } from "./session.ts";

const DAY_MS = 24 * 60 * 60_000;

/** Each as often as it was said, the latest node's name and time beside it. */
const MOST_SHOWN = 3;

/** Why machines of the last day took no job: Batch itself says at most that none joined. Says nothing when all came up. */
export async function sayRefusedNodes(session: Session): Promise<void> {
  const { cloud, config, clock } = session;
  const since = new Date(clock.now() - DAY_MS);
  const words = await nodeWords(cloud, logGroupOf(config.name), since).catch((error: unknown) => {
    // It is beside what was asked for, which is done.
    if (!isAwsError(error)) throw error;
    const text = `what nodes said cannot be read: ${awsWords(error)}`;
    session.view.onEvent({ type: "note", at: clock.now(), text });
    return [];
  });
  if (words.length === 0) return;
  say(session, inWords(words), { type: "refused-nodes", nodes: words });
}

function inWords(said: readonly NodeWord[]): string {
  const nodes = new Set(said.map(({ instanceId }) => instanceId)).size;
  const latest = new Map(said.map((word) => [word.words, word]));
  const lines = [...latest.values()]
    .sort((a, b) => b.at.getTime() - a.at.getTime())
    .slice(0, MOST_SHOWN)
    .map(({ instanceId, at, words }) => `  ${instanceId} at ${shown(at)}: ${linesOf(words).join(" ")}`);
  const head =
    nodes === 1
      ? "1 node of the last 24 hours was not fit for jobs and ended; it said:"
      : `${nodes} nodes of the last 24 hours were not fit for jobs and ended; they said:`;
  return ["", head, ...lines].join("\n");
}

function shown(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
