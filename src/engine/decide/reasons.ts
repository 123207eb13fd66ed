import { GO_ON, RefusedError } from "../errors.ts";
import { canonical } from "../fingerprint.ts";
import { hint } from "../hint.ts";
import type { StepRecord } from "../manifest/manifest.ts";
import type { Drift, Found } from "../step.ts";
import { type Failure, GRACE_MS, type Refusal, type Situation, type Wanted } from "./situation.ts";
import { isStripped } from "./things.ts";

/** What has our name, or our manifest's ref, and not our tags, is left alone. */
export function refuseForeign(record: StepRecord | undefined, found: Found): Refusal {
  const { ref, hint: toDo = "rename or remove it, or choose another name for this environment" } = found;
  const reason = isStripped(record, found)
    ? `${ref} is the one that was made for this node, and its tags are gone`
    : `${ref} has our name but not our tags, so it is somebody else's`;
  return { do: "refuse", verdict: "refuse", found, reason, hint: toDo };
}

const COPY_AND_BEGIN_ANEW = hint`copy the data away and run ${["teardown", "--discard-data"]}, then ${["up"]}`;

export function refuseData(found: Found, reason: string): Refusal {
  return {
    do: "refuse",
    verdict: "refuse",
    found,
    reason: `${found.ref} holds data: ${reason}`,
    hint: hint`take the change back, or ${COPY_AND_BEGIN_ANEW}`,
  };
}

export function refuseChange(found: Found, { field, want, have, never, first, failed }: Drift): Refusal {
  const rule = never ?? `AWS gave up on this change: ${failed?.reason}`;
  const instead =
    never === undefined
      ? hint`when the reason is gone, run ${["up", "--repair"]}, which asks for it once more`
      : (first ?? COPY_AND_BEGIN_ANEW);
  return {
    do: "refuse",
    verdict: "refuse",
    found,
    reason: `${found.ref} has ${field} ${have}, wanted is ${want}: ${rule}`,
    hint: hint`set ${field} to ${have}, or ${instead}`,
  };
}

/** A refusal as the error the run ends with. */
export function refusalOf(kind: string, node: string, refusal: Pick<Refusal, "reason" | "hint">) {
  return new RefusedError(`leaving ${kind} (${node}) as it is: ${refusal.reason}`, refusal.hint);
}

/** The thing itself failed, or is gone, in the cloud's words. */
export function failedOne(
  { what, can, record }: Situation,
  { ref, detail }: Pick<Found, "ref" | "detail">,
  then: Failure["record"],
): Failure {
  const stays = can.repairsFailed || (can.protect && record !== undefined && record.phase !== "creating");
  return {
    do: "fail",
    reason: `waiting for ${what}: ${ref} failed: ${detail ?? "no reason given"}`,
    ref,
    hint: stays
      ? GO_ON
      : "when the reason is gone, run the same command again: it removes the failed one and makes a new one",
    record: then,
  };
}

export function gaveUp({ what }: Situation, one: Found, lost: Drift): Failure {
  const refusal = refuseChange(one, lost);
  return { ...refusal, do: "fail", reason: `changing ${what}: ${refusal.reason}`, ref: one.ref, record: "kept" };
}

export function notTaken({ what, wanted }: Situation, { ref, fingerprint = "none", drift = [] }: Found): Failure {
  const differences =
    drift.length > 0 ? drift : [{ field: "fingerprint", want: wanted.fingerprint, have: fingerprint }];
  const still = differences.map(({ field, want, have }) => `${field} ${have}, wanted ${want}`).join("; ");
  return {
    do: "fail",
    reason: `changing ${what}: AWS took the change of ${ref} and still shows ${still}`,
    ref,
    hint: "see whether something else changes it back; the same command asks again",
    record: "kept",
  };
}

export function notSeen({ what, record, found, can }: Situation): Failure {
  const bare = can.naming === "shared" ? undefined : found.find(({ owned }) => !owned);
  if (bare) {
    return {
      do: "fail",
      reason: `waiting for ${what}: ${bare.ref} has our name but not our tags`,
      ref: bare.ref,
      hint:
        bare.hint ?? "if it was made a moment ago, whoever answers shows no tags, and nothing can be told apart there",
      record: "kept",
    };
  }
  return {
    do: "fail",
    reason: `waiting for ${what}: ${record?.ref ?? "what was asked for"} has not shown up after ${GRACE_MS / 1000} s`,
    ref: record?.ref,
    hint: "run the same command again: it looks for it before it makes another",
    record: "kept",
  };
}

export function tooLong(what: string, last: Found | undefined, afterMs: number, doing = "waiting for"): Failure {
  const now = last ? `${last.ref} is still ${last.detail ?? last.state}` : "nothing is to be seen";
  return {
    do: "fail",
    reason: `${doing} ${what}: ${now} after ${Math.round(afterMs / 60_000)} min`,
    ref: last?.ref,
    hint: "run the same command again to go on waiting",
    record: "kept",
  };
}

/** Which inputs differ from those on record, in words; values too long to read are only named. */
export function changes({ record, wanted }: { readonly record: StepRecord | undefined; readonly wanted: Wanted }) {
  const before = members(record?.inputs);
  const after = members(wanted.inputs);
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => canonical(before[name] ?? null) !== canonical(after[name] ?? null),
  );
  if (!record?.inputs || names.length === 0) return "made from other inputs";
  return names
    .map((name) => {
      const [was, is] = [before[name], after[name]].map((value) => (value === undefined ? "none" : canonical(value)));
      return was!.length + is!.length > 120 ? `${name} changed` : `${name}: ${was} -> ${is}`;
    })
    .join("; ");
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
}

export function failure({ detail = "no reason given" }: Found): string {
  return `failed: ${detail}`;
}

export function fields(drift: readonly Drift[]): string {
  return drift.map(({ field, want, have }) => `${field}: ${have} -> ${want}`).join("; ");
}

export function leftAlone({ drift = [] }: Found): string {
  if (drift.length === 0) return "as it should be";
  const lost = drift.find(({ failed }) => failed !== undefined)?.failed;
  const why = lost
    ? `AWS gave up on it: ${lost.reason}; up --repair asks once more`
    : drift.every(({ never }) => never !== undefined)
      ? "cannot be mended"
      : "up --repair mends it";
  return `drift left alone (${why}): ${fields(drift)}`;
}
