import { beforeEach, describe, expect, it } from "vitest";
import { Graph } from "../../src/engine/graph.ts";
import { ManifestError } from "../../src/engine/manifest/manifest.ts";
import type { Step } from "../../src/engine/step.ts";
import {
  kindsOf,
  memoryStore,
  ToyCloud,
  ToyError,
  type ToyInputs,
  type ToyOptions,
  toyRun,
  toyStep,
  toyThing,
} from "./toy-cloud.ts";

let cloud: ToyCloud;
let store: ReturnType<typeof memoryStore>;

beforeEach(() => {
  cloud = new ToyCloud();
  store = memoryStore();
});

interface Lab {
  readonly group?: ToyInputs;
  readonly disk?: ToyInputs;
  readonly image?: ToyInputs;
  readonly queue?: ToyInputs;
  readonly imageFails?: boolean;
  readonly withoutQueue?: boolean;
}

/** A small environment: a group, a disk that holds data, an image made by a builder, and a queue on top. */
function lab({
  group = {},
  disk = { size: 1 },
  image = {},
  queue = {},
  imageFails = false,
  withoutQueue = false,
}: Lab = {}): Graph<ToyCloud> {
  const graph = new Graph<ToyCloud>();
  const net = graph.add("group", toyStep("group", { mendable: ["rules"] }), {
    inputs: () => ({ rules: "988", ...group }),
  });
  const fs = graph.add(
    "disk",
    toyStep("disk", { takesMs: 300_000, mendable: ["size"], protect: true, repeatable: true, goesMs: 60_000 }),
    {
      needs: { net },
      inputs: ({ net }) => ({ group: net.ref, ...disk }),
    },
  );
  const builder = graph.add("builder", toyStep("machine", { takesMs: 30_000, repeatable: true }), {
    needs: { net },
    inputs: ({ net }) => ({ group: net.ref }),
  });
  const ami = graph.add("image", toyStep("image", { takesMs: 240_000, fails: imageFails }), {
    inputs: () => image,
    temporary: { builder },
  });
  if (withoutQueue) return graph;
  graph.add("queue", toyStep("queue", { singular: true, mendable: ["order", "image", "disk"] }), {
    needs: { fs, ami },
    inputs: ({ fs, ami }) => ({ disk: fs.ref, image: ami.ref, order: "1", ...queue }),
  });
  return graph;
}

function groupOnly(): Graph<ToyCloud> {
  const graph = new Graph<ToyCloud>();
  graph.add("group", toyStep("group", { mendable: ["rules"] }), { inputs: () => ({ rules: "988" }) });
  return graph;
}

async function up(options: Lab = {}) {
  const run = await toyRun(cloud, store, lab(options));
  const plan = await run.engine.plan();
  return { ...run, plan, summary: await run.engine.up(plan) };
}

/** Since the beginning of the test. */
const minutes = () => (cloud.clock.elapsed() - new ToyCloud().clock.elapsed()) / 60_000;

const kinds = () => cloud.live.map(({ kind }) => kind).sort();

describe("up", () => {
  it("makes everything once, in the order of needs, and removes the builder", async () => {
    const { summary } = await up();
    expect(summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
    expect(cloud.changes.filter((call) => call.startsWith("create"))).toEqual([
      "create group",
      "create disk",
      "create builder",
      "create image",
      "create queue",
    ]);
  });

  it("takes as long as the longest chain, not as the sum", async () => {
    const startedAt = cloud.clock.now();
    await up();
    expect(cloud.clock.now() - startedAt).toBeLessThan(310_000);
  });

  it("makes no change when run again, and the plan says so", async () => {
    await up();
    const before = cloud.changes.length;
    const run = await toyRun(cloud, store, lab());
    const plan = await run.engine.plan();
    expect(plan.idle).toBe(true);
    expect(cloud.changes.length).toBe(before);
  });

  it("makes exactly the thing again that vanished", async () => {
    await up();
    cloud.things = cloud.things.filter(({ kind }) => kind !== "image");
    const before = cloud.changes.length;
    await up();
    expect(cloud.changes.slice(before).filter((call) => call.startsWith("create"))).toEqual([
      "create builder",
      "create image",
    ]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  it("mends exactly what drifted", async () => {
    await up();
    cloud.live.find(({ kind }) => kind === "group")!.set.rules = "22";
    const before = cloud.changes.length;
    await up();
    expect(cloud.changes.slice(before)).toEqual(["update group"]);
  });

  it("changes in place what can be changed, and writes the fingerprint last", async () => {
    await up();
    const before = cloud.changes.length;
    await up({ disk: { size: 2 } });
    expect(cloud.changes.slice(before)).toEqual(["update disk", "stamp disk"]);
    expect(cloud.live.find(({ kind }) => kind === "disk")?.set.size).toBe(2);
  });

  it("refuses to replace what holds data, and leaves everything as it is", async () => {
    await up();
    const before = kinds();
    const { summary } = await up({ disk: { size: 1, subnet: "other" } });
    expect(summary.failures[0]?.message).toContain("holds data");
    expect(kinds()).toEqual(before);
  });

  it("refuses in the plan what would pull the ground from under data", async () => {
    await up();
    const run = await toyRun(cloud, store, lab({ group: { vpc: "other" } }));
    const { nodes } = await run.engine.plan();
    expect(nodes.find(({ node }) => node === "group")?.verdict).toBe("replace");
    expect(nodes.find(({ node }) => node === "disk")).toMatchObject({
      ...{ verdict: "refuse", ref: "disk-2", hint: "take the change back" },
      reason: "disk-2 holds data, and group, which it stands on, would be replaced",
    });
  });

  it("shows what of a builder is running when the last run was stopped", async () => {
    const stopped = await toyRun(cloud, store, lab());
    const plan = await stopped.engine.plan();
    cloud.after = (call) => {
      if (call === "create image") setImmediate(() => stopped.stop.abort());
    };
    await expect(stopped.engine.up(plan)).rejects.toThrow(/still at work without us:.*machine-\d+ \(builder\)/s);
    cloud.after = () => {};
    const { nodes } = await (await toyRun(cloud, store, lab())).engine.plan();
    expect(nodes.find(({ node }) => node === "builder")).toMatchObject({ verdict: "temporary", state: "ready" });
  });

  it("does not take data for a failed attempt when it fails after a change that this run only waited for", async () => {
    await up();
    const disk = cloud.live.find(({ kind }) => kind === "disk")!;
    disk.readyAt = cloud.clock.now() + 600_000;
    const run = await toyRun(cloud, store, lab());
    const plan = await run.engine.plan();
    expect(plan.nodes.find(({ node }) => node === "disk")?.verdict).toBe("resume");
    setImmediate(() => run.stop.abort());
    await expect(run.engine.up(plan)).rejects.toThrow("stopped");

    disk.state = "failed";
    const { summary } = await up();
    expect(summary.failures[0]?.message).toContain("holds data");
    expect(cloud.live).toContain(disk);
    expect(disk.goneAt).toBeUndefined();
  });

  it("replaces what cannot be changed: the new one first, the old one when all that follows is done", async () => {
    await up();
    const before = cloud.changes.length;
    await up({ image: { base: "newer" } });
    expect(cloud.changes.slice(before)).toEqual([
      "create builder",
      "create image",
      "destroy builder",
      "update queue",
      "stamp queue",
      "destroy image",
    ]);
  });

  it("blocks only what follows a failure", async () => {
    const { summary, events } = await up({ imageFails: true });
    expect(summary.failures.map(({ message }) => message)).toEqual([
      "waiting for image (image): image-4 failed: no capacity in zone-a",
    ]);
    expect(events.filter(({ type }) => type === "blocked")).toMatchObject([{ node: "queue", by: "image" }]);
    expect(kinds()).toEqual(["disk", "group", "image"]);
  });

  it("removes the failed one and makes a new one on the next run", async () => {
    await up({ imageFails: true });
    const { summary } = await up();
    expect(summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  it("tries again what is only early, and says so once", async () => {
    let times = 0;
    cloud.before = (call) => {
      if (call === "create disk" && times++ < 3) throw new ToyError("notPropagated", "the group is not visible yet");
    };
    const { summary, events } = await up();
    expect(summary.failures).toEqual([]);
    expect(events.filter((event) => event.type === "note" && event.node === "disk").length).toBe(1);
  });

  it("closes the intent when the answer is a clear no", async () => {
    cloud.before = (call) => {
      if (call === "create disk") throw new ToyError("refused", "quota of 0 file systems");
    };
    const { summary, manifest } = await up();
    expect(summary.failures[0]?.message).toBe("creating disk (disk): quota of 0 file systems");
    expect(manifest.get("disk")).toBeUndefined();
  });

  it("makes exactly one when the answer is lost and the call is repeatable", async () => {
    let lost = false;
    cloud.after = (call) => {
      if (call !== "create disk" || lost) return;
      lost = true;
      throw new ToyError("unknown", "connection reset");
    };
    const { summary } = await up();
    expect(summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  it("makes exactly one when the answer is lost and the call is not repeatable", async () => {
    let lost = false;
    cloud.after = (call) => {
      if (call !== "create image" || lost) return;
      lost = true;
      throw new ToyError("unknown", "connection reset");
    };
    const { summary } = await up();
    expect(summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  /** A script that is run: sent twice, it would run twice. */
  function script(invisibleMs = 0): Graph<ToyCloud> {
    const graph = new Graph<ToyCloud>();
    graph.add("script", toyStep("command", { invisibleMs }), { inputs: () => ({}) });
    return graph;
  }

  async function runScript(invisibleMs?: number) {
    const run = await toyRun(cloud, store, script(invisibleMs));
    return { ...run, summary: await run.engine.up(await run.engine.plan()) };
  }

  const connectionBreaks = (times: number) => (call: string) => {
    if (call === "create script" && times-- > 0) throw new ToyError("unknown", "connection reset");
  };

  it("asks anew, with a token of its own and in the same run, for what must not be sent twice and did not arrive", async () => {
    cloud.before = connectionBreaks(3);
    const { summary, events } = await runScript();
    expect(summary.failures).toEqual([]);
    expect(cloud.changes).toEqual(Array(4).fill("create script"));
    expect(new Set(store.writes.flatMap((text) => JSON.parse(text).steps.script?.token ?? [])).size).toBe(4);
    expect(minutes()).toBeGreaterThanOrEqual(6);
    const doing = events.flatMap((event) => (event.type === "started" ? [event.doing] : []));
    expect(doing.slice(0, 3)).toEqual(["creating", "asking anew: no answer came, and it has not shown up", "creating"]);
  });

  it("does not ask anew for what arrived though its answer was lost, however late it shows up in two minutes", async () => {
    cloud.after = connectionBreaks(1);
    const { summary } = await runScript(115_000);
    expect([summary.failures, cloud.changes, kinds()]).toEqual([[], ["create script"], ["command"]]);
  });

  it("asks four times in a run for what must not be sent twice, and keeps the last intent", async () => {
    cloud.before = connectionBreaks(5);
    const { summary, manifest } = await runScript();
    expect(summary.failures[0]?.message).toMatch(/what was asked for has not shown up after 120 s/);
    expect([cloud.changes.length, manifest.get("script")?.phase]).toEqual([4, "creating"]);
  });

  it("does not ask anew for what has our name and shows no tags", async () => {
    cloud.after = (call) => {
      if (call !== "create script") return;
      Object.assign(cloud.live[0]!, { owned: false, token: "s0mebody", tagged: "" });
      throw new ToyError("unknown", "connection reset");
    };
    const { summary } = await runScript();
    expect(summary.failures[0]?.message).toMatch(/command-1 has our name but not our tags/);
    expect(cloud.changes).toEqual(["create script"]);
  });

  it("keeps the intent when the cloud names what it made and never shows it, so that no second one is made", async () => {
    cloud.after = (call) => {
      if (call !== "create disk") return;
      Object.assign(cloud.live.at(-1)!, { visibleAt: Number.POSITIVE_INFINITY });
      throw new ToyError("unknown", "connection reset");
    };
    await up();
    cloud.after = () => {};
    const disk = cloud.live.find(({ kind }) => kind === "disk")!;
    const { manifest, summary } = await up();
    expect(summary.failures[0]?.message).toBe(`waiting for disk (disk): ${disk.ref} has not shown up after 120 s`);
    expect(manifest.get("disk")).toMatchObject({ phase: "creating", ref: disk.ref });
    expect(kinds().filter((kind) => kind === "disk")).toEqual(["disk"]);
  });

  it("keeps the intent when a later send is refused after an answer was lost", async () => {
    let sends = 0;
    cloud.before = (call) => {
      if (call === "create disk" && ++sends === 2) throw new ToyError("refused", "the credentials have run out");
    };
    cloud.after = (call) => {
      if (call === "create disk" && sends === 1) throw new ToyError("unknown", "connection reset");
    };
    const { manifest, summary } = await up();
    expect(summary.failures[0]?.message).toContain("run out");
    expect(manifest.get("disk")?.phase).toBe("creating");
    cloud.before = () => {};
    cloud.after = () => {};
    expect((await up()).summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  describe("with a builder that was launched in the moment of a power cut, and is not to be seen yet", () => {
    const launchBuilder = async () => {
      await up();
      const token = "0f0e0d0c-1111-4222-8333-444455556666";
      const visibleAt = cloud.clock.now() + 60_000;
      cloud.things.push(toyThing({ ref: "machine-9", kind: "machine", node: "builder", token: "55556666", visibleAt }));
      const { manifest } = await toyRun(cloud, store, lab());
      const { fingerprint } = manifest.get("group")!;
      const at = new Date(cloud.clock.now()).toISOString();
      await manifest.put("builder", {
        ...{ kind: "machine", needs: [], phase: "creating", inputs: null, fingerprint, token, at },
      });
    };

    it("waits for it and removes it, although nothing else is to be done", async () => {
      await launchBuilder();
      const { plan, summary } = await up();
      expect(plan.idle).toBe(false);
      expect([summary.failures, kinds()]).toEqual([[], ["disk", "group", "image", "queue"]]);
      expect((await up()).plan.idle).toBe(true);
    });

    it("removes it although the manifest is lost", async () => {
      await launchBuilder();
      store = memoryStore();
      expect((await up()).summary.failures).toEqual([]);
      expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
    });
  });

  it("tells every failure when the credentials run out, also that it could not look for what is left over", async () => {
    cloud.before = (call) => {
      const late = cloud.calls.includes("create image");
      if (late && !call.startsWith("find image")) throw new ToyError("refused", "the credentials have run out");
    };
    const { summary } = await up({ image: { recipe: 2 } });
    expect(summary.failures.map(({ message }) => message)).toContain(
      "looking for what is no longer used: the credentials have run out",
    );
    expect(summary.failures.length).toBeGreaterThan(1);
    cloud.before = () => {};
    expect((await up({ image: { recipe: 2 } })).summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  it("does not end badly because a look at what is left over is throttled once", async () => {
    let throttled = 0;
    cloud.before = (call) => {
      if (call === "find machine" && cloud.calls.includes("create queue") && throttled++ === 0) {
        throw new ToyError("unknown", "Throttling: Rate exceeded");
      }
    };
    expect((await up()).summary.failures).toEqual([]);
    expect(throttled).toBeGreaterThan(1);
  });

  it("keeps the intent when the manifest cannot take down what came of the call", async () => {
    const write = store.write.bind(store);
    store.write = async (text) => {
      if (/"ref": "disk-/.test(text)) throw new ManifestError("memory.json", new Error("no space left on device"));
      await write(text);
    };
    const { summary } = await up();
    expect(summary.failures[0]?.message).toBe("writing memory.json: no space left on device");
    expect(JSON.parse(store.text!).steps.disk.phase).toBe("creating");
    store = memoryStore(store.text);
    expect((await up()).summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  it("only waits for one that somebody else removes, and keeps it when it comes back", async () => {
    await up();
    const disk = cloud.live.find(({ kind }) => kind === "disk")!;
    disk.goneAt = cloud.clock.now() + 600_000;
    const find = cloud.clock.now() + 60_000;
    cloud.before = () => {
      if (cloud.clock.now() >= find) disk.goneAt = undefined;
    };
    const before = cloud.changes.length;
    const { summary } = await up();
    expect(summary.failures).toEqual([]);
    expect(cloud.changes.slice(before)).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  it("does not lose patience over one empty answer late in a long wait", async () => {
    const startedAt = cloud.clock.now();
    let hidden = 0;
    const see = (call: string) => {
      const disk = cloud.things.find(({ kind }) => kind === "disk");
      if (call !== "find disk" || !disk || cloud.clock.now() - startedAt < 200_000) return;
      Object.assign(disk, { visibleAt: hidden++ === 0 ? Number.POSITIVE_INFINITY : 0 });
    };
    cloud.before = see;
    expect((await up()).summary.failures).toEqual([]);
    expect(hidden).toBeGreaterThan(1);
  });

  it("adopts everything when the manifest is gone, and makes nothing", async () => {
    await up();
    const before = cloud.changes.length;
    store = memoryStore();
    const { summary } = await up();
    expect(cloud.changes.length).toBe(before);
    expect([...summary.outcomes.values()]).toEqual(["adopted", "adopted", "adopted", "adopted"]);
  });

  it("removes what the graph no longer has, but not what holds data", async () => {
    await up();
    const { engine } = await toyRun(cloud, store, groupOnly(), { kinds: kindsOf(lab()) });
    const { left } = await engine.up(await engine.plan());
    expect(kinds()).toEqual(["disk", "group"]);
    const why = "no longer used, and it costs, but it may hold data: only teardown removes it";
    expect(left).toEqual([`disk disk-2 (disk): ${why}`]);
  });

  it("forgets data that somebody removed by hand after the graph dropped it, and then has nothing to do", async () => {
    await up();
    cloud.things = cloud.things.filter(({ kind }) => kind !== "disk");
    const small = async () => toyRun(cloud, store, groupOnly(), { kinds: kindsOf(lab()) });
    const first = await small();
    await first.engine.up(await first.engine.plan());
    expect(first.manifest.get("disk")).toBeUndefined();
    expect((await (await small()).engine.plan()).idle).toBe(true);
  });

  it("forgets data that was asked for and never came, when the graph drops it", async () => {
    await up();
    const { manifest } = await toyRun(cloud, store, lab());
    const { ref: _ref, ...open } = manifest.get("disk")!;
    await manifest.put("disk", { ...open, phase: "creating", token: "of-an-attempt-that-never-arrived" });
    cloud.things = cloud.things.filter(({ kind }) => kind !== "disk");
    const small = async () => toyRun(cloud, store, groupOnly(), { kinds: kindsOf(lab()) });
    const first = await small();
    await first.engine.up(await first.engine.plan());
    expect((await (await small()).engine.plan()).idle).toBe(true);
  });

  it("remembers what the graph dropped when only some nodes are brought, and a whole run removes it", async () => {
    await up();
    const dropped = { image: { recipe: 2 }, withoutQueue: true };
    const some = await toyRun(cloud, store, lab(dropped), { kinds: kindsOf(lab()) });
    expect((await some.engine.up(await some.engine.plan(new Set(["image"])))).failures).toEqual([]);
    const whole = await toyRun(cloud, store, lab(dropped), { kinds: kindsOf(lab()) });
    await whole.engine.up(await whole.engine.plan());
    expect(kinds()).toEqual(["disk", "group", "image"]);
  });

  it("has nothing to do for its targets when only the record of another node is open", async () => {
    await up();
    const run = await toyRun(cloud, store, lab());
    await run.manifest.put("group", { ...run.manifest.get("group")!, phase: "updating" });
    expect((await run.engine.plan(new Set(["image", "queue"]))).idle).toBe(true);
    expect((await run.engine.plan()).idle).toBe(false);
  });

  it("nudges a failed thing that can be mended three times, with looks between, before it believes the failure", async () => {
    const graph = new Graph<ToyCloud>();
    const step = { ...toyStep("fleet", { mendable: ["size"], fails: true }), repairsFailed: true as const };
    graph.add("fleet", step, { inputs: () => ({ size: 1 }) });
    const { engine } = await toyRun(cloud, store, graph);
    const { failures } = await engine.up(await engine.plan());
    expect(failures[0]?.message).toContain("no capacity in zone-a");
    expect(cloud.changes).toEqual(["create fleet", "update fleet", "update fleet", "update fleet"]);
    expect(cloud.calls.at(-1)).toBe("find fleet");
    expect(minutes()).toBeGreaterThan(1.5);
  });

  describe("what does not become what was asked for", () => {
    const since = () => cloud.calls.filter((call) => call === "update fleet").length;
    const fleet = async (options: ToyOptions, inputs: ToyInputs = { size: 1 }, repair = false) => {
      const graph = new Graph<ToyCloud>();
      const step = toyStep("fleet", { mendable: ["size"], ...options });
      graph.add("fleet", { ...step, pace: { ...step.pace!, timeoutMs: 7_000 * 60_000 } }, { inputs: () => inputs });
      const { engine } = await toyRun(cloud, store, graph, { repair });
      return engine.up(await engine.plan());
    };

    it("is nudged three times, half a minute apart, and then said with both values, whatever the kind's patience", async () => {
      const { failures } = await fleet({ deaf: true });
      expect(failures[0]).toMatchObject({
        message: "changing fleet (fleet): AWS took the change of fleet-1 and still shows size undefined, wanted 1",
        hint: expect.stringContaining("something else"),
      });
      expect([since(), minutes()]).toEqual([3, expect.closeTo(2, 0)]);
    });

    it("is nudged no more often when the value goes on moving by itself", async () => {
      cloud.after = (call) => {
        for (const thing of cloud.live) if (call.startsWith("find")) thing.set.size = cloud.calls.length;
      };
      const { failures } = await fleet({ deaf: true }, { size: -1 });
      expect(failures[0]?.message).toContain("wanted -1");
      expect(since()).toBe(3);
    });

    it("is said too when it is only the mark of what it was made from that does not stick", async () => {
      await fleet({});
      cloud.live[0]!.tagged = "";
      const { failures } = await fleet({ deaf: true });
      expect(failures[0]?.message).toMatch(/still shows fingerprint , wanted [0-9a-f]{16}$/);
    });

    it("is said at once when the cloud says that it gave up, and not asked for again, also by the next run", async () => {
      await fleet({});
      const before = since();
      const failure = () => (since() > before ? { reason: "disks are mounted" } : undefined);
      const first = await fleet({ deaf: true, failure }, { size: 2 });
      const [said] = first.failures;
      expect(said?.message).toBe(
        "changing fleet (fleet): fleet-1 has size 1, wanted is 2: AWS gave up on this change: disks are mounted",
      );
      expect([since() - before, minutes()]).toEqual([1, expect.closeTo(0, 0)]);
      const again = await fleet({ deaf: true, failure }, { size: 2 });
      expect(again.failures[0]?.message).toContain("AWS gave up on this change: disks are mounted");
      expect(since() - before).toBe(1);
    });

    it("is asked for once more with --repair, and told from the failure before", async () => {
      await fleet({});
      const at = (minute: number) => ({ reason: "disks are mounted", at: new Date(minute * 60_000) });
      const before = since();
      const twice = await fleet({ deaf: true, failure: () => at(since() > before ? 2 : 1) }, { size: 2 }, true);
      expect(twice.failures[0]?.message).toContain("AWS gave up");
      expect(since() - before).toBe(1);
      const stale = await fleet({ deaf: true, failure: () => at(2) }, { size: 2 }, true);
      expect(stale.failures[0]?.message).toContain("still shows size 1, wanted 2");
      expect(since() - before).toBe(2);
      const taken = await fleet({ failure: () => at(2) }, { size: 2 }, true);
      expect(taken.failures).toEqual([]);
    });
  });

  describe("a clock that is put right", () => {
    it("does not end the grace of what is not to be seen yet", async () => {
      await up();
      const disk = cloud.live.find(({ kind }) => kind === "disk")!;
      cloud.things = cloud.things.map((one) =>
        one === disk ? { ...disk, visibleAt: cloud.clock.elapsed() + 60_000 } : one,
      );
      let looks = 0;
      cloud.after = (call) => {
        if (call === "find disk" && ++looks === 2) cloud.clock.putRight(3_600_000);
      };
      const before = cloud.changes.length;
      expect((await up()).summary.failures).toEqual([]);
      expect([cloud.changes.length, looks > 3]).toEqual([before, true]);
    });

    it("does not end the patience with what is only early", async () => {
      let times = 0;
      cloud.before = (call) => {
        if (call !== "create disk" || times++ >= 3) return;
        cloud.clock.putRight(3_600_000);
        throw new ToyError("notPropagated", "the group is not visible yet");
      };
      expect((await up()).summary.failures).toEqual([]);
    });
  });

  describe("a machine that slept", () => {
    it("looks once more at what was being made", async () => {
      cloud.after = (call) => {
        if (call === "create disk") setImmediate(() => cloud.clock.advance(8 * 3_600_000));
      };
      expect((await up()).summary.failures).toEqual([]);
    });

    it("looks once more for what was out of sight", async () => {
      await up();
      let looks = 0;
      cloud.before = (call) => {
        if (call !== "find disk") return;
        for (const one of cloud.things) {
          if (one.kind === "disk") Object.assign(one, { visibleAt: ++looks <= 2 ? Number.POSITIVE_INFINITY : 0 });
        }
      };
      cloud.after = (call) => {
        if (call === "find disk" && looks === 2) cloud.clock.advance(8 * 3_600_000);
      };
      const before = cloud.changes.length;
      expect((await up()).summary.failures).toEqual([]);
      expect([cloud.changes.length, looks > 2]).toEqual([before, true]);
    });

    it("makes the call once more that was only early", async () => {
      let times = 0;
      cloud.before = (call) => {
        if (call !== "create disk" || times++ > 0) return;
        cloud.clock.advance(8 * 3_600_000);
        throw new ToyError("notPropagated", "the group is not visible yet");
      };
      expect((await up()).summary.failures).toEqual([]);
    });
  });

  it("removes half an image that shows up late, when the manifest is gone", async () => {
    await up();
    store = memoryStore();
    const at = { visibleAt: cloud.clock.now() + 40_000, readyAt: cloud.clock.now() + 3_600_000 };
    cloud.things.push(toyThing({ ref: "image-9", kind: "image", ...at }));
    const { summary } = await up();
    expect(summary.failures).toEqual([]);
    expect(cloud.live.filter(({ kind }) => kind === "image").map(({ ref }) => ref)).toEqual(["image-4"]);
  });

  it("refuses a same-named thing that is not ours", async () => {
    cloud.things.push(toyThing({ ref: "queue-0", kind: "queue", owned: false }));
    const { summary } = await up();
    expect(summary.failures[0]?.message).toContain("somebody else's");
    expect(cloud.live.some(({ ref }) => ref === "queue-0")).toBe(true);
  });
});

describe("what is no longer used", () => {
  const refused = (of: string) => (call: string) => {
    if (call === of) throw new ToyError("refused", `no ${of}`);
  };

  it("stays as long as what follows it is not done", async () => {
    await up();
    cloud.before = refused("update queue");
    const { summary } = await up({ image: { base: "newer" } });
    expect(summary.left).toEqual(["image image-4 (image): what follows it is not done"]);
    expect(kinds().filter((kind) => kind === "image")).toEqual(["image", "image"]);
    cloud.before = () => {};
    await up({ image: { base: "newer" } });
    expect(kinds().filter((kind) => kind === "image")).toEqual(["image"]);
  });

  it("stays, and is named, as long as anything of the rest went wrong, if no node speaks of it any more", async () => {
    await up();
    const graph = (fails: boolean) => lab({ withoutQueue: true, image: { recipe: 2 }, imageFails: fails });
    const first = await toyRun(cloud, store, graph(true), { kinds: kindsOf(lab()) });
    const { left } = await first.engine.up(await first.engine.plan());
    expect(left).toContain("queue queue-5 (queue): no longer used, and removed when all the rest is done");
    expect(kinds()).toContain("queue");
    const second = await toyRun(cloud, store, graph(false), { kinds: kindsOf(lab()) });
    await second.engine.up(await second.engine.plan());
    expect(kinds()).not.toContain("queue");
  });

  it("stays on record when it could not be removed", async () => {
    cloud.before = refused("destroy builder");
    const { manifest, summary } = await up();
    expect(summary.failures.map(({ message }) => message)).toContainEqual(
      expect.stringContaining("no destroy builder"),
    );
    expect(manifest.get("builder")).toMatchObject({ kind: "machine" });
  });

  it("is not told of by a run that was stopped, nor is what was not needed", async () => {
    const run = await toyRun(cloud, store, lab());
    const plan = await run.engine.plan();
    cloud.after = (call) => {
      if (call === "create disk") setImmediate(() => run.stop.abort());
    };
    await expect(run.engine.up(plan)).rejects.toThrow("stopped");
    const finished = run.events.flatMap((event) => (event.type === "finished" ? [event.outcome] : []));
    expect(finished).not.toContain("unneeded");
  });
});

describe("a node", () => {
  const alone = (step: Step<ToyInputs, { ref: string }, unknown, ToyCloud>, inputs: ToyInputs = {}) => {
    const graph = new Graph<ToyCloud>();
    graph.add("one", step, { inputs: () => inputs });
    return graph;
  };
  const bringUp = async (graph: Graph<ToyCloud>) => {
    const run = await toyRun(cloud, store, graph);
    return { ...run, summary: await run.engine.up(await run.engine.plan()) };
  };
  const sends = () => cloud.calls.filter((call) => call === "create one").length;

  it("is not made anew before what is out of sight must have shown up, when the manifest is lost", async () => {
    await up();
    const disk = cloud.live.find(({ kind }) => kind === "disk")!;
    cloud.things = cloud.things.map((one) =>
      one === disk ? { ...disk, visibleAt: cloud.clock.elapsed() + 40_000 } : one,
    );
    store = memoryStore();
    const before = cloud.changes.length;
    expect((await up()).summary.failures).toEqual([]);
    expect(cloud.changes.slice(before)).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });

  it("leaves be what replaces machines, also when a mending that was stopped is gone on with", async () => {
    const plain = toyStep("fleet", { mendable: ["size", "image"] });
    const fleet: typeof plain = {
      ...plain,
      find: async (context) =>
        (await plain.find(context)).map((one) => ({
          ...one,
          drift: one.drift?.map((entry) => (entry.field === "image" ? { ...entry, disruptive: true as const } : entry)),
        })),
    };
    const graph = () => alone(fleet, { size: 1, image: "a" });
    await bringUp(graph());
    Object.assign(cloud.live[0]!.set, { size: 2, image: "b" });
    const run = await toyRun(cloud, store, graph());
    const plan = await run.engine.plan();
    cloud.before = (call) => {
      if (call === "update one") setImmediate(() => run.stop.abort());
      if (call === "update one") throw new ToyError("unknown", "connection reset");
    };
    await expect(run.engine.up(plan)).rejects.toThrow("stopped");
    cloud.before = () => {};
    expect((await bringUp(graph())).summary.failures).toEqual([]);
    expect(cloud.live[0]!.set).toEqual({ size: 1, image: "b" });
  });

  it("is not taken for the work of an attempt that made another", async () => {
    const step = toyStep("disk", { takesMs: 300_000 });
    const { manifest } = await bringUp(alone(step));
    const { token, ref } = manifest.get("one")!;
    const [made] = cloud.live;
    cloud.things = [{ ...made!, ref: "disk-9", token: "another1", readyAt: cloud.clock.elapsed() + 60_000 }];
    const again = await bringUp(alone(step));
    expect(again.manifest.get("one")).toMatchObject({ ref: "disk-9", token: expect.not.stringMatching(token) });
    expect(ref).not.toBe("disk-9");
  });

  it("stays on record as it was while somebody else's removal of it comes to nothing", async () => {
    const step = toyStep("disk", { mendable: ["size"] });
    const first = await bringUp(alone(step));
    const before = first.manifest.get("one");
    const [disk] = cloud.live;
    disk!.goneAt = cloud.clock.elapsed() + 600_000;
    const back = cloud.clock.elapsed() + 60_000;
    cloud.before = () => {
      if (cloud.clock.elapsed() >= back) disk!.goneAt = undefined;
    };
    const { manifest } = await bringUp(alone(step));
    expect(manifest.get("one")).toEqual(before);
  });

  it("that is gone for good by the cloud's own words is off the record, and made anew without a wait", async () => {
    const step = { ...toyStep("machine", {}), whyGone: async () => "Client.VolumeLimitExceeded" };
    cloud.after = (call) => {
      if (call === "create one") cloud.things = [];
    };
    const { manifest, summary } = await bringUp(alone(step));
    expect(summary.failures[0]?.message).toContain("Client.VolumeLimitExceeded");
    expect(manifest.get("one")).toBeUndefined();
    cloud.after = () => {};
    const startedAt = cloud.clock.elapsed();
    expect((await bringUp(alone(step))).summary.failures).toEqual([]);
    expect(cloud.clock.elapsed() - startedAt).toBeLessThan(60_000);
  });

  it("has failed things of other inputs nudged away before it is made", async () => {
    await bringUp(alone(toyStep("image", { fails: true }), { recipe: 1 }));
    await bringUp(alone(toyStep("image"), { recipe: 2 }));
    expect(cloud.changes).toEqual(["create one", "destroy one", "create one"]);
  });

  it("is waited for although an earlier one, which failed, is in sight before it", async () => {
    const { destroy: _first, ...failing } = toyStep("job", { fails: true });
    await bringUp(alone(failing));
    const { destroy: _second, ...late } = toyStep("job", { invisibleMs: 30_000 });
    expect((await bringUp(alone(late))).summary.failures).toEqual([]);
    expect(sends()).toBe(2);
  });

  it("is not asked for again while the ref that came of asking is on record", async () => {
    const step = toyStep("disk", { repeatable: true, invisibleMs: 60_000 });
    const run = await toyRun(cloud, store, alone(step));
    const plan = await run.engine.plan();
    let looks = 0;
    cloud.after = (call) => {
      if (call === "find one" && sends() > 0 && ++looks === 2) setImmediate(() => run.stop.abort());
    };
    await expect(run.engine.up(plan)).rejects.toThrow("stopped");
    expect(run.manifest.get("one")).toMatchObject({ phase: "creating", ref: "disk-1" });
    cloud.after = () => {};
    expect((await bringUp(alone(step))).summary.failures).toEqual([]);
    expect([sends(), cloud.live.length]).toEqual([1, 1]);
  });

  it("is never asked for with the token of an attempt that asked for something else", async () => {
    const plain = toyStep("disk", { repeatable: true });
    const asked = new Map<string, Set<string>>();
    const step: typeof plain = {
      ...plain,
      create(context) {
        asked.set(context.token, (asked.get(context.token) ?? new Set()).add(context.fingerprint));
        return plain.create(context);
      },
    };
    cloud.before = (call) => {
      if (call === "create one") throw new ToyError("unknown", "connection reset");
    };
    await bringUp(alone(step, { size: 1 }));
    cloud.before = () => {};
    expect((await bringUp(alone(step, { size: 2 }))).summary.failures).toEqual([]);
    expect([...asked.values()].map(({ size }) => size)).toEqual([1, 1]);
  });
});

describe("a builder", () => {
  const machines = () => cloud.live.filter(({ kind }) => kind === "machine").map(({ ref }) => ref);
  const imagedFrom: string[] = [];

  /** A lab that writes down which machine each image was made from, and does its work by a command that cannot be removed. */
  function bakery({ work = {}, failsWork = false }: { work?: ToyInputs; failsWork?: boolean } = {}): Graph<ToyCloud> {
    const graph = new Graph<ToyCloud>();
    const builder = graph.add("builder", toyStep("machine", { takesMs: 30_000, repeatable: true }), {
      inputs: () => ({ work: JSON.stringify(work) }),
    });
    const { destroy: _destroy, ...command } = toyStep("command", { takesMs: 60_000, fails: failsWork });
    const provision = graph.add("provision", command, {
      needs: { builder },
      inputs: ({ builder }) => ({ machine: builder.ref, ...work }),
    });
    const image = toyStep("image", { takesMs: 240_000 });
    const create: typeof image.create = (context) => {
      imagedFrom.push((context.temporaries as { builder: { ref: string } }).builder.ref);
      return image.create(context);
    };
    graph.add("image", { ...image, create }, { inputs: () => work, temporary: { builder, provision } });
    return graph;
  }

  const bake = async (options: Parameters<typeof bakery>[0] = {}, keepTemporaries = false) => {
    const run = await toyRun(cloud, store, bakery(options), { keepTemporaries });
    return { ...run, summary: await run.engine.up(await run.engine.plan()) };
  };
  const untilCalled = async (call: string) => {
    const { engine, stop } = await toyRun(cloud, store, bakery());
    cloud.after = (made) => {
      if (made === call) setImmediate(() => stop.abort());
    };
    await expect(engine.up(await engine.plan())).rejects.toThrow("stopped");
    cloud.after = () => {};
  };

  beforeEach(() => {
    imagedFrom.length = 0;
  });

  it("that was kept is not imaged again when its image is gone", async () => {
    await bake({}, true);
    const [kept] = machines();
    cloud.things = cloud.things.filter(({ kind }) => kind !== "image");
    const { summary } = await bake({}, true);
    expect(summary.failures).toEqual([]);
    expect(imagedFrom).toEqual([kept, expect.not.stringMatching(kept!)]);
    expect(machines()).not.toContain(kept);
  });

  it("that is for other work is ended before the next begins, though it is to be kept", async () => {
    await bake({}, true);
    await bake({ work: { packages: "htop" } }, true);
    expect(new Set(imagedFrom).size).toBe(2);
    expect(machines()).toEqual([imagedFrom[1]]);
    const begun = cloud.changes.lastIndexOf("create builder");
    expect(cloud.changes.slice(0, begun)).toContain("destroy builder");
  });

  it("is not imaged again when the image failed while nobody looked", async () => {
    await untilCalled("create image");
    Object.assign(cloud.live.find(({ kind }) => kind === "image")!, { state: "failed" });
    expect((await bake()).summary.failures).toEqual([]);
    expect(new Set(imagedFrom).size).toBe(2);
    expect([machines(), kinds().filter((kind) => kind === "image")]).toEqual([[], ["image"]]);
  });

  it("is not imaged again when the image was asked for and never came", async () => {
    cloud.before = (call) => {
      if (call === "create image") throw new ToyError("unknown", "connection reset");
    };
    await bake({}, true);
    expect(cloud.changes.filter((call) => call === "create image")).toHaveLength(1);
    cloud.before = () => {};
    imagedFrom.length = 0;
    const [used] = machines();
    expect((await bake({}, true)).summary.failures).toEqual([]);
    expect(imagedFrom).toEqual([expect.not.stringMatching(used!)]);
  });

  it("is gone on with while its work goes on", async () => {
    await untilCalled("create provision");
    const [begun] = machines();
    expect((await bake()).summary.failures).toEqual([]);
    expect([imagedFrom, cloud.changes.filter((call) => call === "create provision").length]).toEqual([[begun], 1]);
  });

  it("whose work failed while nobody looked is told of, and no second try is made on it", async () => {
    await untilCalled("create provision");
    const [begun] = machines();
    Object.assign(cloud.things.find(({ kind }) => kind === "command")!, { state: "failed" });
    const told = await bake({}, true);
    expect(told.summary.failures[0]?.message).toContain("no capacity in zone-a");
    expect(imagedFrom).toEqual([]);
    expect((await bake({}, true)).summary.failures).toEqual([]);
    expect(imagedFrom).toEqual([expect.not.stringMatching(begun!)]);
  });

  it("whose work failed is not tried again on, though it was kept for a look", async () => {
    const { summary } = await bake({ failsWork: true }, true);
    expect(summary.failures.length).toBe(1);
    const [kept] = machines();
    expect((await bake({}, true)).summary.failures).toEqual([]);
    expect([imagedFrom, machines()]).toEqual([[expect.not.stringMatching(kept!)], [imagedFrom[0]]]);
  });

  it("of which nobody knows what was done to it is not used, when the manifest is gone", async () => {
    await untilCalled("create provision");
    const [unknown] = machines();
    store = memoryStore();
    expect((await bake()).summary.failures).toEqual([]);
    expect([imagedFrom, machines()]).toEqual([[expect.not.stringMatching(unknown!)], []]);
  });
});

describe("a manifest that is lost", () => {
  const small = async () => toyRun(cloud, store, groupOnly(), { kinds: kindsOf(lab()) });

  it("leaves nothing unknown that only a later config drops, also when only some nodes were brought since", async () => {
    await up();
    store = memoryStore();
    const bake = await toyRun(cloud, store, lab());
    expect((await bake.engine.up(await bake.engine.plan(new Set(["image", "queue"])))).failures).toEqual([]);
    for (let times = 0; times < 2; times++) {
      const { engine } = await small();
      const { left } = await engine.up(await engine.plan());
      expect(left).toEqual([expect.stringContaining("disk disk-2 (disk)")]);
      expect(kinds()).toEqual(["disk", "group"]);
    }
    expect((await (await small()).engine.plan()).left.map(({ found }) => found.ref)).toEqual(["disk-2"]);
  });

  it("is begun anew with everything that is there in its first write, beside the pins", async () => {
    await up();
    store = memoryStore();
    const { engine } = await small();
    await engine.up(await engine.plan(), { vpc: "vpc-1" });
    const first = JSON.parse(store.writes[0]!);
    expect(Object.keys(first.steps).sort()).toEqual(["disk", "group", "image", "queue"]);
    expect(first.steps.disk).toMatchObject({ kind: "disk", phase: "ready", ref: "disk-2" });
    expect(first.pins).toEqual({ vpc: "vpc-1" });
  });

  it("is adopted from by the run after one that was killed right after that write", async () => {
    await up();
    store = memoryStore();
    const dying = await toyRun(cloud, store, lab());
    const plan = await dying.engine.plan();
    const write = store.write.bind(store);
    store.write = (text) => (store.writes.length > 0 ? new Promise(() => {}) : write(text));
    void dying.engine.up(plan);
    while (store.writes.length === 0) await new Promise(setImmediate);
    store = memoryStore(store.text);
    const before = cloud.changes.length;
    const { engine } = await small();
    const { left } = await engine.up(await engine.plan());
    expect(left).toEqual([expect.stringContaining("disk-2")]);
    expect(cloud.changes.slice(before).some((call) => call.startsWith("create"))).toBe(false);
  });
});

describe("a run that is killed", () => {
  const points = ["group", "disk", "builder", "image", "queue"].flatMap((node) => [
    ["before", `create ${node}`] as const,
    ["after", `create ${node}`] as const,
  ]);

  it.each(points)("%s %s leaves exactly one of each when run again", async (when, at) => {
    class Killed extends Error {}
    const dead = new AbortController();
    cloud[when] = (call) => {
      if (dead.signal.aborted) throw new ToyError("refused", "dead");
      if (call === at) {
        dead.abort();
        throw new Killed();
      }
    };
    // A dead process writes nothing: the store stops taking writes at the same moment.
    const live = store;
    const write = live.write.bind(live);
    live.write = (text) => (dead.signal.aborted ? new Promise(() => {}) : write(text));
    const run = await toyRun(cloud, live, lab());
    await Promise.race([
      run.engine
        .plan()
        .then((plan) => run.engine.up(plan))
        .catch(() => {}),
      new Promise<void>((resolve) => dead.signal.addEventListener("abort", () => setImmediate(resolve))),
    ]);
    cloud.before = () => {};
    cloud.after = () => {};
    run.stop.abort();
    store = memoryStore(live.text);

    const { summary } = await up();
    expect(summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
  });
});

describe("Ctrl-C", () => {
  it("stops waiting at once, keeps the intents, and the next run goes on", async () => {
    const run = await toyRun(cloud, store, lab());
    const plan = await run.engine.plan();
    cloud.after = (call) => {
      if (call === "create image") setImmediate(() => run.stop.abort());
    };
    await expect(run.engine.up(plan)).rejects.toThrow("stopped");
    cloud.after = () => {};
    expect(run.events.filter(({ type }) => type === "interrupted").length).toBeGreaterThan(0);
    expect(kinds()).toContain("machine");
    const { summary } = await up();
    expect(summary.failures).toEqual([]);
    expect(kinds()).toEqual(["disk", "group", "image", "queue"]);
    expect(cloud.changes.filter((call) => call === "create image").length).toBe(1);
  });
});

describe("teardown", () => {
  it("removes everything in the order of needs and ends the manifest", async () => {
    await up();
    const run = await toyRun(cloud, store, lab());
    const before = cloud.changes.length;
    const { left, failures } = await run.engine.down((await run.engine.everything()).things);
    expect([left, failures, kinds()]).toEqual([[], [], []]);
    expect(cloud.changes[before]).toBe("destroy queue");
    expect(store.text).toBeUndefined();
  });

  it("works from tags alone, with no manifest", async () => {
    await up();
    store = memoryStore();
    const run = await toyRun(cloud, store, lab());
    await run.engine.down((await run.engine.everything()).things);
    expect(kinds()).toEqual([]);
  });

  it("waits for what was being made when the last run stopped", async () => {
    await up();
    const disk = cloud.live.find(({ kind }) => kind === "disk")!;
    cloud.things = cloud.things.map((thing) =>
      thing === disk ? { ...thing, visibleAt: cloud.clock.now() + 60_000 } : thing,
    );
    const run = await toyRun(cloud, store, lab());
    const record = run.manifest.get("disk")!;
    const { ref: _ref, ...open } = record;
    await run.manifest.put("disk", { ...open, phase: "creating" });
    const { left } = await run.engine.down((await run.engine.everything()).things);
    expect([left, kinds()]).toEqual([[], []]);
  });

  it("goes on with the rest when one thing refuses to go, and says what is left", async () => {
    await up();
    cloud.before = (call) => {
      if (call === "destroy image") throw new ToyError("refused", "the image is locked");
    };
    const run = await toyRun(cloud, store, lab());
    const { left, failures } = await run.engine.down((await run.engine.everything()).things);
    expect(left.map(({ found }) => found.node)).toEqual(["image"]);
    expect(failures.map(({ message }) => message)).toEqual(["removing image (image): the image is locked"]);
    expect(kinds()).toEqual(["image"]);
  });
});

describe("a thing whose tags are not shown", () => {
  it("is told as such, and not as one that has not shown up", async () => {
    const graph = new Graph<ToyCloud>();
    graph.add("template", toyStep("template"), { inputs: () => ({}) });
    cloud.after = (call) => {
      if (call !== "create template") return;
      cloud.things = cloud.things.map((thing) => ({ ...thing, ref: "bare-1", owned: false, tagged: "", token: "" }));
    };
    const { engine } = await toyRun(cloud, store, graph);
    const { failures } = await engine.up(await engine.plan());
    expect(failures.map(({ message }) => message)).toEqual([
      "waiting for template (template): bare-1 has our name but not our tags",
    ]);
  });
});

describe("a thing that may be asleep", () => {
  async function upWith(wokenBy: (tries: number) => string | undefined) {
    const step = toyStep("agent", { takesMs: 20 * 60_000 });
    let tries = 0;
    const graph = new Graph<ToyCloud>();
    graph.add(
      "agent",
      {
        ...step,
        pace: { expectMs: 0, everyMs: 5_000, timeoutMs: 30 * 60_000, wakeMs: 5 * 60_000 },
        async wake({ cloud: world }, { ref }) {
          const did = wokenBy(++tries);
          if (did) for (const thing of world.live) if (thing.ref === ref) thing.readyAt = world.clock.now() + 60_000;
          return did;
        },
      },
      { inputs: () => ({}) },
    );
    const startedAt = cloud.clock.now();
    const { engine, events } = await toyRun(cloud, store, graph);
    const { failures } = await engine.up(await engine.plan());
    const notes = events.flatMap((event) => (event.type === "note" ? [event.text] : []));
    return { failures, notes, tries, tookMs: cloud.clock.now() - startedAt };
  }

  it("is woken once when it has been waited for long enough, and said so", async () => {
    const { failures, notes, tries, tookMs } = await upWith(() => "woken");
    expect([failures, tries, notes.filter((text) => text === "woken")]).toEqual([[], 1, ["woken"]]);
    expect(tookMs).toBeGreaterThan(5 * 60_000);
    expect(tookMs).toBeLessThan(7 * 60_000);
  });

  it("is asked again while it cannot be woken yet", async () => {
    expect(await upWith((tries) => (tries < 4 ? undefined : "woken"))).toMatchObject({ failures: [], tries: 4 });
  });
});

describe("a step that says how long it may take", () => {
  it("is believed in place of the pace of its kind, which others keep", async () => {
    const graph = new Graph<ToyCloud>();
    const pace = { expectMs: 0, everyMs: 60_000, timeoutMs: 60_000 };
    const slow = { ...toyStep("command", { takesMs: 2 * 3600_000 }), pace };
    graph.add(
      "long",
      { ...slow, timeoutMs: ({ hours }) => Number(hours) * 3600_000 },
      { inputs: () => ({ hours: 3 }) },
    );
    graph.add(
      "short",
      { ...slow, timeoutMs: ({ hours }) => Number(hours) * 3600_000 },
      { inputs: () => ({ hours: 1 }) },
    );
    const { engine } = await toyRun(cloud, store, graph);
    const { failures } = await engine.up(await engine.plan());
    expect(failures.map(({ message }) => message)).toEqual([expect.stringMatching(/\(short\): .* after 60 min/)]);
  });
});

describe("a name under which others make a thing again while they are ending", () => {
  async function downWith(kind: "log" | "queue") {
    const graph = new Graph<ToyCloud>();
    graph.add("log", toyStep("log", { comesBack: true }), { inputs: () => ({}) });
    graph.add("queue", toyStep("queue"), { inputs: () => ({}) });
    graph.add("group", toyStep("group", { goesMs: 60_000 }), { inputs: () => ({}) });
    const first = await toyRun(cloud, store, graph);
    await first.engine.up(await first.engine.plan());
    const { ref } = cloud.live.find((thing) => thing.kind === kind)!;
    cloud.after = (call) => {
      if (call !== `destroy ${kind}` || cloud.things.some(({ owned }) => !owned)) return;
      cloud.things.push(toyThing({ ref, kind, owned: false, visibleAt: cloud.clock.now() + 30_000 }));
    };
    const { engine } = await toyRun(cloud, store, graph);
    return engine.down((await engine.everything()).things);
  }

  it("is free after teardown, which looks there once more when all the rest is gone", async () => {
    expect(await downWith("log")).toMatchObject({ left: [], failures: [] });
    expect(kinds()).toEqual([]);
  });

  it("is looked at for such a kind only: elsewhere what stands there then is somebody else's", async () => {
    expect(await downWith("queue")).toMatchObject({ left: [], failures: [] });
    expect(kinds()).toEqual(["queue"]);
  });
});

describe("what one may not look at", () => {
  const deny = (kind: string) => {
    cloud.before = (call) => {
      if (call === `find ${kind}`) throw new ToyError("refused", `not authorized to list ${kind}s`);
    };
  };

  it("is no reason to leave the rest standing: teardown removes what it sees, names the kind, and keeps the manifest", async () => {
    await up();
    deny("disk");
    const { engine, manifest } = await toyRun(cloud, store, lab());
    const { things, unseen } = await engine.everything();
    expect(unseen).toEqual([{ kind: "disk", words: "not authorized to list disks", byName: false }]);
    const after = await engine.down(things.filter(({ step }) => step.kind !== "group"));
    expect(after).toMatchObject({ unseen: [{ kind: "disk" }], failures: [] });
    expect(kinds()).toEqual(["disk", "group"]);
    expect(manifest.get("disk")).toMatchObject({ phase: "ready" });
  });

  it("is not waited for as if it might still show up", async () => {
    await up();
    deny("disk");
    const { engine } = await toyRun(cloud, store, lab());
    const startedAt = cloud.clock.now();
    await engine.everything();
    expect(cloud.clock.now()).toBe(startedAt);
  });

  it("is shown by a plan as not to be seen, and what needs it as following", async () => {
    await up();
    deny("disk");
    const { engine } = await toyRun(cloud, store, lab());
    const { nodes, idle } = await engine.plan();
    expect(nodes.find(({ node }) => node === "disk")).toMatchObject({
      verdict: "unseen",
      reason: "not authorized to list disks",
    });
    expect(nodes.find(({ node }) => node === "queue")).toMatchObject({ verdict: "follows" });
    expect(idle).toBe(false);
  });

  it("is said of orphans, once, and up goes on without them", async () => {
    await up();
    store = memoryStore();
    deny("relic");
    const kindsNow = [...kindsOf(lab()), toyStep("relic") as unknown as ReturnType<typeof kindsOf>[number]];
    const { engine, events } = await toyRun(cloud, store, lab(), { kinds: kindsNow });
    const plan = await engine.plan();
    expect(plan.unseen).toEqual([{ kind: "relic", words: "not authorized to list relics", byName: false }]);
    const { failures } = await engine.up(plan);
    expect(failures).toEqual([]);
    const notes = events.flatMap((event) => (event.type === "note" ? [event.text] : []));
    expect(notes.filter((text) => text.includes("not authorized to list relics"))).toHaveLength(1);
  });
});
