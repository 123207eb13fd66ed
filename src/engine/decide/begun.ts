import type { Found } from "../step.ts";
import { failedOne, gaveUp, notSeen, notTaken, refuseChange, tooLong } from "./reasons.ts";
import { GRACE_MS, type Maybe, MOST_SENDS, type Move, type Row, type Situation } from "./situation.ts";
import { awaitedOne, bar, toRepair } from "./things.ts";

/** How often a thing is repaired of the same difference, or the same failure, before it is believed that it stays so. */
const MOST_REPAIRS = 3;

/** A repair takes a while to be seen. */
const REPAIR_AGAIN_MS = 30_000;

/** How long a thing is waited for that AWS shows in a state nobody knows the end of. */
const UNSURE_MS = 30 * 60_000;

/** For a node of which this run has asked for something, or has taken up waiting. */
export const BEGUN: readonly Row[] = [
  [
    "20a",
    "it is gone for good, by the cloud's own words",
    (s) => {
      const { record, attempt } = s;
      if (awaitedOne(s) || attempt.gone === undefined || record?.ref === undefined) return undefined;
      return failedOne(s, { ref: record.ref, detail: attempt.gone }, "forgotten");
    },
  ],
  [
    "20b",
    "no answer came, it has not shown up, and it is asked for anew: sent again at once, it might have been made twice",
    ({ record, found, now, can, attempt: { missingSince = now, sends } }) => {
      const isLost = record?.phase === "creating" && record.ref === undefined && found.every(({ owned }) => owned);
      const isAskedAnew = can.unrepeatable && !can.usesUp && sends < MOST_SENDS;
      const says = "asking anew: no answer came, and it has not shown up";
      if (!isLost || !isAskedAnew || now - missingSince < GRACE_MS) return undefined;
      return { do: "forget", reason: "it has not shown up", says };
    },
  ],
  [
    "20c",
    "it has had its time to show up",
    (s) => {
      const { missingSince } = s.attempt;
      return missingSince !== undefined && s.now - missingSince >= GRACE_MS && notSeen(s);
    },
  ],
  [
    "21",
    "somebody else deletes it",
    on("deleting", ({ what }, { ref }) => ({
      do: "fail",
      reason: `waiting for ${what}: ${ref} is being deleted by someone else`,
      ref,
      record: "kept",
    })),
  ],
  [
    "22a",
    "it failed, and no change can bring it back",
    on("failed", (s, one) => !s.can.repairsFailed && failedOne(s, one, "spent")),
  ],
  [
    "22b",
    "AWS gave up on the change that this run asked for",
    onStanding((s, one) => {
      const lost = lostOf(one);
      const isOld = s.wanted.repair && JSON.stringify(lost) === s.attempt.lostBefore;
      return lost && !isOld && gaveUp(s, one, lost);
    }),
  ],
  [
    "23",
    "it is ready, and as it should be",
    on(
      "ready",
      (s, one) =>
        isUpToDate(s, one) && isDone(s, one) && { do: "done", reason: "as it should be", found: one, record: "ready" },
    ),
  ],
  [
    "24a",
    "it could be changed when the plan was made, and no longer",
    onStanding((s, one) => {
      const barred = isUpToDate(s, one) ? undefined : bar(one, s.wanted);
      return barred?.never !== undefined && refuseChange(one, barred);
    }),
  ],
  [
    "24b",
    "it is not what was asked for, and its kind cannot be changed",
    onStanding((s, one) => {
      const detail = "it is not what was asked for, and cannot be changed";
      return !(isDone(s, one) ? s.can.stamp : s.can.update) && failedOne(s, { ...one, detail }, "kept");
    }),
  ],
  [
    "25a",
    "it was repaired of this often enough, and the last repair has had its time",
    onStanding((s, one) => {
      const { isEnough, sinceMs } = repairsOf(s, one);
      if (!isEnough || sinceMs < GRACE_MS / 2) return undefined;
      return one.state === "failed" ? failedOne(s, one, "kept") : notTaken(s, { ...one, drift: driftOf(s, one) });
    }),
  ],
  [
    "25b",
    "it is what was asked for, and does not say so",
    onStanding((s, one) => {
      const { isEnough, sinceMs, difference } = repairsOf(s, one);
      if (isEnough || sinceMs < REPAIR_AGAIN_MS || !isDone(s, one)) return undefined;
      return { do: "stamp", reason: "made from what is wanted", found: one, difference };
    }),
  ],
  [
    "25c",
    "it differs from what was asked for, and no repair of that is on its way",
    onStanding((s, one) => {
      const { isEnough, sinceMs, difference } = repairsOf(s, one);
      if (isEnough || sinceMs < REPAIR_AGAIN_MS) return undefined;
      return { do: "update", reason: difference, found: { ...one, drift: driftOf(s, one) }, difference };
    }),
  ],
  [
    "26a",
    "it takes too long",
    onPending((s) => waitedMs(s) > s.pace.timeoutMs && tooLong(s.what, s.attempt.last, s.pace.timeoutMs)),
  ],
  [
    "26b",
    "it is for too long in a state nobody knows the end of",
    onPending(
      ({ what, now, attempt: { unsureSince, last } }) =>
        unsureSince !== undefined && now - unsureSince > UNSURE_MS && tooLong(what, last, UNSURE_MS),
    ),
  ],
  [
    "27",
    "it may be asleep",
    on(
      "pending",
      (s, one) =>
        s.can.wake &&
        !s.attempt.awake &&
        s.pace.wakeMs !== undefined &&
        waitedMs(s) > s.pace.wakeMs && { do: "wake", reason: "it may be asleep", found: one },
    ),
  ],
  [
    "28a",
    "it is on its way, and expected later",
    on("pending", (s, one) => {
      const ms = s.pace.expectMs - waitedMs(s);
      return ms > 0 && !s.can.tail && { do: "wait", reason: one.detail ?? "on its way", ms };
    }),
  ],
  [
    "28b",
    "it is on its way, or not seen yet, or its last repair is",
    ({ pace: { everyMs: ms } }) => ({ do: "wait", reason: "on its way", ms }),
  ],
];

function on(state: Found["state"], move: (s: Situation, one: Found) => Maybe<Move>): Row[2] {
  return (s) => {
    const one = awaitedOne(s);
    return one?.state === state && move(s, one);
  };
}

/** It is there and at rest, be it failed. */
function onStanding(move: (s: Situation, one: Found) => Maybe<Move>): Row[2] {
  return (s) => {
    const one = awaitedOne(s);
    return (one?.state === "ready" || one?.state === "failed") && move(s, one);
  };
}

/** Of what is at rest the repairs are counted; the rest is timed. */
function onPending(move: (s: Situation) => Maybe<Move>): Row[2] {
  return (s) => {
    const one = awaitedOne(s);
    return (one === undefined || one.state === "pending") && move(s);
  };
}

export function lostOf({ drift = [] }: Found) {
  return drift.find(({ failed }) => failed !== undefined);
}

function isUpToDate({ can, wanted }: Situation, one: Found): boolean {
  return can.naming === "shared" || one.fingerprint === wanted.fingerprint;
}

/** A change that was begun is repaired whole, unless it was of drift alone. */
function driftOf({ record, wanted }: Situation, one: Found) {
  const repair = wanted.repair || (record?.phase === "updating" && !record.gentle);
  return toRepair(one, { ...wanted, ...(repair && { repair }) });
}

/** Nothing is left to be repaired. */
function isDone(s: Situation, one: Found): boolean {
  return one.state === "ready" && driftOf(s, one).length === 0;
}

function repairsOf(s: Situation, one: Found) {
  const drift = driftOf(s, one);
  const difference = one.state === "failed" ? "failed" : JSON.stringify(drift.map(({ field, want }) => [field, want]));
  const { times, at } = s.attempt.repairs[difference] ?? { times: 0, at: Number.NEGATIVE_INFINITY };
  // What AWS gave up on is asked for once more, by `--repair`.
  return { difference, isEnough: times >= (lostOf(one) ? 1 : MOST_REPAIRS), sinceMs: s.now - at };
}

function waitedMs({ now, attempt: { startedAt = now } }: Situation): number {
  return now - startedAt;
}
