import { RefusedError } from "./errors.ts";
import { canonical } from "./fingerprint.ts";
import { type Hint, hint } from "./hint.ts";
import type { StepRecord } from "./manifest/manifest.ts";
import type { Drift, Found, State, Step } from "./step.ts";

/** What a node should be made from now. */
export interface Wanted {
  readonly fingerprint: string;
  readonly fixedFingerprint: string;
  /** Mend also what replaces running machines. */
  readonly repair?: boolean;
  /** To say what changed. */
  readonly inputs?: unknown;
}

export type Can = Pick<Step<unknown, unknown>, "naming" | "protect" | "mendsFailed"> & {
  readonly update: boolean;
  readonly destroy: boolean;
  /** It lives only while another node is being made, and is good for one attempt at that. */
  readonly temporary?: boolean;
};

export type Verdict =
  | { readonly do: "keep" | "adopt" | "resume" | "update"; readonly reason: string; readonly found: Found }
  | { readonly do: "confirm"; readonly reason: string; readonly intent: StepRecord }
  | { readonly do: "create" | "replace"; readonly reason: string }
  /** Gone first, then decided again: `clear` nudges the failed away, `wait` only waits. */
  | { readonly do: "clear" | "wait"; readonly reason: string; readonly found: Found }
  | Refusal;

interface Refusal {
  readonly do: "refuse";
  readonly reason: string;
  readonly hint: Hint;
  readonly found: Found;
}

/**
 * Start here: the whole policy, pure. `up`, `--dry-run`, `status`, drift, adoption and resuming are all this function.
 * The first row that fits wins.
 */
export function decide(record: StepRecord | undefined, found: readonly Found[], wanted: Wanted, can: Can): Verdict {
  for (const { ref, state } of found) {
    if (!Object.hasOwn(RANK, String(state))) throw new Error(`${ref} is in no state that can be decided on: ${state}`);
  }
  const isShared = can.naming === "shared";
  const foreign = isShared ? undefined : found.find(({ owned }) => !owned);
  if (foreign) return notOurs(record, foreign);

  const one = wantedOne(record, found, wanted, can);
  if (record && !found.some((thing) => isIntended(record, thing))) {
    if (record.phase === "creating") {
      return { do: "confirm", intent: record, reason: "was being made when the last run stopped" };
    }
    if (record.phase !== "destroying" && !one) {
      return { do: "confirm", intent: record, reason: "was there, and is not seen now" };
    }
  }

  if (one && can.temporary && can.destroy && !isUnused(record, one)) {
    return { do: "clear", found: one, reason: "it may have been used before" };
  }
  if (one?.state === "failed") {
    const reason = failure(one);
    if (can.mendsFailed) return { do: "update", found: one, reason };
    if (mayHoldData(record, one, can) || (can.protect && !can.destroy)) return refuseData(one, reason);
    return can.destroy ? { do: "clear", found: one, reason } : { do: "create", reason };
  }
  if (one?.state === "pending" && record?.phase !== "updating") {
    return { do: "resume", found: one, reason: one.detail ?? "on its way" };
  }
  if (one && record?.phase === "updating") {
    const barred = bar(one, wanted);
    if (barred && (barred.failed || one.fingerprint !== wanted.fingerprint)) return refuseChange(one, barred);
    return { do: "update", found: one, reason: "was being changed when the last run stopped" };
  }
  if (one?.state === "ready") {
    const drift = toMend(one, wanted);
    if (drift.length > 0 && can.update) return { do: "update", found: one, reason: fields(drift) };
    const known =
      record?.phase === "ready" &&
      record.ref === one.ref &&
      record.fingerprint === wanted.fingerprint &&
      record.inputs !== null;
    if (known || isShared) return { do: "keep", found: one, reason: leftAlone(one) };
    return { do: "adopt", found: one, reason: "ours by its tags" };
  }

  const other = best(
    record,
    found.filter(({ state }) => state === "ready" || state === "pending"),
  );
  if (other) {
    const changed = changes(record, wanted);
    if (other.fixedFingerprint === wanted.fixedFingerprint && can.update) {
      const barred = bar(other, wanted);
      if (barred) return refuseChange(other, barred);
      return {
        do: "update",
        found: other,
        reason: other.drift?.length ? fields(other.drift) : changed,
      };
    }
    if (can.protect) return refuseData(other, `it cannot be changed in place (${changed})`);
    if (can.naming === "fixed") {
      return {
        do: "refuse",
        found: other,
        reason: `it cannot be changed in place, and its name can be had only once (${changed})`,
        hint: hint`take the change back, or run ${["teardown"]} and then ${["up"]}`,
      };
    }
    if (can.temporary && can.destroy) return { do: "clear", found: other, reason: changed };
    if (can.naming === "versioned") return { do: "create", reason: `a new version (${changed})` };
    return { do: "replace", reason: changed };
  }

  const failures = found.filter(({ state }) => state === "failed");
  const failed = failures.find((thing) => mayHoldData(record, thing, can)) ?? failures[0];
  if (failed && can.mendsFailed) return { do: "update", found: failed, reason: failure(failed) };
  if (failed && mayHoldData(record, failed, can)) return refuseData(failed, failure(failed));
  if (failed && (can.naming === "fixed" || can.protect)) return { do: "clear", found: failed, reason: failure(failed) };
  const leaving = found.find(({ state }) => state === "deleting");
  if (leaving) return { do: "wait", found: leaving, reason: "an older one is still being deleted" };
  return { do: "create", reason: failed ? failure(failed) : "not there" };
}

/** What has our name, or our journal's ref, and not our tags, is left alone. */
export function notOurs(record: StepRecord | undefined, found: Found): Extract<Verdict, { do: "refuse" }> {
  const { ref, hint = "rename or remove it, or choose another name for this environment" } = found;
  const reason = isStripped(record, found)
    ? `${ref} is the one that was made for this node, and its tags are gone`
    : `${ref} has our name but not our tags, so it is somebody else's`;
  return { do: "refuse", found, reason, hint };
}

/** Ours by the journal, and no longer by its tags. */
export function isStripped(record: StepRecord | undefined, { ref, owned, hint }: Found): boolean {
  return !owned && hint !== undefined && record?.ref === ref;
}

/** Is this what the record's attempt was about? By its ref, by the attempt's token, or failing both by what it is made from. */
export function isIntended(record: StepRecord, thing: Found): boolean {
  if (record.ref !== undefined) return record.ref === thing.ref;
  if (thing.token !== undefined) return record.token.endsWith(thing.token);
  return record.fingerprint === thing.fingerprint;
}

/** The thing a node stands for now; everything else that is ours under this node is stale. */
export function wantedOne(
  record: StepRecord | undefined,
  found: readonly Found[],
  { fingerprint, fixedFingerprint }: Wanted,
  { naming, update }: Pick<Can, "naming" | "update">,
): Found | undefined {
  if (naming === "shared") return found[0];
  const same = best(
    record,
    found.filter((thing) => thing.fingerprint === fingerprint && thing.state !== "deleting"),
  );
  if (same || record?.phase !== "updating" || !update) return same;
  return found.find((thing) => thing.ref === record.ref && thing.fixedFingerprint === fixedFingerprint);
}

/** The drift that `update` is to mend now: all of it when the inputs changed, else only what disturbs nobody. */
export function toMend(thing: Found, { fingerprint, repair }: Wanted): readonly Drift[] {
  const drift = (thing.drift ?? []).filter(
    ({ never, failed }) => never === undefined && (repair || failed === undefined),
  );
  return repair || thing.fingerprint !== fingerprint ? drift : drift.filter(({ disruptive }) => !disruptive);
}

const RANK: Readonly<Record<State, number>> = { ready: 0, pending: 1, failed: 2, deleting: 3 };

/** The one the record speaks of, unless a better one is there: ready before pending before failed, the newest first. */
export function best(record: StepRecord | undefined, things: readonly Found[]): Found | undefined {
  const byRank = (a: Found, b: Found) =>
    RANK[a.state] - RANK[b.state] ||
    Number(record !== undefined && isIntended(record, b)) - Number(record !== undefined && isIntended(record, a)) ||
    (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0) ||
    (a.ref < b.ref ? -1 : 1);
  return [...things].sort(byRank)[0];
}

/** What an open attempt of ours made has never been used; everything else of a protecting kind may have been. */
function mayHoldData(record: StepRecord | undefined, thing: Found, { protect }: Can): boolean {
  return protect === true && !(record?.phase === "creating" && isIntended(record, thing));
}

/** Of a temporary thing, the journal must tell that it was made for the attempt at hand: `destroying` says it was used. */
function isUnused(record: StepRecord | undefined, thing: Found): boolean {
  return record !== undefined && record.phase !== "destroying" && isIntended(record, thing);
}

const COPY_AND_BEGIN_ANEW = hint`copy the data away and run ${["teardown", "--discard-data"]}, then ${["up"]}`;

function refuseData(found: Found, reason: string): Verdict {
  return {
    do: "refuse",
    found,
    reason: `${found.ref} holds data: ${reason}`,
    hint: hint`take the change back, or ${COPY_AND_BEGIN_ANEW}`,
  };
}

/** A wanted change that can never be made, or that AWS gave up on when it was asked for. */
export function bar({ drift = [] }: Found, { repair }: Wanted): Drift | undefined {
  return drift.find(({ never, failed }) => never !== undefined || (failed !== undefined && !repair));
}

export function refuseChange(found: Found, { field, want, have, never, first, failed }: Drift): Refusal {
  const rule = never ?? `AWS gave up on this change: ${failed?.reason}`;
  const instead =
    never === undefined
      ? hint`when the reason is gone, run ${["up", "--repair"]}, which asks for it once more`
      : (first ?? COPY_AND_BEGIN_ANEW);
  return {
    do: "refuse",
    found,
    reason: `${found.ref} has ${field} ${have}, wanted is ${want}: ${rule}`,
    hint: hint`set ${field} to ${have}, or ${instead}`,
  };
}

/** Which inputs differ from those on record, in words; values too long to read are only named. */
function changes(record: StepRecord | undefined, { inputs }: Wanted): string {
  const before = members(record?.inputs);
  const after = members(inputs);
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

function failure({ detail = "no reason given" }: Found): string {
  return `failed: ${detail}`;
}

function fields(drift: readonly Drift[]): string {
  return drift.map(({ field, want, have }) => `${field}: ${have} -> ${want}`).join("; ");
}

function leftAlone({ drift = [] }: Found): string {
  if (drift.length === 0) return "as it should be";
  const lost = drift.find(({ failed }) => failed !== undefined)?.failed;
  const why = lost
    ? `AWS gave up on it: ${lost.reason}; up --repair asks once more`
    : drift.every(({ never }) => never !== undefined)
      ? "cannot be mended"
      : "up --repair mends it";
  return `drift left alone (${why}): ${fields(drift)}`;
}

/** A refusal as the error the run ends with. */
export function refusalOf(
  kind: string,
  node: string,
  { reason, hint }: Extract<Verdict, { do: "refuse" }>,
): RefusedError {
  return new RefusedError(`leaving ${kind} (${node}) as it is: ${reason}`, hint);
}
