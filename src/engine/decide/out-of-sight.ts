import { hint } from "../hint.ts";
import { notSeen, refuseForeign } from "./reasons.ts";
import { GRACE_MS, type Move, type Row, type Situation } from "./situation.ts";
import { isOutOfSight, wantedOne } from "./things.ts";

/** Not to be decided on yet, or not this run's to decide. */
export const ELSEWHERE: readonly Row[] = [
  [
    "1a",
    "it holds data, and what it stands on would be replaced",
    ({ can, record, needs }) =>
      needs?.replaced !== undefined &&
      can.protect &&
      record?.ref !== undefined &&
      record.phase !== "creating" && {
        do: "refuse",
        verdict: "refuse",
        ref: record.ref,
        reason: `${record.ref} holds data, and ${needs.replaced}, which it stands on, would be replaced`,
        hint: "take the change back",
      },
  ],
  [
    "1b",
    "what it needs is not there yet",
    ({ needs }) =>
      needs?.unsettled !== undefined && { do: "wait", verdict: "follows", reason: `follows ${needs.unsettled}`, ms: 0 },
  ],
  [
    "1c",
    "it is not among the targets, and one of it is ready, whatever it was made from",
    ({ asItIs, found, can, record }) => {
      const ready = found.filter(({ state, owned }) => state === "ready" && (owned || can.naming === "shared"));
      const one = ready.find(({ ref }) => ref === record?.ref) ?? ready[0];
      return asItIs && one && { do: "done", verdict: "use", reason: "used as it is", found: one, record: "kept" };
    },
  ],
  [
    "1d",
    "it is not among the targets, and not ready",
    ({ asItIs, what }) =>
      asItIs && {
        ...{
          do: "fail",
          reason: `${what} is not there, or not ready`,
          hint: hint`run ${["up"]} first`,
          record: "kept",
        },
      },
  ],
  [
    "2",
    "something that is not ours has its name",
    ({ can, found, record }) => {
      const foreign = can.naming === "shared" ? undefined : found.find(({ owned }) => !owned);
      return foreign && refuseForeign(record, foreign);
    },
  ],
];

/** What the record speaks of is not seen, which may mean not visible yet. */
export const OUT_OF_SIGHT: readonly Row[] = [
  [
    "3a",
    "what was being removed is gone",
    ({ attempt: { leaving }, found }) =>
      leaving && !found.some(({ ref }) => ref === leaving.ref) && { do: "forget", reason: `${leaving.ref} is gone` },
  ],
  [
    "3b",
    "an open intent could be sent again, but would use up more, and may only be out of sight",
    (s) => canResend(s) && s.can.usesUp && isEarly(s) && lookAgain(s),
  ],
  [
    "3c",
    "an open intent can be sent again, with its own token",
    (s) => canResend(s) && { ...confirming(s), do: "create", intent: s.record! },
  ],
  [
    "3d",
    "what is on record is not seen, and may only be out of sight",
    (s) => isSought(s) && isEarly(s) && lookAgain(s),
  ],
  [
    "3e",
    "sent again, the cloud named it or something was used up for it, and it does not show up",
    (s) => {
      const isMade = s.attempt.sends > 0 && (s.record?.ref !== undefined || s.can.usesUp);
      return isSought(s) && isMade && s.attempt.gone === undefined && notSeen(s);
    },
  ],
  [
    "3f",
    "what is on record has had its time to show up",
    (s) => isSought(s) && { do: "forget", reason: "it has not shown up" },
  ],
];

/** Whether the record speaks of something that has to be found, or given up, before anything else is done. */
function isSought(s: Situation): boolean {
  if (!isOutOfSight(s)) return false;
  return s.record?.phase === "creating" || (s.record?.phase !== "destroying" && wantedOne(s) === undefined);
}

function canResend(s: Situation): boolean {
  const isOpen = isSought(s) && s.record?.phase === "creating" && s.record.ref === undefined;
  const isSame = s.record?.fingerprint === s.wanted.fingerprint;
  return isOpen && isSame && !s.can.unrepeatable && s.attempt.sends === 0;
}

function isEarly({ now, attempt: { missingSince = now } }: Situation): boolean {
  return now - missingSince < GRACE_MS;
}

function lookAgain(s: Situation): Move {
  return { ...confirming(s), do: "wait", ms: s.pace.everyMs };
}

function confirming({ record }: Situation) {
  const isOpen = record?.phase === "creating";
  const reason = isOpen ? "was being made when the last run stopped" : "was there, and is not seen now";
  return { verdict: "confirm", reason, says: `looking for what ${reason}` } as const;
}
