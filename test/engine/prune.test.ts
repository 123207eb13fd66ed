import { describe, expect, it } from "vitest";
import { Graph } from "../../src/engine/graph.ts";
import type { StepRecord } from "../../src/engine/manifest/manifest.ts";
import type { OwnedResource } from "../../src/engine/owned.ts";
import { type PruneInput, prunePlan } from "../../src/engine/prune.ts";
import type { Found } from "../../src/engine/step.ts";
import { kindsOf, type ToyCloud, toyStep } from "./toy-cloud.ts";

/** A group, a disk that holds data, an image made by a builder with one older generation kept, and a queue on top. */
function lab(): Graph<ToyCloud> {
  const graph = new Graph<ToyCloud>();
  const net = graph.add("group", toyStep("group"), { inputs: () => ({}) });
  graph.add("disk", toyStep("disk", { protect: true }), { needs: { net }, inputs: () => ({}) });
  const builder = graph.add("builder", toyStep("machine"), { inputs: () => ({}) });
  const ami = graph.add("image", toyStep("image"), { inputs: () => ({}), temporary: { builder }, keep: 1 });
  graph.add("queue", toyStep("queue"), { needs: { ami, net }, inputs: () => ({}) });
  return graph;
}

const LAB = lab();
const KINDS = kindsOf(LAB);

function seen(node: string, ref: string, over: Partial<Found> = {}): Found {
  return { ref, node, state: "ready", owned: true, fingerprint: "new", ...over };
}

function owned(kind: string, found: Found): OwnedResource<ToyCloud> {
  return { step: KINDS.find((step) => step.kind === kind)!, found };
}

function record(kind: string, ref: string, over: Partial<StepRecord> = {}): StepRecord {
  return { kind, needs: [], phase: "ready", inputs: {}, fingerprint: "new", token: "t", ref, at: "", ...over };
}

const ALL = ["group", "disk", "builder", "image", "queue"];

function plan(over: Partial<PruneInput<ToyCloud>> = {}) {
  const {
    remove,
    retain,
    await: awaited,
    forget,
  } = prunePlan({
    ...{ graph: LAB, kinds: KINDS, records: [], targets: undefined, owned: [], unseen: [], standing: new Map() },
    ...{ done: new Set(ALL), busy: new Set<string>(), failed: false, keepTemporaries: false, discardData: false },
    ...over,
  });
  return {
    remove: remove.map(({ found }) => found.ref),
    retain: retain.map(({ thing, why }) => `${thing.found.ref}: ${why}`),
    await: awaited.map(({ node }) => node),
    forget,
  };
}

const wanted = { fingerprint: "new", fixedFingerprint: "" };
const standing = (node: string, ...found: readonly Found[]) => new Map([[node, { inputs: {}, wanted, found }]]);

describe("what is on record and not seen", () => {
  const records = [["gone", record("queue", "queue-2")]] as const;
  const others = (ref: string, node: string) => [owned("queue", seen(node, ref, { fingerprint: "other", token: "x" }))];

  it("is waited for, though another of its node is seen, or the like of it under another", () => {
    expect(plan({ records, owned: others("queue-1", "gone") }).await).toEqual(["gone"]);
    expect(plan({ records, owned: others("queue-2", "queue") }).await).toEqual(["gone"]);
    expect(plan({ records, owned: others("queue-2", "gone") }).await).toEqual([]);
  });
});

describe("an older generation", () => {
  const at = (day: number) => ({ fingerprint: `of day ${day}`, createdAt: new Date(Date.UTC(2026, 10, day)) });
  const images = standing(
    "image",
    ...[1, 2, 3].map((day) => seen("image", `image-${day}`, at(day))),
    seen("image", "image-4"),
  );

  it("goes when what follows it is done, and as many stay as are to be kept, the newest", () => {
    expect(plan({ standing: images })).toMatchObject({ remove: ["image-2", "image-1"].sort(), retain: [] });
  });

  it("stays as long as what follows it is not done", () => {
    const { remove, retain } = plan({ standing: images, done: new Set(["image"]) });
    expect([remove, retain]).toEqual([[], [1, 2].map((day) => `image-${day}: what follows it is not done`)]);
  });

  it("stays where it may hold data, whoever follows", () => {
    const disks = standing("disk", seen("disk", "disk-1", { fingerprint: "old" }), seen("disk", "disk-2"));
    const { remove, retain } = plan({ standing: disks });
    expect([remove, retain]).toEqual([[], [expect.stringMatching(/^disk-1: .*only teardown removes it$/)]]);
  });

  it("stays of a node that is no target, and of one for which nothing stands yet", () => {
    expect(plan({ standing: images, targets: new Set(["queue"]) }).remove).toEqual([]);
    expect(plan({ standing: standing("queue", seen("queue", "queue-1", { fingerprint: "old" })) }).remove).toEqual([]);
  });

  it("is none that is not ours, or is going already", () => {
    const others = [
      seen("queue", "q-1", { ...at(1), owned: false }),
      seen("queue", "q-2", { ...at(2), state: "deleting" }),
    ];
    expect(plan({ standing: standing("queue", ...others, seen("queue", "q-3")) }).remove).toEqual([]);
  });
});

describe("a builder that is left over", () => {
  const builder = owned("machine", seen("builder", "machine-1"));

  it("goes, though only some nodes are brought and others failed", () => {
    expect(plan({ owned: [builder], failed: true, targets: new Set(["group"]) }).remove).toEqual(["machine-1"]);
  });

  it("goes too where the graph has another name for its node", () => {
    const renamed = owned("machine", seen("old-builder", "machine-0"));
    expect(plan({ owned: [renamed], targets: new Set(["image"]) }).remove).toEqual(["machine-0"]);
  });

  it("stays while the node it serves is still to be made, or as was asked", () => {
    expect(plan({ owned: [builder], busy: new Set(["image"]) })).toMatchObject({ remove: [], retain: [] });
    const { remove, retain } = plan({ owned: [builder], keepTemporaries: true });
    expect([remove, retain]).toEqual([[], [expect.stringContaining("machine-1: kept as you asked")]]);
  });

  it("is waited for where its making was begun and it is not to be seen, and forgotten when it is gone", () => {
    const records = [["builder", record("machine", "machine-1", { phase: "creating" })]] as const;
    expect(plan({ records })).toMatchObject({ await: ["builder"], forget: ["builder"] });
    expect(plan({ records, owned: [builder] }).await).toEqual([]);
    expect(plan({ records, keepTemporaries: true })).toMatchObject({ await: [], forget: [] });
    expect(plan({ records: [["builder", record("machine", "machine-1")]] }).await).toEqual([]);
  });
});

describe("what the graph no longer has", () => {
  const relic = owned("queue", seen("old-queue", "queue-0"));
  const data = owned("disk", seen("old-disk", "disk-0"));
  const records = [
    ["old-queue", record("queue", "queue-0")],
    ["old-disk", record("disk", "disk-0")],
  ] as const;

  it("goes when all the rest is done, and until then is named", () => {
    expect(plan({ owned: [relic] }).remove).toEqual(["queue-0"]);
    const { remove, retain } = plan({ owned: [relic], failed: true });
    expect([remove, retain]).toEqual([[], [expect.stringContaining("queue-0: no longer used, and removed when")]]);
  });

  it("stays where it may hold data, and is remembered; and goes with a teardown", () => {
    const { remove, retain, forget } = plan({ owned: [relic, data], records });
    expect([remove, retain, forget]).toEqual([["queue-0"], [expect.stringMatching(/^disk-0: /)], ["old-queue"]]);
    expect(plan({ owned: [relic, data], discardData: true }).remove).toEqual(["queue-0", "disk-0"]);
  });

  it("is no business of a run that brings some nodes only", () => {
    expect(plan({ owned: [relic], records, targets: new Set(["image"]) })).toEqual({
      ...{ remove: [], retain: [], await: [], forget: [] },
    });
  });

  it("is waited for where it is not to be seen, unless it was being removed, or could not be looked for", () => {
    expect(plan({ records }).await).toEqual(["old-queue", "old-disk"]);
    expect(plan({ records: [["old-queue", record("queue", "queue-0", { phase: "destroying" })]] }).await).toEqual([]);
    const unseen = [{ kind: "queue", words: "not authorized", byName: false }];
    expect(plan({ records, unseen })).toMatchObject({ await: ["old-disk"], forget: ["old-disk"] });
  });

  it("is remembered as long as anything went wrong", () => {
    expect(plan({ records, failed: true }).forget).toEqual([]);
  });
});

it("removes nothing that a node of the graph stands on, and nothing twice", () => {
  const disk = owned("disk", seen("disk", "disk-2"));
  expect(plan({ owned: [disk, owned("group", seen("group", "group-1"))] })).toMatchObject({ remove: [], retain: [] });
  const twin = owned("queue", seen("old-queue", "queue-0"));
  expect(plan({ owned: [twin, twin] }).remove).toEqual(["queue-0"]);
});
