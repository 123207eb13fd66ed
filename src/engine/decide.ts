import { BEGUN, lostOf } from "./decide/begun.ts";
import { NOTHING, OTHER_ONE, WANTED_ONE } from "./decide/in-sight.ts";
import { ELSEWHERE, OUT_OF_SIGHT } from "./decide/out-of-sight.ts";
import type { Attempt, Move, Row, Situation } from "./decide/situation.ts";
import { awaitedOne, isOutOfSight, isState } from "./decide/things.ts";

/** For a node to which this run has done nothing yet. */
const FIRST: readonly Row[] = [...ELSEWHERE, ...OUT_OF_SIGHT, ...WANTED_ONE, ...OTHER_ONE, ...NOTHING];

/** The whole policy of a node. */
export const ROWS: readonly Row[] = [...FIRST, ...BEGUN];

/**
 * Start here: the whole policy of a node, pure. The first row that has a move is followed: of `FIRST` until this run has
 * asked for something or taken up waiting, of `BEGUN` from then on. A plan shows the first move; `up` follows them all.
 */
export function decide(situation: Situation): Move & { readonly row: string } {
  for (const { ref, state } of situation.found) {
    if (!isState(state)) throw new Error(`${ref} is in no state that can be decided on: ${state}`);
  }
  const rows = situation.attempt.startedAt === undefined ? FIRST : BEGUN;
  for (const [row, _when, move] of rows) {
    const decided = move(situation);
    if (decided) return { ...decided, row };
  }
  throw new Error(`no row fits ${situation.what}`);
}

/** What a look adds to what is known of the attempt. */
export function noted(situation: Situation): Attempt {
  const { attempt, now, wanted } = situation;
  const one = awaitedOne(situation);
  const isBegun = attempt.startedAt !== undefined;
  const isMissing = isBegun ? one === undefined : isOutOfSight(situation);
  const isStanding = isBegun && (one?.state === "ready" || one?.state === "failed");
  return {
    ...attempt,
    missingSince: isMissing ? (attempt.missingSince ?? now) : undefined,
    unsureSince: one?.unsure ? (attempt.unsureSince ?? now) : undefined,
    last: isBegun ? (one ?? attempt.last) : undefined,
    lostBefore: attempt.lostBefore ?? (isStanding && wanted.repair ? JSON.stringify(lostOf(one) ?? null) : undefined),
  };
}
