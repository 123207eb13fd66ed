import { describe, expect, it } from "vitest";
import { refusalOf } from "../../src/engine/decide/reasons.ts";
import { type Can, type Situation, UNTRIED, type Wanted } from "../../src/engine/decide/situation.ts";
import { isIntended, toRepair, wantedOne } from "../../src/engine/decide/things.ts";
import { decide } from "../../src/engine/decide.ts";
import { RefusedError } from "../../src/engine/errors.ts";
import { hintText } from "../../src/engine/hint.ts";
import type { StepRecord } from "../../src/engine/manifest/manifest.ts";
import type { Drift, Found, State } from "../../src/engine/step.ts";

const WANTED: Wanted = { fingerprint: "new", fixedFingerprint: "same" };
const TOKEN = "6f9f1ab2-0000-4000-8000-0000aaaabbbb";

/** As it should be: made from what is wanted, by the recorded attempt. */
function thing(over: Partial<Found> = {}): Found {
  return {
    ...{ ref: "thing-1", node: "disk", state: "ready", owned: true, output: { ref: "thing-1" } },
    ...{ fingerprint: "new", fixedFingerprint: "same", token: TOKEN.slice(-8), drift: [] },
    ...over,
  };
}

/** Made from other inputs, of which the part that cannot be changed is another one too. */
function other(over: Partial<Found> = {}): Found {
  return thing({ ref: "thing-0", fingerprint: "old", fixedFingerprint: "gone", token: "0ldt0ken", ...over });
}

function record(over: Partial<StepRecord> = {}): StepRecord {
  return {
    ...{ kind: "disk", needs: [], phase: "ready", inputs: {}, fingerprint: "new", token: TOKEN, ref: "thing-1" },
    at: "2026-11-21T00:00:00.000Z",
    ...over,
  };
}

/** The intent as it lies on disk before the call. */
const { ref: _ref, ...INTENT } = record({ phase: "creating" });

const PLAIN: Can = { naming: "token", update: false, destroy: true };
const MENDABLE: Can = { naming: "token", update: true, destroy: true };
const RULES: Drift = { field: "rules", want: "988", have: "22" };
const IMAGE: Drift = { field: "image", want: "ami-2", have: "ami-1", disruptive: true };

const PACE = { expectMs: 60_000, everyMs: 5_000, timeoutMs: 600_000 };

function situation(of: StepRecord | undefined, found: readonly Found[], over: Partial<Situation> = {}): Situation {
  return {
    ...{ what: "disk (data)", record: of, found, wanted: WANTED, can: PLAIN, pace: PACE, now: 0 },
    attempt: UNTRIED,
    ...over,
  };
}

/** The first move, and the word for it that a plan shows; a thing that goes first is shown as what is made after it. */
function verdict(of: StepRecord | undefined, found: readonly Found[], can: Can = PLAIN, wanted = WANTED) {
  return first(situation(of, found, { can, wanted }));
}

function first(of: Situation) {
  const move = decide(of);
  return {
    ...move,
    ...("hint" in move && move.hint && { hint: hintText(move.hint) }),
    word: move.do === "destroy" ? "destroy" : move.verdict!,
  };
}

describe("something that is not ours", () => {
  it("is refused, whatever else is there", () => {
    const found = [thing(), other({ ref: "theirs", owned: false })];
    expect(verdict(record(), found)).toMatchObject({ word: "refuse", found: { ref: "theirs" } });
    expect(verdict({ ...INTENT }, found).word).toBe("refuse");
  });

  it("is refused with an error that says what to do", () => {
    const refused = verdict(undefined, [thing({ owned: false })]);
    const error = refused.do === "refuse" && refusalOf("disk", "data", refused);
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({
      message: "leaving disk (data) as it is: thing-1 has our name but not our tags, so it is somebody else's",
      hint: expect.stringContaining("another name"),
    });
  });

  it("is told from ours whose tags were taken, for which the step says how to give them back", () => {
    const hint = "aws fsx tag-resource --resource-arn arn --tags Key=bootstrap:node,Value=disk";
    for (const of of [record(), { ...INTENT, ref: "thing-1" }]) {
      expect(verdict(of, [thing({ owned: false, hint })], { ...MENDABLE, protect: true })).toMatchObject({
        ...{ word: "refuse", reason: "thing-1 is the one that was made for this node, and its tags are gone" },
        hint,
      });
    }
  });

  it("is kept as it is where the account shares it", () => {
    const shared: Can = { naming: "shared", update: false, destroy: false };
    const found = thing({ owned: false, fingerprint: undefined, fixedFingerprint: undefined, token: undefined });
    expect(verdict(undefined, [found], shared)).toMatchObject({ word: "keep", found });
    expect(verdict(undefined, [], shared).word).toBe("create");
  });
});

describe("an open intent", () => {
  it("is resolved before anything else when its thing is not seen", () => {
    for (const found of [[], [other()], [other({ state: "failed" })], [other({ state: "deleting" })]]) {
      expect(verdict({ ...INTENT }, found)).toMatchObject({ word: "confirm", do: "create", intent: { token: TOKEN } });
    }
  });

  it("is not taken for resolved by a twin of another attempt", () => {
    expect(verdict({ ...INTENT }, [thing({ token: "0ldt0ken" })]).word).toBe("confirm");
  });

  it("is resolved when the attempt's own thing is seen, by its token or else by its fingerprint", () => {
    expect(verdict({ ...INTENT }, [thing({ ref: "thing-9" })]).word).toBe("adopt");
    expect(verdict({ ...INTENT }, [thing({ ref: "thing-9", token: undefined })]).word).toBe("adopt");
  });

  it("is looked for again when the thing was there and is not seen now", () => {
    expect(verdict(record(), []).word).toBe("confirm");
    expect(verdict(record({ phase: "updating" }), []).word).toBe("confirm");
    expect(verdict(record(), [other()]).word).toBe("confirm");
  });

  it("is forgotten for another thing that is what is wanted", () => {
    expect(verdict(record({ ref: "thing-7" }), [thing()])).toMatchObject({ word: "adopt", found: { ref: "thing-1" } });
  });

  it("is none when the thing was being removed", () => {
    expect(verdict(record({ phase: "destroying" }), []).word).toBe("create");
  });
});

describe("the wanted one failed", () => {
  const failed = thing({ state: "failed", detail: "no capacity" });

  it("is removed, to be made anew, and AWS's reason is said", () => {
    expect(verdict(record(), [failed])).toMatchObject({
      word: "destroy",
      found: failed,
      reason: "failed: no capacity",
    });
  });

  it("is mended where its step can", () => {
    const can: Can = { ...MENDABLE, repairsFailed: true, naming: "fixed" };
    expect(verdict(record(), [failed], can)).toMatchObject({ word: "update", found: failed });
    expect(verdict(record(), [other({ ...failed, fingerprint: "old" })], can).word).toBe("update");
  });

  it("is refused when it may hold data", () => {
    const can: Can = { ...MENDABLE, protect: true };
    for (const of of [record(), record({ phase: "updating" }), record({ phase: "destroying" }), undefined]) {
      expect(verdict(of, [failed], can)).toMatchObject({
        word: "refuse",
        reason: expect.stringContaining("holds data"),
      });
    }
  });

  it("is removed although its kind holds data when this attempt never got past its making", () => {
    const can: Can = { ...MENDABLE, protect: true };
    expect(verdict({ ...INTENT }, [failed], can).word).toBe("destroy");
    expect(verdict(record({ phase: "creating" }), [failed], can).word).toBe("destroy");
  });

  it("is not removed for an attempt that made another one", () => {
    const can: Can = { ...MENDABLE, protect: true };
    const leaving = thing({ ref: "thing-2", state: "deleting" });
    expect(verdict(record({ phase: "creating", ref: "thing-2" }), [leaving, failed], can).word).toBe("refuse");
  });

  it("is left beside a new one where it cannot be removed", () => {
    expect(verdict(record(), [failed], { ...PLAIN, destroy: false }).word).toBe("create");
  });

  it("is passed over for one that stands", () => {
    const twin = thing({ ref: "thing-2", token: "0therone" });
    expect(verdict(record(), [failed, twin])).toMatchObject({ word: "adopt", found: { ref: "thing-2" } });
  });
});

describe("the wanted one is on its way", () => {
  it("is waited for, whoever asked for it", () => {
    const pending = thing({ state: "pending", detail: "CREATING", drift: [RULES] });
    for (const of of [{ ...INTENT }, record(), undefined]) {
      expect(verdict(of, [pending], MENDABLE)).toMatchObject({ word: "resume", found: pending, reason: "CREATING" });
    }
  });

  it("is nudged on when it was being changed", () => {
    expect(verdict(record({ phase: "updating" }), [thing({ state: "pending" })], MENDABLE).word).toBe("update");
  });
});

describe("a change that was begun", () => {
  it("is made again, whatever the tag says", () => {
    expect(verdict(record({ phase: "updating" }), [thing()], MENDABLE).word).toBe("update");
  });

  it("is made again when only the fingerprint is not written yet", () => {
    const half = thing({ fingerprint: "old" });
    expect(verdict(record({ phase: "updating" }), [half], MENDABLE)).toMatchObject({ word: "update", found: half });
  });

  it("is not carried over to inputs that cannot be changed in place", () => {
    const half = thing({ fingerprint: "old", fixedFingerprint: "gone" });
    expect(verdict(record({ phase: "updating" }), [half], MENDABLE).word).toBe("replace");
  });
});

describe("drift", () => {
  it("is mended, and the reason names each field", () => {
    const drift = [RULES, { field: "size", want: "2", have: "1" }];
    const found = thing({ drift });
    expect(verdict(record(), [found], MENDABLE)).toMatchObject({
      word: "update",
      reason: "rules: 22 -> 988; size: 1 -> 2",
    });
    expect(verdict(undefined, [found], MENDABLE).word).toBe("update");
  });

  it("is only told where mending it would replace running machines", () => {
    const kept = verdict(record(), [thing({ drift: [IMAGE] })], MENDABLE);
    expect(kept).toMatchObject({ word: "keep", reason: expect.stringMatching(/--repair.*image: ami-1 -> ami-2/) });
  });

  it("is mended all the same when a repair was asked for", () => {
    const wanted = { ...WANTED, repair: true };
    expect(verdict(record(), [thing({ drift: [IMAGE] })], MENDABLE, wanted).word).toBe("update");
  });

  it("is mended all of it when the inputs changed, and else only what disturbs nobody", () => {
    const drift = [RULES, IMAGE];
    expect(toRepair(thing({ drift }), WANTED)).toEqual([RULES]);
    expect(toRepair(thing({ drift, fingerprint: "old" }), WANTED)).toEqual([RULES, IMAGE]);
    expect(toRepair(thing({ drift }), { ...WANTED, repair: true })).toEqual([RULES, IMAGE]);
    expect(toRepair(thing({ drift: undefined }), WANTED)).toEqual([]);
  });
});

describe("the wanted one is ready", () => {
  it("is kept when the record says the same", () => {
    expect(verdict(record(), [thing()])).toMatchObject({ word: "keep", reason: "as it should be" });
  });

  it("is adopted when the record is gone, or speaks of something else", () => {
    const others = [
      undefined,
      record({ ref: "thing-7" }),
      record({ fingerprint: "old" }),
      record({ phase: "creating" }),
      record({ phase: "destroying" }),
    ];
    for (const of of others) expect(verdict(of, [thing()]).word).toBe("adopt");
  });

  it("is kept although older generations, failed ones and ones that are going are there", () => {
    const rest = [other(), other({ ref: "thing-a", state: "failed" }), other({ ref: "thing-b", state: "deleting" })];
    expect(verdict(record(), [...rest, thing()])).toMatchObject({ word: "keep", found: { ref: "thing-1" } });
  });
});

describe("made from other inputs", () => {
  const old = other({ ref: "thing-1" });
  const grown = other({ ref: "thing-1", fixedFingerprint: "same", drift: [RULES] });

  it("is changed in place where only that changed which can be", () => {
    expect(verdict(record(), [grown], { ...MENDABLE, protect: true, naming: "fixed" })).toMatchObject({
      word: "update",
      found: grown,
      reason: "rules: 22 -> 988",
    });
  });

  it("is not changed in place by a step that changes nothing", () => {
    expect(verdict(record(), [grown], PLAIN).word).toBe("replace");
  });

  it("is replaced where it cannot be changed", () => {
    expect(verdict(record(), [old], MENDABLE).word).toBe("replace");
  });

  it("is refused when it holds data, and the hint tells the way out", () => {
    const can: Can = { ...MENDABLE, protect: true };
    expect(verdict(record(), [old], can)).toMatchObject({
      word: "refuse",
      reason: expect.stringContaining("thing-1 holds data"),
      hint: expect.stringContaining("teardown --discard-data"),
    });
    expect(verdict(record(), [old], { ...can, naming: "versioned" }).word).toBe("refuse");
  });

  it("is refused when its name can be had only once", () => {
    const can: Can = { ...MENDABLE, naming: "fixed" };
    expect(verdict(record(), [old], can)).toMatchObject({
      word: "refuse",
      reason: expect.stringContaining("only once"),
      hint: expect.stringContaining("bootstrap teardown"),
    });
  });

  it("gets a new version beside it where the kind has versions, which is nothing to ask about", () => {
    expect(verdict(record(), [old], { ...PLAIN, naming: "versioned" }).word).toBe("create");
  });
});

describe("a change that can never be made", () => {
  const SMALLER: Drift = { field: "capacityGiB", want: "1200", have: "2400", never: "it never shrinks" };

  it("is refused before anything is done, with both values and the way out", () => {
    const grown = other({ fixedFingerprint: "same", drift: [SMALLER] });
    expect(verdict(record({ fingerprint: "old", ref: "thing-0" }), [grown], MENDABLE)).toMatchObject({
      word: "refuse",
      reason: "thing-0 has capacityGiB 2400, wanted is 1200: it never shrinks",
      hint: expect.stringMatching(/^set capacityGiB to 2400, or .*--discard-data/),
    });
  });

  it("is refused too while it is being changed", () => {
    const grown = other({ fixedFingerprint: "same", drift: [SMALLER] });
    expect(verdict(record({ phase: "updating", ref: "thing-0" }), [grown], MENDABLE).word).toBe("refuse");
  });

  it("is only told when somebody else made it differ", () => {
    const kept = verdict(record(), [thing({ drift: [SMALLER] })], MENDABLE);
    expect(kept).toMatchObject({ word: "keep", reason: expect.stringContaining("cannot be mended") });
  });
});

describe("a change that AWS gave up on", () => {
  const failed = { reason: "clients are still mounted", at: new Date(0) };
  const VERSION: Drift = { field: "lustreVersion", want: "2.15", have: "2.12", failed };
  const half = other({ ref: "thing-1", fixedFingerprint: "same", drift: [VERSION, RULES] });

  it("is said again, and not asked for again", () => {
    for (const phase of ["ready", "updating"] as const) {
      expect(verdict(record({ phase, fingerprint: "old" }), [half], MENDABLE)).toMatchObject({
        word: "refuse",
        reason: "thing-1 has lustreVersion 2.12, wanted is 2.15: AWS gave up on this change: clients are still mounted",
        hint: expect.stringMatching(/^set lustreVersion to 2.12, or .*up --repair/),
      });
    }
    expect(verdict(record({ phase: "updating" }), [thing({ drift: [VERSION] })], MENDABLE).word).toBe("refuse");
  });

  it("is asked for once more by --repair", () => {
    const repair = { ...WANTED, repair: true };
    expect(verdict(record({ fingerprint: "old" }), [half], MENDABLE, repair).word).toBe("update");
    expect(toRepair(half, repair)).toEqual([VERSION, RULES]);
  });

  it("is told where somebody else's change is not taken back", () => {
    const kept = verdict(record(), [thing({ drift: [VERSION] })], MENDABLE);
    expect(kept).toMatchObject({ word: "keep", reason: expect.stringContaining("clients are still mounted") });
  });
});

describe("a refusal", () => {
  it("says which inputs changed, and names what is too long to read", () => {
    const was = record({
      fingerprint: "old",
      ref: "thing-0",
      inputs: { subnetId: "subnet-a", script: "x".repeat(200), same: 1 },
    });
    const wanted = { ...WANTED, inputs: { subnetId: "subnet-b", script: "y".repeat(200), same: 1 } };
    expect(verdict(was, [other()], { ...PLAIN, protect: true }, wanted)).toMatchObject({
      word: "refuse",
      reason: 'thing-0 holds data: it cannot be changed in place (subnetId: "subnet-a" -> "subnet-b"; script changed)',
    });
  });
});

describe("nothing that could be used", () => {
  const going = other({ state: "deleting" });
  const broken = other({ state: "failed" });

  it("is made", () => {
    expect(verdict(undefined, [])).toMatchObject({ do: "create", word: "create", reason: "not there" });
  });

  it("is made when the one that is being removed is gone", () => {
    expect(verdict(undefined, [going])).toMatchObject({ word: "wait", found: going });
    expect(verdict(record(), [thing({ state: "deleting" })]).word).toBe("wait");
  });

  it("is made beside a failed one of other inputs, unless that one has the only name", () => {
    expect(verdict(undefined, [broken]).word).toBe("create");
    expect(verdict(undefined, [broken], { ...PLAIN, naming: "fixed" })).toMatchObject({
      word: "destroy",
      found: broken,
    });
  });

  it("is not made beside a failed one that may hold data", () => {
    expect(verdict(undefined, [broken], { ...PLAIN, protect: true }).word).toBe("refuse");
    const attempt = record({ phase: "creating", ref: "thing-0", fingerprint: "old" });
    expect(verdict(attempt, [broken], { ...PLAIN, protect: true })).toMatchObject({ word: "destroy", found: broken });
    expect(
      verdict(attempt, [broken, other({ ref: "thing-7", state: "failed" })], { ...PLAIN, protect: true }),
    ).toMatchObject({ word: "refuse", found: { ref: "thing-7" } });
  });

  it("is not decided on in a state that there is not", () => {
    for (const state of [undefined, "OPTIMIZING", "toString"]) {
      expect(() => verdict(undefined, [thing({ state: state as State })])).toThrow(/thing-1 is in no state.*: /);
    }
  });
});

describe("the thing a node stands for", () => {
  const stands = (of: StepRecord | undefined, found: readonly Found[], can = MENDABLE) =>
    wantedOne({ record: of, found, wanted: WANTED, can })?.ref;

  it("is ready before pending before failed, and never one that is going", () => {
    const at = (ref: string, state: State) => thing({ ref, state });
    const [ready, pending, failed, going] = [
      at("r", "ready"),
      at("p", "pending"),
      at("f", "failed"),
      at("d", "deleting"),
    ];
    expect(stands(undefined, [going, failed, pending, ready])).toBe("r");
    expect(stands(undefined, [going, failed, pending])).toBe("p");
    expect(stands(undefined, [going, failed])).toBe("f");
    expect(stands(undefined, [going])).toBeUndefined();
  });

  it("is, among equals, the one the record speaks of, then the newest, then the first by name", () => {
    const at = (ref: string, day: number) => thing({ ref, createdAt: new Date(Date.UTC(2026, 10, day)) });
    const found = [at("c", 1), at("a", 2), at("b", 2)];
    expect(stands(record({ ref: "c" }), found)).toBe("c");
    expect(stands(undefined, found)).toBe("a");
    expect(stands(undefined, [...found].reverse())).toBe("a");
  });

  it("is the half-changed one only while it is being changed and can be", () => {
    const half = thing({ fingerprint: "old" });
    expect(stands(record({ phase: "updating" }), [half])).toBe("thing-1");
    expect(stands(record(), [half])).toBeUndefined();
    expect(stands(record({ phase: "updating" }), [half], PLAIN)).toBeUndefined();
  });
});

describe("what an attempt was about", () => {
  it("is told by the ref once it is known, then by the token, and only without both by the fingerprint", () => {
    expect(isIntended(record(), thing({ token: "0therone", fingerprint: "old" }))).toBe(true);
    expect(isIntended(record(), thing({ ref: "thing-2" }))).toBe(false);
    expect(isIntended({ ...INTENT }, thing({ fingerprint: "old" }))).toBe(true);
    expect(isIntended({ ...INTENT }, thing({ token: "0therone" }))).toBe(false);
    expect(isIntended({ ...INTENT }, thing({ token: undefined }))).toBe(true);
    expect(isIntended({ ...INTENT }, thing({ token: undefined, fingerprint: "old" }))).toBe(false);
  });
});

describe("whatever is recorded and found", () => {
  const cases = [...randomCases(6_000)];
  const decided = cases.map((one) => ({ ...one, verdict: first(situation(one.record, one.found, one)) }));

  it("gets a verdict, the same one each time, and nothing is changed by asking", () => {
    for (const { record: of, found, wanted, can, verdict: said } of decided) {
      const before = JSON.stringify([of, found, wanted, can]);
      expect(first(situation(of, found, { wanted, can }))).toEqual(said);
      expect(JSON.stringify([of, found, wanted, can])).toBe(before);
    }
    expect(new Set(decided.map((one) => one.verdict.word)).size).toBe(10);
  });

  it("never gets a second thing while an intent is open and unseen", () => {
    const open = decided.filter(
      ({ record: of, found }) => of?.phase === "creating" && !found.some((one) => isIntended(of, one)),
    );
    expect(open.length).toBeGreaterThan(300);
    for (const one of open) expect(["confirm", "refuse"]).toContain(one.verdict.word);
  });

  it("never loses data: of a kind that holds it nothing is replaced, and removed only what failed in the making", () => {
    const data = decided.filter(({ can }) => can.protect);
    expect(data.length).toBeGreaterThan(300);
    for (const { found, record: of, can, verdict: said } of data) {
      expect(said.word).not.toBe("replace");
      if (said.word === "create" && can.naming !== "shared") expect(found).toEqual([]);
      if (said.word !== "destroy") continue;
      expect(of?.phase).toBe("creating");
      expect(isIntended(of!, said.found!)).toBe(true);
    }
    expect(data.some((one) => one.verdict.word === "destroy")).toBe(true);
  });

  it("never touches what is not ours", () => {
    for (const { found, can, verdict: said } of decided) {
      if (can.naming === "shared" || found.every(({ owned }) => owned)) continue;
      expect(said.word).toBe("refuse");
    }
  });

  it("stands only on what is ready, and is removed only when failed or leaving", () => {
    for (const { verdict: said } of decided) {
      if (said.word === "adopt" || said.word === "keep") expect(said.found?.state).toBe("ready");
      if (said.word === "destroy") expect(said.found?.state).toBe("failed");
      if (said.word === "wait") expect(said.found?.state).toBe("deleting");
    }
  });
});

/** Seeded, so that a failure is the same tomorrow. */
function* randomCases(count: number) {
  let seed = 20_261_121;
  const random = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const flag = <K extends string>(key: K, chance: number) =>
    (random() < chance ? { [key]: true } : {}) as { readonly [F in K]?: true };

  const anyThing = (ref: string) =>
    thing({
      ref,
      state: pick("ready", "ready", "pending", "failed", "deleting"),
      owned: random() < 0.95,
      fingerprint: pick("new", "new", "old", undefined),
      fixedFingerprint: pick("same", "gone", undefined),
      token: pick(TOKEN.slice(-8), "0therone", undefined),
      createdAt: pick(undefined, new Date(0), new Date(1)),
      detail: pick(undefined, "CREATING"),
      drift: pick(undefined, [], [RULES], [IMAGE], [RULES, IMAGE]),
    });
  const anyRecord = () => {
    const { ref: _known, ...rest } = record({
      phase: pick("creating", "updating", "ready", "destroying"),
      fingerprint: pick("new", "old"),
    });
    return pick<StepRecord | undefined>(undefined, rest, { ...rest, ref: pick("thing-0", "thing-1", "thing-9") });
  };
  for (let at = 0; at < count; at++) {
    const can: Can = {
      ...{ update: random() < 0.5, destroy: random() < 0.8 },
      naming: random() < 0.05 ? "shared" : pick("token", "token", "fixed", "versioned"),
      ...{ ...flag("protect", 0.3), ...flag("repairsFailed", 0.2) },
    };
    const found = Array.from({ length: Math.floor(random() * 4) }, (_none, index) => anyThing(`thing-${index}`));
    const wanted = { ...WANTED, ...flag("repair", 0.2) };
    yield { record: anyRecord(), found, wanted, can };
  }
}
