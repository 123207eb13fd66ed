import { beforeEach, describe, expect, it } from "vitest";
import { Graph } from "../../src/engine/graph.ts";
import { memoryStore, ToyCloud, toyRun, toyStep, toyThing } from "./toy-cloud.ts";

let cloud: ToyCloud;
let store: ReturnType<typeof memoryStore>;

beforeEach(() => {
  cloud = new ToyCloud();
  store = memoryStore();
});

/** A group, an image made by a builder in it, a disk that holds data, and a queue on top. */
function lab({ disk = true } = {}): Graph<ToyCloud> {
  const graph = new Graph<ToyCloud>();
  const net = graph.add("group", toyStep("group", { mendable: ["rules"] }), { inputs: () => ({ rules: "988" }) });
  const builder = graph.add("builder", toyStep("machine", { repeatable: true }), {
    needs: { net },
    inputs: () => ({}),
  });
  const ami = graph.add("image", toyStep("image"), { inputs: () => ({}), temporary: { builder } });
  if (disk) graph.add("disk", toyStep("disk", { protect: true }), { needs: { net }, inputs: () => ({}) });
  graph.add("queue", toyStep("queue"), { needs: { ami }, inputs: () => ({}) });
  return graph;
}

const kinds = [
  toyStep("queue"),
  toyStep("disk", { protect: true }),
  toyStep("image"),
  toyStep("machine"),
  toyStep("group"),
];

async function open(graph = lab(), keepTemporaries = false) {
  return toyRun(cloud, store, graph, { kinds: kinds as never, keepTemporaries });
}

async function planned(...given: Parameters<typeof open>) {
  return (await open(...given)).engine.plan();
}

async function up() {
  const { engine } = await open();
  expect((await engine.up(await engine.plan())).failures).toEqual([]);
}

const leftBuilder = () => cloud.things.push(toyThing({ ref: "machine-9", kind: "machine", node: "builder" }));

describe("a plan", () => {
  it("has nothing to do when all is there, and something when anything is left to remove or to be told of", async () => {
    await up();
    expect((await planned()).idle).toBe(true);
    expect(await planned(lab({ disk: false }))).toMatchObject({ idle: false, removals: [], left: [{}] });
    leftBuilder();
    expect(await planned()).toMatchObject({ idle: false, removals: [{ found: { ref: "machine-9" } }], left: [] });
  });

  it("shows that an older one goes when the one that replaces it stands, and not before", async () => {
    await up();
    const [queue] = cloud.live.filter(({ kind }) => kind === "queue");
    cloud.things.push({ ...queue!, ref: "queue-0", tagged: "0123456789abcdef", token: "0lderone" });
    expect((await planned()).removals).toMatchObject([{ found: { ref: "queue-0" } }]);
    queue!.readyAt = cloud.clock.elapsed() + 60_000;
    expect((await planned()).removals).toEqual([]);
  });

  it("does not count a builder as left over as long as what it is for is to be made", async () => {
    await up();
    cloud.things = cloud.things.filter(({ kind }) => kind !== "image");
    leftBuilder();
    expect((await planned()).removals).toEqual([]);
  });

  it.each([
    ["destroying", false, false],
    ["destroying", true, true],
    ["ready", true, true],
    ["creating", true, false],
    ["updating", true, false],
  ] as const)("of a builder on record as %s, to be kept: %s, has nothing to do: %s", async (phase, isKept, idle) => {
    await up();
    const { manifest } = await open();
    await manifest.put("builder", { ...manifest.get("group")!, kind: "machine", phase, ref: "machine-9" });
    expect((await planned(lab(), isKept)).idle).toBe(idle);
  });

  it("for one node looks at it, what it needs and what it is made with, and shows only its own drift", async () => {
    await up();
    cloud.live.find(({ kind }) => kind === "group")!.set.rules = "22";
    const { engine } = await open();
    const shown = async (...targets: readonly string[]) =>
      (await engine.plan(new Set(targets))).nodes.map(({ node, verdict, drift }) => [node, verdict, drift?.length]);
    expect(await shown("image")).toEqual([
      ["group", "use", undefined],
      ["builder", "temporary", undefined],
      ["image", "keep", 0],
    ]);
    expect(await shown("queue")).toEqual([
      ["image", "use", undefined],
      ["queue", "keep", 0],
    ]);
    expect(await shown("group")).toEqual([["group", "update", 1]]);
  });

  it("for one node ends where what it needs is not there", async () => {
    const { engine } = await open();
    await expect(engine.plan(new Set(["queue"]))).rejects.toThrow("image (image) is not there, or not ready");
  });
});
