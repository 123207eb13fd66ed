import { beforeEach, describe, expect, it } from "vitest";
import { StepError } from "../../src/engine/errors.ts";
import { Graph } from "../../src/engine/graph.ts";
import type { StepRecord } from "../../src/engine/manifest/manifest.ts";
import { listOwned, type OwnedResource, waitVisible } from "../../src/engine/owned.ts";
import { prunePlan } from "../../src/engine/prune.ts";
import { cameBack, label, removeAll } from "../../src/engine/remove.ts";
import type { Run } from "../../src/engine/run.ts";
import type { Step } from "../../src/engine/step.ts";
import {
  memoryStore,
  ToyCloud,
  ToyError,
  type ToyOptions,
  type ToyThing,
  toyRun,
  toyStep,
  toyThing,
} from "./toy-cloud.ts";

const SECOND = 1_000;

type Kind = Step<unknown, unknown, unknown, ToyCloud>;
const kind = (name: string, options: ToyOptions = {}) => toyStep(name, options) as unknown as Kind;

const QUEUE = kind("queue");
const DISK = kind("disk", { goesMs: 60 * SECOND, protect: true });
const GROUP = kind("group");
/** In the fixed order of removal. */
const KINDS = [QUEUE, DISK, GROUP];

let cloud: ToyCloud;
beforeEach(() => {
  cloud = new ToyCloud();
});

function record(of: string, over: Partial<StepRecord> = {}): StepRecord {
  return {
    ...{
      kind: of,
      needs: [],
      phase: "ready",
      inputs: {},
      fingerprint: "f",
      token: `0000-${of}-token-x`,
      ref: `${of}-1`,
    },
    at: "2026-11-21T00:00:00.000Z",
    ...over,
  };
}

async function open(records: Readonly<Record<string, StepRecord>> = {}, kinds = KINDS) {
  const store = memoryStore();
  const opened = { ...(await toyRun(cloud, store, new Graph<ToyCloud>(), { kinds })), store };
  for (const [id, one] of Object.entries(records)) await opened.manifest.put(id, one);
  return opened;
}

function place(...things: readonly (Pick<ToyThing, "ref" | "kind"> & Partial<ToyThing>)[]) {
  cloud.things.push(...things.map(toyThing));
}

const deniedDisks = (call: string) => {
  if (call === "find disk") throw new ToyError("refused", "not authorized to list disks");
};
const refs = (things: readonly OwnedResource<ToyCloud>[]) => things.map(({ found }) => found.ref);
/** Of an environment of which nothing is wanted any more. */
const waitUnaccounted = ({ graph, ...run }: Run<ToyCloud>, owned: readonly OwnedResource<ToyCloud>[]) => {
  const nothing = { standing: new Map(), done: new Set<string>(), busy: new Set<string>(), targets: undefined };
  const flags = { failed: false, keepTemporaries: false, discardData: true };
  const { kinds, manifest } = run;
  const plan = prunePlan({ graph, kinds, records: manifest.records, owned, unseen: [], ...nothing, ...flags });
  return waitVisible({ graph, ...run }, plan.await);
};
const destroyed = () => cloud.calls.filter((call) => call.startsWith("destroy"));

describe("a list of what is owned", () => {
  it("finds every thing of ours, of every kind, whatever its node, and nothing of anybody else's", async () => {
    place(
      { ref: "queue-1", kind: "queue", node: "old-queue" },
      { ref: "disk-1", kind: "disk" },
      { ref: "disk-2", kind: "disk", owned: false },
    );
    const { run } = await open();
    expect(refs((await listOwned(run)).things)).toEqual(["queue-1", "disk-1"]);
    expect(refs((await listOwned(run, [DISK])).things)).toEqual(["disk-1"]);
  });

  it("names a kind that it may not look at, and finds all others", async () => {
    place({ ref: "queue-1", kind: "queue" }, { ref: "disk-1", kind: "disk" });
    const { run } = await open();
    cloud.before = deniedDisks;
    const { things, unseen } = await listOwned(run);
    expect(refs(things)).toEqual(["queue-1"]);
    expect(unseen).toEqual([{ kind: "disk", words: "not authorized to list disks", byName: false }]);
  });

  it("answers what is known by name when only the list of the rest is refused", async () => {
    place({ ref: "disk-1", kind: "disk" });
    const disks: Kind = {
      ...DISK,
      find(context) {
        context.unlisted?.(new ToyError("refused", "not authorized to list disks"));
        return DISK.find(context);
      },
    };
    const { run } = await open({}, [disks]);
    const { things, unseen } = await listOwned(run);
    expect(refs(things)).toEqual(["disk-1"]);
    expect(unseen).toEqual([{ kind: "disk", words: "not authorized to list disks", byName: true }]);
  });

  it("fails when a kind cannot be asked for any other reason, rather than say that nothing is left", async () => {
    const { run } = await open();
    cloud.before = (call) => {
      if (call === "find disk") throw new ToyError("refused", "no such region");
    };
    await expect(listOwned(run)).rejects.toThrow("no such region");
  });
});

describe("what was being made when the last run stopped", () => {
  const { ref: _ref, ...intent } = record("disk", { phase: "creating" });

  it("is waited for, and found when it shows up", async () => {
    place({ ref: "disk-1", kind: "disk", token: "token-x", visibleAt: cloud.clock.now() + 60 * SECOND });
    const { run, events } = await open({ disk: intent });
    expect(refs(await waitUnaccounted(run, []))).toEqual(["disk-1"]);
    expect(events).toMatchObject([{ type: "note", node: "disk" }]);
  });

  it("is given up after the grace when it never shows up", async () => {
    const { run } = await open({ disk: intent });
    const startedAt = cloud.clock.now();
    expect(await waitUnaccounted(run, [])).toEqual([]);
    expect(cloud.clock.now() - startedAt).toBe(120 * SECOND);
  });

  it("is waited for although it was ready, because a list may lag", async () => {
    place({ ref: "queue-1", kind: "queue", visibleAt: cloud.clock.now() + 30 * SECOND });
    const { run } = await open({ queue: record("queue", { ref: "queue-1" }) });
    expect(refs(await waitUnaccounted(run, (await listOwned(run)).things))).toEqual(["queue-1"]);
  });

  it("is not waited for when it was seen already, or when it was being removed", async () => {
    place({ ref: "disk-1", kind: "disk", token: "token-x" });
    const { run } = await open({ disk: intent, queue: record("queue", { phase: "destroying" }) });
    const startedAt = cloud.clock.now();
    expect(await waitUnaccounted(run, (await listOwned(run)).things)).toEqual([]);
    expect(cloud.clock.now()).toBe(startedAt);
  });

  it("is not looked for among kinds that leave nothing behind, or that are not known any more", async () => {
    const { destroy: _destroy, ...lasting } = kind("role");
    const { ref: _known, ...role } = record("role", { phase: "creating" });
    const { run } = await open({ role, gone: { ...intent, kind: "gone" } }, [lasting]);
    expect(await waitUnaccounted(run, [])).toEqual([]);
    expect(cloud.calls).toEqual([]);
  });
});

describe("removing", () => {
  it("goes by the fixed order of kinds where no edge is known", async () => {
    place({ ref: "group-1", kind: "group" }, { ref: "disk-1", kind: "disk" }, { ref: "queue-1", kind: "queue" });
    const { run } = await open();
    expect(await removeAll(run, (await listOwned(run)).things)).toEqual([]);
    expect(destroyed()).toEqual(["destroy queue", "destroy disk", "destroy group"]);
    expect(cloud.live).toEqual([]);
  });

  it("waits until what leans on a thing is gone, not only asked to go", async () => {
    place({ ref: "group-1", kind: "group" }, { ref: "disk-1", kind: "disk" });
    const { run } = await open();
    const startedAt = cloud.clock.now();
    const at = new Map<string, number>();
    cloud.before = (call) => void at.set(call, cloud.clock.now() - startedAt);
    await removeAll(run, (await listOwned(run)).things);
    expect(at.get("destroy disk")).toBe(0);
    expect(at.get("destroy group")).toBe(60 * SECOND);
  });

  it("goes by the manifest's edges where both are known, and side by side where there is none", async () => {
    place({ ref: "queue-1", kind: "queue" }, { ref: "disk-1", kind: "disk" }, { ref: "group-1", kind: "group" });
    const { run } = await open({
      ...{ disk: record("disk"), queue: record("queue") },
      group: record("group", { needs: ["queue"] }),
    });
    const startedAt = cloud.clock.now();
    const at = new Map<string, number>();
    cloud.before = (call) => void at.set(call, cloud.clock.now() - startedAt);
    await removeAll(run, (await listOwned(run)).things);
    expect(at.get("destroy disk")).toBe(0);
    expect(at.get("destroy group")).toBe(0);
    expect(destroyed().indexOf("destroy queue")).toBeGreaterThan(destroyed().indexOf("destroy group"));
    expect(cloud.clock.now() - startedAt).toBe(60 * SECOND);
  });

  it("takes the generations of one node one after the other", async () => {
    place({ ref: "disk-1", kind: "disk" }, { ref: "disk-2", kind: "disk" });
    const { run } = await open();
    const startedAt = cloud.clock.now();
    await removeAll(run, (await listOwned(run)).things);
    expect(cloud.clock.now() - startedAt).toBe(120 * SECOND);
  });

  it("tells each state that it sees on the way, and what did not go", async () => {
    place({ ref: "disk-1", kind: "disk" }, { ref: "group-1", kind: "group" });
    const { run, events } = await open();
    cloud.before = (call) => {
      if (call === "destroy group") throw new ToyError("refused", "it is locked");
    };
    await removeAll(run, (await listOwned(run)).things);
    expect(events.filter(({ type }) => type === "seen")).toMatchObject([{ node: "disk", state: "deleting" }]);
    expect(events.filter(({ type }) => type === "failed")).toMatchObject([
      { node: "group", error: { message: "removing group (group): it is locked" } },
    ]);
  });

  describe("what others make again under its name", () => {
    const LOGS = kind("logs", { comesBack: true });

    /** They write once more when it is gone; somebody else's stands there all the time. */
    async function removed(isSeen = true) {
      place({ ref: "logs-1", kind: "logs" }, { ref: "logs-7", kind: "logs", owned: false });
      const { run } = await open({}, [LOGS]);
      const { things } = await listOwned(run);
      await removeAll(run, things);
      place({ ref: "logs-1", kind: "logs", owned: false });
      cloud.before = (call) => {
        if (call === "find logs" && !isSeen) throw new ToyError("refused", "not authorized to look");
      };
      return refs(await cameBack(run, things));
    }

    it("is seen, and nothing else", async () => {
      expect(await removed()).toEqual(["logs-1"]);
    });

    it("is not told of where one may not look", async () => {
      expect(await removed(false)).toEqual([]);
    });

    it("is not passed over where the cloud fails", async () => {
      const { run } = await open({}, [LOGS]);
      place({ ref: "logs-1", kind: "logs" });
      const { things } = await listOwned(run);
      cloud.before = () => {
        throw new ToyError("refused", "the cloud is closed");
      };
      await expect(cameBack(run, things)).rejects.toThrow("closed");
    });
  });

  it("forgets a thing's record when it is gone, and says so", async () => {
    place({ ref: "disk-1", kind: "disk", token: "token-x" });
    const { run, manifest, events } = await open({ disk: record("disk") });
    await removeAll(run, (await listOwned(run)).things);
    expect(manifest.records).toEqual([]);
    expect(events.filter(({ type }) => type === "started" || type === "finished")).toMatchObject([
      { type: "started", node: "disk", doing: "removing" },
      { type: "finished", node: "disk", outcome: "removed", ref: "disk-1", ms: 60 * SECOND },
    ]);
  });

  it("leaves the record alone when only an older generation goes", async () => {
    place({ ref: "disk-0", kind: "disk" }, { ref: "disk-1", kind: "disk" });
    const { run, manifest } = await open({ disk: record("disk") });
    const things = (await listOwned(run)).things;
    await removeAll(
      run,
      things.filter(({ found }) => found.ref === "disk-0"),
    );
    expect(refs((await listOwned(run)).things)).toEqual(["disk-1"]);
    expect(manifest.get("disk")).toEqual(record("disk"));
  });

  it("has written down that it goes before it goes", async () => {
    place({ ref: "queue-1", kind: "queue" });
    const { run, manifest } = await open({ queue: record("queue") });
    let phase: string | undefined;
    cloud.before = (call) => {
      if (call === "destroy queue") phase = manifest.get("queue")?.phase;
    };
    await removeAll(run, (await listOwned(run)).things);
    expect(phase).toBe("destroying");
  });

  it("tries on while the cloud says that a thing is in use", async () => {
    place({ ref: "group-1", kind: "group" });
    const { run } = await open();
    let times = 0;
    cloud.before = (call) => {
      if (call === "destroy group" && times++ < 40) throw new ToyError("busy", "has a dependent object");
    };
    expect(await removeAll(run, (await listOwned(run)).things)).toEqual([]);
    expect(cloud.live).toEqual([]);
  });

  it("holds up only what depends on a thing that does not go, and answers every failure", async () => {
    place({ ref: "queue-1", kind: "queue" }, { ref: "disk-1", kind: "disk" }, { ref: "group-1", kind: "group" });
    const { run, events } = await open({
      ...{ queue: record("queue"), disk: record("disk") },
      group: record("group", { needs: [] }),
    });
    await run.manifest.put("disk", record("disk", { needs: ["group"] }));
    cloud.before = (call) => {
      if (call === "destroy disk") throw new ToyError("refused", "a task is running");
    };
    const failures = await removeAll(run, (await listOwned(run)).things);
    expect(failures).toMatchObject([
      { message: "removing disk (disk): a task is running", node: "disk", ref: "disk-1" },
    ]);
    expect(failures[0]).toBeInstanceOf(StepError);
    expect(events.filter(({ type }) => type === "blocked")).toMatchObject([{ node: "group" }]);
    expect(refs((await listOwned(run)).things)).toEqual(["disk-1", "group-1"]);
    expect(destroyed()).toEqual(["destroy queue", "destroy disk"]);
  });

  it("stops at Ctrl-C with a word about what is still there", async () => {
    place({ ref: "disk-1", kind: "disk" });
    const { run, stop, events } = await open();
    cloud.after = (call) => {
      if (call === "destroy disk") stop.abort();
    };
    await expect(removeAll(run, (await listOwned(run)).things)).rejects.toThrow("stopped");
    expect(events.at(-1)).toMatchObject({ type: "interrupted", node: "disk", detail: "disk-1 is still there" });
  });
});

describe("a thing in a list", () => {
  it("is called by its node, and by its ref too where the node has several", async () => {
    place({ ref: "disk-1", kind: "disk" }, { ref: "disk-2", kind: "disk" }, { ref: "queue-1", kind: "queue" });
    const { run } = await open();
    const things = (await listOwned(run)).things;
    expect(things.map((thing) => label(things, thing))).toEqual(["queue", "disk disk-1", "disk disk-2"]);
  });
});

it("keeps the manifest as long as anything is left", async () => {
  const { engine, manifest, store } = await open({ disk: record("disk") });
  place({ ref: "disk-1", kind: "disk" });
  cloud.before = (call) => {
    if (call === "destroy disk") throw new ToyError("refused", "a task still runs on it");
  };
  const { left, failures } = await engine.down((await engine.everything()).things);
  expect([left.length, failures.length]).toEqual([1, 1]);
  expect(manifest.get("disk")).toMatchObject({ ref: "disk-1" });
  expect(store.text).toContain('"disk-1"');
});
