import { hint } from "../hint.ts";
import type { Found, State } from "../step.ts";
import { changes, failedOne, failure, fields, leftAlone, refuseChange, refuseData, tooLong } from "./reasons.ts";
import type { Maybe, Move, Row, Situation } from "./situation.ts";
import { bar, best, isGentle, isIntended, isUnused, mayHoldData, toRepair, wantedOne } from "./things.ts";

const ANY: readonly State[] = ["ready", "pending", "failed", "deleting"];

/** One made from what is wanted is there, or one that was being changed into it. */
export const WANTED_ONE: readonly Row[] = [
  [
    "4",
    "a temporary one that may have been used before",
    onWanted(ANY, ({ can, record }, one) => {
      const isSpent = can.temporary && can.destroy && !isUnused(record, one);
      return isSpent && destroy(one, "it may have been used before");
    }),
  ],
  [
    "5a",
    "it failed, and a change can bring it back",
    onWanted(["failed"], (s, one) => s.can.repairsFailed && change(s, one, failure(one))),
  ],
  [
    "5b",
    "it failed, and may hold data",
    onWanted(["failed"], (s, one) => {
      const isKept = mayHoldData(s, one) || (s.can.protect && !s.can.destroy);
      return isKept && refuseData(one, failure(one));
    }),
  ],
  ["5c", "it failed", onWanted(["failed"], ({ can }, one) => can.destroy && destroy(one, failure(one)))],
  [
    "5d",
    "work on a temporary thing failed while nobody looked: it is told, and not done again on what it left behind",
    onWanted(["failed"], (s, one) => s.can.temporary && failedOne(s, one, "spent")),
  ],
  [
    "6a",
    "it was being changed, and that change cannot be made, or AWS gave up on it",
    onWanted(ANY, ({ record, wanted }, one) => {
      const barred = record?.phase === "updating" && bar(one, wanted);
      return barred && (barred.failed || one.fingerprint !== wanted.fingerprint) && refuseChange(one, barred);
    }),
  ],
  [
    "6b",
    "it was being changed",
    onWanted(ANY, (s, one) => {
      return s.record?.phase === "updating" && change(s, one, "was being changed when the last run stopped");
    }),
  ],
  [
    "7",
    "it is on its way, whoever asked for it",
    onWanted(["pending"], ({ record }, one) => {
      // Only an attempt of ours that is still open may be given up and removed if it fails; the rest may hold data.
      const phase = record?.phase === "creating" && isIntended(record, one) ? "creating" : "ready";
      return { do: "begin", verdict: "resume", reason: one.detail ?? "on its way", says: "waiting", found: one, phase };
    }),
  ],
  [
    "8a",
    "it is ready, and something drifted that is to be repaired",
    onWanted(["ready"], (s, one) => {
      const drift = toRepair(one, s.wanted);
      return drift.length > 0 && s.can.update && change(s, one, fields(drift));
    }),
  ],
  [
    "8b",
    "it is ready, and on record as it is, or the account's own",
    onWanted(["ready"], ({ record, wanted, can }, one) => {
      const isOnRecord = record?.ref === one.ref && record.fingerprint === wanted.fingerprint && record.inputs !== null;
      if (can.naming !== "shared" && !(isOnRecord && record.phase === "ready")) return undefined;
      const then = record?.phase === "ready" ? "kept" : "ready";
      return { do: "done", verdict: "keep", reason: leftAlone(one), found: one, record: then };
    }),
  ],
  [
    "8c",
    "it is ready",
    onWanted(["ready"], (_s, found) => {
      return { do: "done", verdict: "adopt", reason: "ours by its tags", found, record: "ready" };
    }),
  ],
];

/** Only one made from other inputs is there, ready or on its way. */
export const OTHER_ONE: readonly Row[] = [
  [
    "9a",
    "it could be changed in place, but not so, or AWS gave up on that",
    onOther((s, other) => {
      const barred = isChangeable(s, other) && bar(other, s.wanted);
      return barred && refuseChange(other, barred);
    }),
  ],
  [
    "9b",
    "it can be changed in place",
    onOther((s, other) => {
      return isChangeable(s, other) && change(s, other, other.drift?.length ? fields(other.drift) : changes(s));
    }),
  ],
  [
    "9c",
    "it cannot be changed in place, and holds data",
    onOther((s, other) => s.can.protect && refuseData(other, `it cannot be changed in place (${changes(s)})`)),
  ],
  [
    "9d",
    "it cannot be changed in place, and its name can be had only once",
    onOther(
      (s, found) =>
        s.can.naming === "fixed" && {
          do: "refuse",
          verdict: "refuse",
          found,
          reason: `it cannot be changed in place, and its name can be had only once (${changes(s)})`,
          hint: hint`take the change back, or run ${["teardown"]} and then ${["up"]}`,
        },
    ),
  ],
  [
    "9e",
    "a temporary one, for other work",
    onOther((s, other) => s.can.temporary && s.can.destroy && destroy(other, changes(s))),
  ],
  [
    "9f",
    "a version stays beside the next",
    onOther((s) => s.can.naming === "versioned" && create(`a new version (${changes(s)})`)),
  ],
  [
    "9g",
    "it cannot be changed in place",
    onOther((s) => ({ do: "create", verdict: "replace", reason: changes(s), says: "creating its replacement" })),
  ],
];

/** Nothing that could be used is there. */
export const NOTHING: readonly Row[] = [
  [
    "10a",
    "one of other inputs failed, and a change can bring it back",
    onFailed((s, failed) => s.can.repairsFailed && change(s, failed, failure(failed))),
  ],
  [
    "10b",
    "one of other inputs failed, and may hold data",
    onFailed((s, failed) => mayHoldData(s, failed) && refuseData(failed, failure(failed))),
  ],
  [
    "10c",
    "one of other inputs failed, and has the only name, or was never more than an attempt at what holds data",
    onFailed(({ can }, failed) => (can.naming === "fixed" || can.protect) && destroy(failed, failure(failed))),
  ],
  [
    "11a",
    "an older one is being deleted, for too long",
    ({ what, found, attempt: { leaving }, now, pace: { timeoutMs } }) => {
      const going = found.find(({ state }) => state === "deleting");
      return going && leaving && now - leaving.since > timeoutMs && tooLong(what, going, timeoutMs);
    },
  ],
  [
    "11b",
    "an older one is being deleted",
    ({ found, pace: { everyMs: ms } }) => {
      const going = found.find(({ state }) => state === "deleting");
      const reason = "an older one is still being deleted";
      const says = "waiting for the old one to go";
      return going && { do: "wait", verdict: "wait", reason, says, found: going, ms, leaving: going.ref };
    },
  ],
  [
    "12a",
    "nothing is there, and the manifest was lost so lately that something may be out of sight",
    ({ record, found, now, attempt: { doubtUntil }, pace: { everyMs } }) => {
      const ms = Math.min(doubtUntil - now, everyMs);
      const says = "the manifest is gone: looking again before making a second one";
      return (
        !record && found.length === 0 && ms > 0 && { do: "wait", verdict: "create", reason: "not there", says, ms }
      );
    },
  ],
  [
    "12b",
    "nothing is there that could be used",
    (s) => {
      const failed = failedOf(s);
      return create(failed ? failure(failed) : "not there");
    },
  ],
];

function onWanted(states: readonly State[], move: (s: Situation, one: Found) => Maybe<Move>): Row[2] {
  return (s) => {
    const one = wantedOne(s);
    return one && states.includes(one.state) && move(s, one);
  };
}

/** The best of those that could be used. While a wanted one is there, no row asks for it. */
function onOther(move: (s: Situation, other: Found) => Maybe<Move>): Row[2] {
  return (s) => {
    const usable = s.found.filter(({ state }) => state === "ready" || state === "pending");
    const other = best(s.record, usable);
    return other && move(s, other);
  };
}

function onFailed(move: (s: Situation, failed: Found) => Maybe<Move>): Row[2] {
  return (s) => {
    const failed = failedOf(s);
    return failed && move(s, failed);
  };
}

/** The one that may hold data, if there is such a one. */
function failedOf(s: Situation): Found | undefined {
  const failures = s.found.filter(({ state }) => state === "failed");
  return failures.find((thing) => mayHoldData(s, thing)) ?? failures[0];
}

function isChangeable({ wanted, can }: Situation, other: Found): boolean {
  return other.fixedFingerprint === wanted.fixedFingerprint && can.update;
}

function change(s: Situation, found: Found, reason: string): Move {
  const gentle = isGentle(s, found);
  return { do: "begin", verdict: "update", reason, says: "changing", found, phase: "updating", gentle };
}

/** A failed thing that goes first is nothing that anybody used: a plan shows that one is made. */
function destroy(found: Found, reason: string): Move {
  return { do: "destroy", verdict: "create", reason, says: `removing the old one: ${reason}`, found };
}

function create(reason: string): Move {
  return { do: "create", verdict: "create", reason, says: "creating" };
}
