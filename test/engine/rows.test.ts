import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Attempt, type Can, GRACE_MS, type Situation, UNTRIED } from "../../src/engine/decide/situation.ts";
import { decide, noted, ROWS } from "../../src/engine/decide.ts";
import { hintText } from "../../src/engine/hint.ts";
import type { StepRecord } from "../../src/engine/manifest/manifest.ts";
import type { Drift, Found } from "../../src/engine/step.ts";

const MINUTE = 60_000;
const TOKEN = "6f9f1ab2-0000-4000-8000-0000aaaabbbb";
const CAN: Can = { naming: "token", update: true, stamp: true, destroy: true };
const SIZE: Drift = { field: "size", want: "2", have: "1" };
const SMALLER: Drift = { ...SIZE, never: "it never shrinks" };
const LOST: Drift = { ...SIZE, failed: { reason: "disks are mounted" } };

function thing(over: Partial<Found> = {}): Found {
  return {
    ...{ ref: "disk-1", node: "data", state: "ready", owned: true, output: {}, drift: [] },
    ...{ fingerprint: "new", fixedFingerprint: "same", token: TOKEN.slice(-8) },
    ...over,
  };
}

function record(over: Partial<StepRecord> = {}): StepRecord {
  return {
    ...{ kind: "disk", needs: [], phase: "ready", inputs: {}, fingerprint: "new", token: TOKEN, ref: "disk-1" },
    ...{ at: "2026-11-21T00:00:00.000Z", ...over },
  };
}

const { ref: _ref, ...INTENT } = record({ phase: "creating" });
const OLD = { fingerprint: "old", token: "0ldt0ken" } as const;

interface Given extends Omit<Partial<Situation>, "can" | "attempt"> {
  readonly can?: Partial<Can>;
  readonly attempt?: Partial<Attempt>;
}

function situation({ can, attempt, ...over }: Given): Situation {
  return {
    ...{ what: "disk (data)", record: undefined, found: [], now: 0 },
    wanted: { fingerprint: "new", fixedFingerprint: "same" },
    pace: { expectMs: 0, everyMs: 5_000, timeoutMs: 10 * MINUTE },
    ...over,
    can: { ...CAN, ...can },
    attempt: { ...UNTRIED, ...attempt },
  };
}

/** What is done, without the row that said so. */
function move(given: Given) {
  const { row: _row, ...decided } = decide(situation(given));
  return "hint" in decided && decided.hint ? { ...decided, hint: hintText(decided.hint) } : decided;
}

/** This run asked for it, or took up waiting, when the clock began. */
const BEGUN = { startedAt: 0 };
const EXPECTED = { expectMs: 4 * MINUTE, everyMs: 5_000, timeoutMs: 10 * MINUTE };
const SLEEPY = { expectMs: 0, everyMs: 5_000, timeoutMs: 10 * MINUTE, wakeMs: MINUTE };
const THRICE = { times: 3, at: 0 };

/** By row: a situation, and the move; without the row it would be another. */
const CASES: Readonly<Record<string, readonly [sentence: string, given: Given, expected: object]>> = {
  "1a": [
    "data is not left on ground that is replaced",
    { record: record(), needs: { replaced: "group", unsettled: "group" }, can: { protect: true } },
    { do: "refuse", ref: "disk-1", reason: expect.stringContaining("group, which it stands on, would be replaced") },
  ],
  "1b": [
    "what it needs comes first",
    { record: record(), needs: { unsettled: "group" }, can: { protect: true } },
    { do: "wait", verdict: "follows", reason: "follows group" },
  ],
  "1c": [
    "what is no target is used as it is, the one on record before others, and nothing is written",
    { asItIs: true, record: record(), found: [thing({ ...OLD, ref: "disk-0" }), thing(OLD)] },
    { do: "done", verdict: "use", found: { ref: "disk-1" }, record: "kept" },
  ],
  "1d": [
    "what is no target and not ready ends the run",
    { asItIs: true, found: [thing({ state: "pending" })] },
    { do: "fail", reason: "disk (data) is not there, or not ready", hint: "run bootstrap up first" },
  ],
  "2": ["what is not ours is left alone", { found: [thing({ owned: false })] }, { do: "refuse" }],
  "3a": [
    "what was removed is forgotten when it is gone",
    { record: record(), attempt: { leaving: { ref: "disk-1", since: 0 } } },
    { do: "forget", reason: "disk-1 is gone" },
  ],
  "3b": [
    "an open intent that would use up a builder is looked for before it is sent again",
    { record: INTENT, can: { usesUp: true } },
    { do: "wait", verdict: "confirm", ms: 5_000 },
  ],
  "3c": [
    "an open intent is sent again with its own token",
    { record: INTENT },
    { do: "create", verdict: "confirm", intent: { token: TOKEN } },
  ],
  "3d": [
    "what was there and is not seen is looked for as long as it may be out of sight",
    { record: record(), now: GRACE_MS - 1, attempt: { missingSince: 0 } },
    { do: "wait", verdict: "confirm", reason: "was there, and is not seen now" },
  ],
  "3e": [
    "what the cloud has just named is not given up in the same run",
    { record: record({ phase: "creating" }), now: GRACE_MS, attempt: { missingSince: 0, sends: 1 } },
    { do: "fail", reason: "waiting for disk (data): disk-1 has not shown up after 120 s", record: "kept" },
  ],
  "3f": [
    "what has had its time to show up is forgotten",
    { record: record(), now: GRACE_MS, attempt: { missingSince: 0 } },
    { do: "forget" },
  ],
  "4": [
    "a builder that may have been used is ended",
    { record: record({ phase: "destroying" }), found: [thing()], can: { temporary: true } },
    { do: "destroy", reason: "it may have been used before" },
  ],
  "5a": [
    "a failed one that a change can bring back is changed",
    { record: record(), found: [thing({ state: "failed" })], can: { repairsFailed: true } },
    { do: "begin", phase: "updating" },
  ],
  "5b": [
    "a failed one that may hold data is left alone",
    { record: record(), found: [thing({ state: "failed" })], can: { protect: true } },
    { do: "refuse", reason: "disk-1 holds data: failed: no reason given" },
  ],
  "5c": [
    "a failed one goes before a new one is made",
    { record: record(), found: [thing({ state: "failed", detail: "no capacity" })] },
    { do: "destroy", verdict: "create", reason: "failed: no capacity" },
  ],
  "5d": [
    "failed work on a temporary thing is told, and what was made for it is on record as used",
    { record: INTENT, found: [thing({ state: "failed", detail: "exit 1" })], can: { temporary: true, destroy: false } },
    { do: "fail", reason: "waiting for disk (data): disk-1 failed: exit 1", record: "spent" },
  ],
  "6a": [
    "a change that was begun and cannot be made is refused",
    { record: record({ phase: "updating" }), found: [thing({ ...OLD, drift: [SMALLER] })] },
    { do: "refuse", reason: "disk-1 has size 1, wanted is 2: it never shrinks" },
  ],
  "6b": [
    "a change that was begun is gone on with",
    { record: record({ phase: "updating" }), found: [thing()] },
    { do: "begin", phase: "updating", gentle: false },
  ],
  "7": [
    "what is on its way is waited for, as an open attempt only where it is ours",
    { record: record(), found: [thing({ state: "pending", detail: "CREATING" })] },
    { do: "begin", phase: "ready", verdict: "resume", reason: "CREATING" },
  ],
  "8a": [
    "drift is repaired, and gently where the inputs did not change",
    { record: record(), found: [thing({ drift: [SIZE] })] },
    { do: "begin", phase: "updating", gentle: true, reason: "size: 1 -> 2" },
  ],
  "8b": [
    "what stands as it is on record is not written again",
    { record: record(), found: [thing()] },
    { do: "done", verdict: "keep", record: "kept" },
  ],
  "8c": [
    "what stands and is not on record is written down",
    { found: [thing()] },
    { do: "done", verdict: "adopt", record: "ready" },
  ],
  "9a": [
    "a change in place that can never be made is refused",
    { record: record(OLD), found: [thing({ ...OLD, drift: [SMALLER] })] },
    { do: "refuse", hint: expect.stringMatching(/^set size to 1, or .*--discard-data/) },
  ],
  "9b": [
    "what can be changed in place is, though it holds data",
    { record: record(OLD), found: [thing({ ...OLD, drift: [SIZE] })], can: { protect: true } },
    { do: "begin", phase: "updating", gentle: false, reason: "size: 1 -> 2" },
  ],
  "9c": [
    "what holds data is never replaced",
    { record: record(OLD), found: [thing(OLD)], can: { update: false, protect: true, naming: "fixed" } },
    { do: "refuse", reason: expect.stringContaining("disk-1 holds data") },
  ],
  "9d": [
    "what has the only name is never replaced",
    { record: record(OLD), found: [thing(OLD)], can: { update: false, naming: "fixed" } },
    { do: "refuse", reason: expect.stringContaining("only once") },
  ],
  "9e": [
    "a builder for other work goes first",
    { record: record(), found: [thing(OLD)], can: { update: false, temporary: true } },
    { do: "destroy", reason: "made from other inputs" },
  ],
  "9f": [
    "a next version is nothing to ask about",
    { record: record(), found: [thing(OLD)], can: { update: false, naming: "versioned" } },
    { do: "create", verdict: "create", reason: "a new version (made from other inputs)" },
  ],
  "9g": [
    "what cannot be changed is replaced",
    { record: record(), found: [thing(OLD)], can: { update: false } },
    { do: "create", verdict: "replace" },
  ],
  "10a": [
    "one of other inputs that failed is brought back by a change where it can be",
    { found: [thing({ ...OLD, state: "failed" })], can: { repairsFailed: true, naming: "fixed" } },
    { do: "begin", phase: "updating", found: { ref: "disk-1" } },
  ],
  "10b": [
    "one of other inputs that failed and may hold data is left alone",
    { found: [thing({ ...OLD, state: "failed" })], can: { protect: true } },
    { do: "refuse", reason: expect.stringContaining("holds data") },
  ],
  "10c": [
    "one of other inputs that failed goes first where the name can be had only once",
    { found: [thing({ ...OLD, state: "failed" })], can: { naming: "fixed" } },
    { do: "destroy" },
  ],
  "11a": [
    "what is being deleted is not waited for without end",
    {
      ...{ found: [thing({ state: "deleting", detail: "DELETING" })], now: 10 * MINUTE + 1 },
      attempt: { leaving: { ref: "disk-1", since: 0 } },
    },
    { do: "fail", reason: "waiting for disk (data): disk-1 is still DELETING after 10 min" },
  ],
  "11b": [
    "nothing is made while an older one is being deleted",
    { found: [thing({ state: "deleting" })] },
    { do: "wait", verdict: "wait", ms: 5_000, leaving: "disk-1" },
  ],
  "12a": [
    "nothing is made while something may be out of sight that a lost manifest spoke of",
    { now: 1_000, attempt: { doubtUntil: 3_000 } },
    { do: "wait", verdict: "create", ms: 2_000, says: expect.stringContaining("the manifest is gone") },
  ],
  "12b": ["what is not there is made", {}, { do: "create", verdict: "create", reason: "not there" }],
  "20a": [
    "what is gone for good by the cloud's words is told at once, and forgotten",
    { record: record(), attempt: { ...BEGUN, missingSince: 0, gone: "Client.VolumeLimitExceeded" } },
    { do: "fail", reason: "waiting for disk (data): disk-1 failed: Client.VolumeLimitExceeded", record: "forgotten" },
  ],
  "20b": [
    "what cannot be sent again and got no answer is asked for anew when it has not shown up",
    { record: INTENT, can: { unrepeatable: true }, now: GRACE_MS, attempt: { ...BEGUN, missingSince: 0, sends: 3 } },
    { do: "forget", says: "asking anew: no answer came, and it has not shown up" },
  ],
  "20c": [
    "what has had its time to show up ends the run, and stays on record",
    { record: record({ phase: "creating" }), now: GRACE_MS, attempt: { ...BEGUN, missingSince: 0 } },
    { do: "fail", reason: "waiting for disk (data): disk-1 has not shown up after 120 s", record: "kept" },
  ],
  "21": [
    "what somebody else deletes ends the run",
    { record: record(), found: [thing({ state: "deleting" })], attempt: BEGUN },
    { do: "fail", reason: "waiting for disk (data): disk-1 is being deleted by someone else" },
  ],
  "22a": [
    "what failed ends the run, in the cloud's words, and what was made for it is on record as used",
    { record: INTENT, found: [thing({ state: "failed", detail: "no capacity" })], attempt: BEGUN },
    { do: "fail", reason: "waiting for disk (data): disk-1 failed: no capacity", record: "spent" },
  ],
  "22b": [
    "a change that AWS gave up on ends the run",
    { record: record({ phase: "updating" }), found: [thing({ drift: [LOST] })], attempt: BEGUN },
    { do: "fail", reason: expect.stringContaining("AWS gave up on this change: disks are mounted") },
  ],
  "23": [
    "what is as it should be is written down",
    { record: INTENT, found: [thing()], attempt: BEGUN },
    { do: "done", record: "ready" },
  ],
  "24a": [
    "a change that has become impossible is refused",
    { record: record({ phase: "updating" }), found: [thing({ ...OLD, drift: [SMALLER] })], attempt: BEGUN },
    { do: "refuse", reason: "disk-1 has size 1, wanted is 2: it never shrinks" },
  ],
  "24b": [
    "what is not what was asked for and cannot be changed ends the run",
    { record: record(), found: [thing(OLD)], can: { stamp: false }, attempt: BEGUN },
    { do: "fail", reason: expect.stringContaining("it is not what was asked for, and cannot be changed") },
  ],
  "25a": [
    "what was repaired three times and stays as it is ends the run, with both values",
    {
      ...{ record: record({ phase: "updating" }), found: [thing({ drift: [SIZE] })], now: MINUTE },
      attempt: { ...BEGUN, repairs: { '[["size","2"]]': THRICE } },
    },
    { do: "fail", reason: "changing disk (data): AWS took the change of disk-1 and still shows size 1, wanted 2" },
  ],
  "25b": [
    "what it was made from is stamped when nothing drifts",
    { record: record({ phase: "updating" }), found: [thing(OLD)], attempt: BEGUN },
    { do: "stamp", found: { ref: "disk-1" } },
  ],
  "25c": [
    "a difference is repaired again after half a minute",
    {
      ...{ record: record({ phase: "updating" }), found: [thing({ drift: [SIZE] })], now: MINUTE / 2 },
      attempt: { ...BEGUN, repairs: { '[["size","2"]]': { times: 1, at: 0 } } },
    },
    { do: "update", found: { drift: [SIZE] }, difference: '[["size","2"]]' },
  ],
  "26a": [
    "patience ends",
    {
      ...{ record: INTENT, found: [thing({ state: "pending" })], now: 10 * MINUTE + 1 },
      attempt: { ...BEGUN, last: thing({ state: "pending", detail: "CREATING" }) },
    },
    { do: "fail", reason: "waiting for disk (data): disk-1 is still CREATING after 10 min", record: "kept" },
  ],
  "26b": [
    "patience with a state nobody knows ends sooner, counted from when it was first seen",
    {
      ...{ record: INTENT, found: [thing({ state: "pending", unsure: true })], now: 45 * MINUTE + 1 },
      pace: { expectMs: 0, everyMs: 5_000, timeoutMs: 90 * MINUTE },
      attempt: { ...BEGUN, unsureSince: 15 * MINUTE, last: thing({ state: "pending", detail: "OPTIMIZING" }) },
    },
    { do: "fail", reason: "waiting for disk (data): disk-1 is still OPTIMIZING after 30 min" },
  ],
  "27": [
    "what may be asleep is woken",
    {
      ...{ record: INTENT, found: [thing({ state: "pending" })], now: MINUTE + 1, pace: SLEEPY },
      ...{ can: { wake: true }, attempt: BEGUN },
    },
    { do: "wake", found: { ref: "disk-1" } },
  ],
  "28a": [
    "what takes its time is not looked at before it is expected",
    { record: INTENT, found: [thing({ state: "pending" })], now: MINUTE, pace: EXPECTED, attempt: BEGUN },
    { do: "wait", ms: 3 * MINUTE },
  ],
  "28b": [
    "what is overdue is looked at every so often",
    { record: INTENT, found: [thing({ state: "pending" })], now: 5 * MINUTE, pace: EXPECTED, attempt: BEGUN },
    { do: "wait", ms: 5_000 },
  ],
};

describe("row", () => {
  it.each(Object.entries(CASES).map(([row, of]) => [row, ...of] as const))(
    "%s: %s",
    (_row, _sentence, given, expected) => {
      expect(move(given)).toMatchObject(expected);
    },
  );

  it("is without none of these sentences, and each is that row's own", () => {
    expect(Object.entries(CASES).map(([, [, given]]) => decide(situation(given)).row)).toEqual(Object.keys(CASES));
    expect(ROWS.map(([id]) => id).sort()).toEqual(Object.keys(CASES).sort());
  });
});

describe("what a look adds to what is known of the attempt", () => {
  const unsure = (now: number, attempt: Partial<Attempt> = {}) =>
    noted(situation({ record: INTENT, found: [thing({ state: "pending", unsure: true })], now, attempt }));

  it("is when what is on record was first missing, until it is seen again", () => {
    const missing = noted(situation({ record: record(), now: 5 }));
    expect(missing.missingSince).toBe(5);
    expect(noted(situation({ record: record(), now: 9, attempt: missing })).missingSince).toBe(5);
    expect(
      noted(situation({ record: record(), now: 9, attempt: missing, found: [thing()] })).missingSince,
    ).toBeUndefined();
    expect(noted(situation({ now: 5 })).missingSince).toBeUndefined();
  });

  it("is, once something was begun, no absence where another stands for what was asked for, unless that had failed", () => {
    const twin = (state: Found["state"]) => [thing({ ref: "disk-9", token: "0therone", state })];
    const since = (found: readonly Found[]) =>
      noted(situation({ record: INTENT, found, now: 5, attempt: BEGUN })).missingSince;
    expect([since(twin("pending")), since(twin("failed"))]).toEqual([undefined, 5]);
    expect(noted(situation({ record: INTENT, found: twin("pending"), now: 5 })).missingSince).toBe(5);
  });

  it("is when its state was first one that nobody knows, not when the wait began", () => {
    const first = unsure(20 * MINUTE, BEGUN);
    expect([first.unsureSince, unsure(25 * MINUTE, first).unsureSince]).toEqual([20 * MINUTE, 20 * MINUTE]);
    expect(noted(situation({ record: INTENT, found: [thing()], attempt: first })).unsureSince).toBeUndefined();
  });

  it("is, with a repair, the failure that had been there before it", () => {
    const wanted = { fingerprint: "new", fixedFingerprint: "same", repair: true };
    const given = { wanted, record: record({ phase: "updating" as const }), found: [thing({ drift: [LOST] })] };
    const attempt = noted(situation({ ...given, attempt: BEGUN }));
    expect(move({ ...given, attempt }).do).toBe("update");
    const again = { ...LOST, failed: { reason: "disks are mounted", at: new Date(1) } };
    expect(move({ ...given, found: [thing({ drift: [again] })], attempt }).do).toBe("fail");
  });
});

it("docs/design.md has every row, and no other", () => {
  const page = readFileSync(new URL("../../docs/design.md", import.meta.url), "utf8");
  const told = [...page.matchAll(/^\| (\d+[a-h]?) \| (.*) \|$/gm)].map(([, row, when]) => [row, when]);
  expect(told).toEqual(ROWS.map(([row, when]) => [row, when]));
});
