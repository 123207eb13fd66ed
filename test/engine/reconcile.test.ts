import { beforeEach, describe, expect, it } from "vitest";
import type { Event, Outcome } from "../../src/engine/events.ts";
import { Graph } from "../../src/engine/graph.ts";
import type { StepRecord } from "../../src/engine/manifest/manifest.ts";
import type { Found } from "../../src/engine/step.ts";
import { memoryStore, ToyCloud, ToyError, type ToyInputs, toyRun, toyStep, toyThing } from "./toy-cloud.ts";

const MINUTE = 60_000;
const TOKEN = "6f9f1ab2-0000-4000-8000-0000aaaabbbb";

type ToyStep = ReturnType<typeof toyStep>;
type ToyFound = Found<{ ref: string }>;

let cloud: ToyCloud;
let store: ReturnType<typeof memoryStore>;
let startedAt: number;

beforeEach(() => {
  cloud = new ToyCloud();
  store = memoryStore();
  startedAt = cloud.clock.elapsed();
});

const minutes = () => (cloud.clock.elapsed() - startedAt) / MINUTE;

/** One node, of its step's kind. */
function only(step: ToyStep, inputs: ToyInputs = {}): Graph<ToyCloud> {
  const graph = new Graph<ToyCloud>();
  graph.add("disk", step, { inputs: () => inputs });
  return graph;
}

async function up(graph: Graph<ToyCloud>, records: Readonly<Record<string, Partial<StepRecord>>> = {}) {
  const run = await toyRun(cloud, store, graph);
  for (const [id, over] of Object.entries(records)) {
    const known = run.manifest.get(id);
    const at = "2026-11-21T00:00:00.000Z";
    const plain = { kind: id, needs: [], phase: "ready" as const, inputs: {}, fingerprint: "", token: TOKEN, at };
    await run.manifest.put(id, { ...plain, ...known, ...over });
  }
  const { engine, events, manifest } = run;
  const { failures, outcomes } = await engine.up(await engine.plan());
  return { events, manifest, outcome: outcomes.get("disk"), failures: failures.map(({ message }) => message) };
}

/** The same kind, whose things look otherwise. */
function seenAs(step: ToyStep, look: (found: ToyFound) => ToyFound): ToyStep {
  return { ...step, find: async (context) => (await step.find(context)).map(look) };
}

function told<T extends Event["type"]>(events: readonly Event[], type: T) {
  return events.filter((event): event is Extract<Event, { readonly type: T }> => event.type === type);
}

const doing = (events: readonly Event[]) => told(events, "started").map((event) => event.doing);

describe("what a node has come to", () => {
  const mendable = ["size"];
  const size = (value: number) => only(toyStep("disk", { mendable, repeatable: true }), { size: value });

  it("is that it was made, changed, replaced, left as it is, or adopted", async () => {
    const outcomes: (Outcome | undefined)[] = [];
    for (const graph of [size(1), size(1), size(2), only(toyStep("disk", { mendable }), { size: 2, zone: "b" })]) {
      outcomes.push((await up(graph)).outcome);
    }
    store = memoryStore();
    outcomes.push((await up(only(toyStep("disk", { mendable }), { size: 2, zone: "b" }))).outcome);
    expect(outcomes).toEqual(["created", "kept", "updated", "replaced", "adopted"]);
  });

  it("is, of what is only looked for again, that it is as it was, or that it was made when its intent was still open", async () => {
    const graph = size(1);
    await up(graph);
    const [disk] = cloud.live;
    const outOfSight = () => {
      cloud.things = [{ ...disk!, visibleAt: cloud.clock.elapsed() + MINUTE }];
    };
    outOfSight();
    expect((await up(graph)).outcome).toBe("kept");
    outOfSight();
    const { ref: _ref, ...open } = JSON.parse(store.text!).steps.disk;
    const text = JSON.parse(store.text!);
    store.text = JSON.stringify({ ...text, steps: { disk: { ...open, phase: "creating" } } });
    expect((await up(graph)).outcome).toBe("created");
  });

  it("is told with what is being done, each said once", async () => {
    await up(size(1));
    cloud.things = cloud.things.map((thing) => ({ ...thing, visibleAt: cloud.clock.elapsed() + MINUTE }));
    expect(doing((await up(size(1))).events)).toEqual(["looking for what was there, and is not seen now"]);
    expect(doing((await up(size(2))).events)).toEqual(["changing"]);
  });
});

describe("a change in place", () => {
  it("keeps the token that the thing was made with", async () => {
    const step = toyStep("disk", { mendable: ["size"] });
    const made = (await up(only(step, { size: 1 }))).manifest.get("disk")!;
    const changed = (await up(only(step, { size: 2 }))).manifest.get("disk")!;
    expect([changed.token, changed.phase]).toEqual([made.token, "ready"]);
  });

  it("that is refused is told as one", async () => {
    const step = toyStep("disk", { mendable: ["size"] });
    await up(only(step, { size: 1 }));
    cloud.before = (call) => {
      if (call === "update disk") throw new ToyError("refused", "not that size");
    };
    expect((await up(only(step, { size: 2 }))).failures).toEqual(["changing disk (disk): not that size"]);
  });

  it("that turns out to be impossible after it was begun is refused, and nothing says that it was made", async () => {
    const step = toyStep("disk", { mendable: ["size"] });
    await up(only(step, { size: 2 }));
    let looks = 0;
    const never = "it never shrinks";
    const barred = seenAs(step, (found) =>
      ++looks < 2 ? found : { ...found, drift: found.drift?.map((drift) => ({ ...drift, never })) },
    );
    const { failures } = await up(only(barred, { size: 1 }));
    expect(failures).toEqual([`leaving disk (disk) as it is: disk-1 has size 2, wanted is 1: ${never}`]);
    expect(cloud.changes).not.toContain("stamp disk");
  });
});

describe("a wait", () => {
  const step = toyStep("disk", { takesMs: 4 * MINUTE });
  const CREATING = seenAs(step, (found) => ({
    ...found,
    detail: found.state === "pending" ? "CREATING" : "AVAILABLE",
  }));

  it("looks no sooner than the thing is expected, and tells each state that it sees once", async () => {
    const { events } = await up(only(CREATING));
    expect(cloud.calls.filter((call) => call === "find disk").length).toBeLessThan(10);
    expect(told(events, "seen").map(({ state, detail }) => [state, detail])).toEqual([
      ["pending", "CREATING"],
      ["ready", "AVAILABLE"],
    ]);
  });

  it("tells what the thing says, each line once, and asks nothing of a thing that is not seen", async () => {
    const cursors: (string | undefined)[] = [];
    const pace = { expectMs: 0, everyMs: MINUTE, timeoutMs: 30 * MINUTE };
    const talking: ToyStep = {
      ...step,
      ...{ pace, find: async (context) => (Math.trunc(minutes()) === 2 ? [] : step.find(context)) },
      async tail(_context, _found, cursor) {
        expect(Math.trunc(minutes())).not.toBe(2);
        cursors.push(cursor);
        return { lines: [`line ${cursors.length}`], cursor: `after ${cursors.length}` };
      },
    };
    const { events, failures } = await up(only(talking));
    expect(failures).toEqual([]);
    expect(cursors).toEqual([undefined, "after 1", "after 2", "after 3"]);
    expect(told(events, "note").map(({ text }) => text)).toEqual(cursors.map((_cursor, at) => `line ${at + 1}`));
  });

  it("for a state nobody knows the end of ends after half an hour, however long the thing may take", async () => {
    const pace = { expectMs: 0, everyMs: MINUTE, timeoutMs: 90 * MINUTE };
    const unknown = seenAs({ ...toyStep("disk", { takesMs: 80 * MINUTE }), pace }, (found) => ({
      ...{ ...found, detail: "THAWING" },
      ...(found.state === "pending" && { unsure: true as const }),
    }));
    const { failures } = await up(only(unknown));
    expect(failures).toEqual(["waiting for disk (disk): disk-1 is still THAWING after 30 min"]);
  });

  it("ends when somebody else deletes the thing", async () => {
    cloud.after = (call) => {
      if (call === "create disk") cloud.live[0]!.goneAt = Number.POSITIVE_INFINITY;
    };
    const { failures, manifest } = await up(only(step));
    expect(failures).toEqual(["waiting for disk (disk): disk-1 is being deleted by someone else"]);
    expect(manifest.get("disk")?.phase).toBe("creating");
  });

  it("ends when what was made is not what was asked for, and its kind cannot be changed", async () => {
    cloud.after = (call) => {
      if (call === "create disk") cloud.live[0]!.tagged = "0123456789abcdef";
    };
    const { failures } = await up(only(step));
    expect(failures).toEqual([
      "waiting for disk (disk): disk-1 failed: it is not what was asked for, and cannot be changed",
    ]);
  });
});

describe("what goes before a new one is made", () => {
  it("is not looked for when it is gone", async () => {
    const step = toyStep("disk", { goesMs: 20_000 });
    await up(only(step));
    cloud.live[0]!.state = "failed";
    expect((await up(only(step))).failures).toEqual([]);
    expect(minutes()).toBeLessThan(2);
  });

  it("is not waited for without end where somebody else deletes it", async () => {
    cloud.things = [toyThing({ ref: "disk-0", kind: "disk", goneAt: Number.POSITIVE_INFINITY })];
    const { failures } = await up(only(toyStep("disk")));
    expect(failures).toEqual(["waiting for disk (disk): disk-0 is still deleting after 30 min"]);
    expect(cloud.changes).toEqual([]);
  });

  it("holds up the new one where the cloud refuses to remove it, and not where it is in use", async () => {
    cloud.things = [toyThing({ ref: "disk-0", kind: "disk", state: "failed" })];
    let trouble: "refused" | "busy" = "refused";
    cloud.before = (call) => {
      if (call === "destroy disk") throw new ToyError(trouble, "it is locked");
    };
    expect((await up(only(toyStep("disk")))).failures).toEqual(["bringing up disk (disk): it is locked"]);
    expect(cloud.changes).toEqual(["destroy disk"]);
    trouble = "busy";
    expect((await up(only(toyStep("disk")))).outcome).toBe("created");
  });
});

describe("a create", () => {
  it("that is refused leaves no record of what vanished before it", async () => {
    const step = toyStep("disk");
    await up(only(step));
    cloud.things = [];
    cloud.before = (call) => {
      if (call === "create disk") throw new ToyError("refused", "no more of them");
    };
    const { failures, manifest } = await up(only(step));
    expect([failures, manifest.get("disk")]).toEqual([["creating disk (disk): no more of them"], undefined]);
  });

  it("is tried as long as its kind is early, and no less", async () => {
    const pace = { expectMs: 0, everyMs: 5_000, timeoutMs: 30 * MINUTE, earlyMs: 10 * MINUTE };
    cloud.before = (call) => {
      if (call === "create disk" && minutes() < 8) throw new ToyError("notPropagated", "no such role");
    };
    expect((await up(only({ ...toyStep("disk"), pace }))).failures).toEqual([]);
  });

  it("whose answer was lost is sent again after a pause, and that is told", async () => {
    let lost = 0;
    cloud.before = (call) => {
      if (call === "create disk" && ++lost <= 2) throw new ToyError("unknown", "connection reset");
    };
    const { events, failures } = await up(only(toyStep("disk", { repeatable: true })));
    expect(failures).toEqual([]);
    expect(told(events, "note").map(({ text }) => text)).toEqual(
      Array(2).fill("the answer was lost: connection reset"),
    );
    expect(minutes() * MINUTE).toBe(10_000);
  });

  it("that would use up a builder is looked for before it is sent again", async () => {
    const graph = new Graph<ToyCloud>();
    const builder = graph.add("builder", toyStep("machine", { repeatable: true }), { inputs: () => ({}) });
    graph.add("disk", toyStep("disk", { repeatable: true }), { inputs: () => ({}), temporary: { builder } });
    cloud.after = (call) => {
      if (call !== "create disk") return;
      cloud.things.at(-1)!.goneAt = undefined;
      Object.assign(cloud.things.at(-1)!, { visibleAt: cloud.clock.elapsed() + 4 * MINUTE });
      throw new ToyError("unknown", "connection reset");
    };
    expect((await up(graph)).failures).toEqual([
      "waiting for disk (disk): what was asked for has not shown up after 120 s",
    ]);
    cloud.after = () => {};
    cloud.calls.length = 0;
    cloud.clock.advance(MINUTE);
    expect(await up(graph)).toMatchObject({ failures: [], outcome: "created" });
    expect(cloud.changes.filter((call) => call.startsWith("create"))).toEqual([]);
  });
});
