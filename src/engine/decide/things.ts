import type { StepRecord } from "../manifest/manifest.ts";
import type { Drift, Found, State } from "../step.ts";
import type { Can, Situation, Wanted } from "./situation.ts";

const RANK: Readonly<Record<State, number>> = { ready: 0, pending: 1, failed: 2, deleting: 3 };

export function isState(word: unknown): word is State {
  return Object.hasOwn(RANK, String(word));
}

/** The one the record speaks of, unless a better one is there: ready before pending before failed, the newest first. */
export function best(record: StepRecord | undefined, things: readonly Found[]): Found | undefined {
  const byRank = (a: Found, b: Found) =>
    RANK[a.state] - RANK[b.state] ||
    Number(record !== undefined && isIntended(record, b)) - Number(record !== undefined && isIntended(record, a)) ||
    (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0) ||
    (a.ref < b.ref ? -1 : 1);
  return [...things].sort(byRank)[0];
}

/** Is this what the record's attempt was about? By its ref, by the attempt's token, or failing both by what it is made from. */
export function isIntended(record: StepRecord, thing: Found): boolean {
  if (record.ref !== undefined) return record.ref === thing.ref;
  if (thing.token !== undefined) return record.token.endsWith(thing.token);
  return record.fingerprint === thing.fingerprint;
}

/** The thing a node stands for now; everything else that is ours under this node is stale. */
export function wantedOne({
  record,
  found,
  wanted: { fingerprint, fixedFingerprint },
  can: { naming, update },
}: {
  readonly record: StepRecord | undefined;
  readonly found: readonly Found[];
  readonly wanted: Wanted;
  readonly can: Pick<Can, "naming" | "update">;
}): Found | undefined {
  if (naming === "shared") return found[0];
  const same = best(
    record,
    found.filter((thing) => thing.fingerprint === fingerprint && thing.state !== "deleting"),
  );
  if (same || record?.phase !== "updating" || !update) return same;
  return found.find((thing) => thing.ref === record.ref && thing.fixedFingerprint === fixedFingerprint);
}

/** What this run waits for: the thing of the record's attempt, or what stands for the node, unless an earlier attempt left that failed. */
export function awaitedOne(situation: Situation): Found | undefined {
  const { record, found } = situation;
  const intended = record && found.find((thing) => isIntended(record, thing));
  if (intended) return intended;
  const fallback = wantedOne(situation);
  return fallback?.state === "failed" && record?.phase === "creating" ? undefined : fallback;
}

/** Whether the record speaks of something that is not among what was seen. */
export function isOutOfSight({ record, found }: Pick<Situation, "record" | "found">): boolean {
  return record !== undefined && !found.some((thing) => isIntended(record, thing));
}

/** The drift that `update` is to repair now: all of it when the inputs changed, else only what disturbs nobody. */
export function toRepair(thing: Found, { fingerprint, repair }: Wanted): readonly Drift[] {
  const drift = (thing.drift ?? []).filter(
    ({ never, failed }) => never === undefined && (repair || failed === undefined),
  );
  return repair || thing.fingerprint !== fingerprint ? drift : drift.filter(({ disruptive }) => !disruptive);
}

/** A wanted change that can never be made, or that AWS gave up on when it was asked for. */
export function bar({ drift = [] }: Found, { repair }: Wanted): Drift | undefined {
  return drift.find(({ never, failed }) => never !== undefined || (failed !== undefined && !repair));
}

/** What an open attempt of ours made has never been used; everything else of a protecting kind may have been. */
export function mayHoldData({ record, can }: Situation, thing: Found): boolean {
  return can.protect === true && !(record?.phase === "creating" && isIntended(record, thing));
}

/** Of a temporary thing, the manifest must tell that it was made for the attempt at hand: `destroying` says it was used. */
export function isUnused(record: StepRecord | undefined, thing: Found): boolean {
  return record !== undefined && record.phase !== "destroying" && isIntended(record, thing);
}

/** Drift alone, at inputs that did not change, never replaces running machines. */
export function isGentle({ record, wanted }: Situation, { fingerprint }: Found): boolean {
  const begun = record?.phase === "updating" && !record.gentle;
  return !begun && !wanted.repair && fingerprint === wanted.fingerprint;
}

/** Ours by the manifest, and no longer by its tags. */
export function isStripped(record: StepRecord | undefined, { ref, owned, hint }: Found): boolean {
  return !owned && hint !== undefined && record?.ref === ref;
}
