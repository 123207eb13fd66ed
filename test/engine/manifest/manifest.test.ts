import { describe, expect, it } from "vitest";
import { RefusedError } from "../../../src/engine/errors.ts";
import { Manifest, ManifestError, type Store } from "../../../src/engine/manifest/manifest.ts";
import { memoryStore } from "../toy-cloud.ts";

const LAB = { name: "lab", account: "111122223333", region: "us-east-1" } as const;

function record(token: string) {
  return {
    ...{ kind: "disk", needs: ["group"], phase: "creating" as const, inputs: { size: 1 }, fingerprint: "f", token },
    at: "2026-11-21T00:00:00.000Z",
  };
}

/** The error of opening this text. */
async function refusal(text: string): Promise<RefusedError> {
  const error = await Manifest.open(memoryStore(text), LAB).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RefusedError);
  return error as RefusedError;
}

const stored = (over: object = {}) =>
  JSON.stringify({ version: 1, serial: 3, ...LAB, pins: { vpc: "vpc-1" }, steps: { disk: record("t") }, ...over });

describe("a manifest", () => {
  it("is fresh and empty where none was, and opening it writes nothing", async () => {
    const store = memoryStore();
    const manifest = await Manifest.open(store, LAB);
    expect([manifest.fresh, manifest.records, manifest.pins]).toEqual([true, [], {}]);
    expect(store.writes).toEqual([]);
  });

  it("remembers records and pins from one run to the next", async () => {
    const store = memoryStore();
    const first = await Manifest.open(store, LAB);
    await first.pin({ vpc: "vpc-1" });
    await first.put("disk", record("one"));
    await first.put("queue", record("two"));
    await first.drop("queue");

    const second = await Manifest.open(store, LAB);
    expect(second.fresh).toBe(false);
    expect(second.records).toEqual([["disk", record("one")]]);
    expect(second.get("queue")).toBeUndefined();
    expect(second.pins).toEqual({ vpc: "vpc-1" });
  });

  it("has the record, and the pins that go with it, in one and the same write", async () => {
    const store = memoryStore(stored());
    const manifest = await Manifest.open(store, LAB);
    await manifest.put("ami", record("t"), { baseImage: "ami-2" });
    expect(store.writes.length).toBe(1);
    expect(JSON.parse(store.writes[0]!)).toMatchObject({
      pins: { vpc: "vpc-1", baseImage: "ami-2" },
      steps: { disk: { kind: "disk" }, ami: { kind: "disk" } },
    });
  });

  it("is on disk when a put resolves, and not before", async () => {
    const store = memoryStore();
    let arrived = () => {};
    const slow: Store = {
      ...store,
      write: (text) => new Promise<void>((resolve) => (arrived = resolve)).then(() => store.write(text)),
    };
    const manifest = await Manifest.open(slow, LAB);
    let resolved = false;
    const put = manifest.put("disk", record("t")).then(() => (resolved = true));
    await new Promise(setImmediate);
    expect([resolved, store.writes.length]).toEqual([false, 0]);
    arrived();
    await put;
    expect(store.writes.length).toBe(1);
  });

  it("is written one state at a time, in the order asked for, with a serial that only grows", async () => {
    const store = memoryStore(stored());
    let writing = 0;
    const careful: Store = {
      ...store,
      read: () => store.read(),
      async write(text) {
        expect(++writing).toBe(1);
        await new Promise(setImmediate);
        await store.write(text);
        writing -= 1;
      },
    };
    const manifest = await Manifest.open(careful, LAB);
    await Promise.all([manifest.put("a", record("1")), manifest.put("b", record("2")), manifest.drop("disk")]);
    const files = store.writes.map((text) => JSON.parse(text) as { serial: number; steps: object });
    expect(files.map(({ serial }) => serial)).toEqual([4, 5, 6]);
    expect(files.map(({ steps }) => Object.keys(steps))).toEqual([
      ["disk", "a"],
      ["disk", "a", "b"],
      ["a", "b"],
    ]);
  });

  it("goes on after a write that failed, and only the one who asked for it is told", async () => {
    const store = memoryStore();
    let full = true;
    const flaky: Store = {
      ...store,
      async write(text) {
        if (full) throw new ManifestError("memory.json", new Error("no space left"));
        await store.write(text);
      },
    };
    const manifest = await Manifest.open(flaky, LAB);
    await expect(manifest.put("a", record("1"))).rejects.toThrow("no space left");
    full = false;
    await manifest.put("b", record("2"));
    expect(Object.keys((JSON.parse(store.text!) as { steps: object }).steps)).toEqual(["a", "b"]);
  });

  it("ends after everything that was still to be written", async () => {
    const store = memoryStore();
    const manifest = await Manifest.open(store, LAB);
    const put = manifest.put("disk", record("t"));
    await Promise.all([put, manifest.remove()]);
    expect([store.writes.length, store.text]).toEqual([1, undefined]);
  });
});

describe("a manifest that is refused", () => {
  it("was written by a newer version", async () => {
    const { message, hint } = await refusal(JSON.stringify({ version: 2, somethingElse: true }));
    expect(message).toContain("newer bootstrap (manifest version 2)");
    expect(hint).toBe("update bootstrap");
  });

  it.each(["name", "account", "region"] as const)("belongs to another %s", async (key) => {
    const { message, hint } = await refusal(stored({ [key]: "another" }));
    expect(message).toContain(`belongs to ${key} another, and this run is for ${key} ${LAB[key]}`);
    expect(hint).toContain("another folder");
  });

  it("is of another account, which other credentials may be meant for", async () => {
    expect((await refusal(stored({ account: "999900001111" }))).hint).toContain("AWS_PROFILE");
  });

  it.each([
    ["cut in half", stored().slice(0, 100)],
    ["empty", ""],
  ])("is %s, and the hint names the backup and tells that nothing is lost", async (_what, text) => {
    const { message, hint } = await refusal(text);
    expect(message).toContain("not a whole manifest");
    expect(hint).toContain("cp memory.json.backup memory.json");
    expect(hint).toContain("found by its tags");
  });

  it.each([
    ["no object", "[]", "the file"],
    ["of no version", stored({ version: undefined }), "version"],
    [
      "with a record of an unknown phase",
      stored({ steps: { disk: { ...record("t"), phase: "x" } } }),
      "steps.disk.phase",
    ],
    ["with a pin that is no text", stored({ pins: { vpc: 1 } }), "pins.vpc"],
    ["with a serial that cannot be", stored({ serial: -1 }), "serial"],
  ])("is %s, and the message says where", async (_what, text, where) => {
    const { message, hint } = await refusal(text);
    expect(message).toContain("is not a manifest: ");
    expect(message).toContain(where);
    expect(hint).toContain("memory.json.backup");
  });
});
