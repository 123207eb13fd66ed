import { beforeAll, describe, expect, it } from "vitest";
import { RefusedError } from "../../src/engine/errors.ts";
import type { ManifestFile, StepRecord } from "../../src/engine/manifest/manifest.ts";
import { CHANGED, FIRST, makes, OVERSLEEP, REGION, straight, theFirst, up } from "./commands.ts";
import { deskAt, type Moment } from "./desk.ts";
import { Laptop } from "./laptop.ts";
import { differences, type Standing, standing } from "./world.ts";

/** An environment that stands, and what its manifest and its world then are. */
let stood: Moment;
let first: readonly Standing[];

beforeAll(async () => {
  const { moment, stands } = await theFirst();
  stood = moment;
  first = stands;
});

const whole = () => JSON.parse(stood.manifest!) as ManifestFile;

/** The manifest with a few members changed by hand. */
function edited(edit: (file: Record<string, unknown> & { steps: Record<string, StepRecord> }) => void): string {
  const file = JSON.parse(stood.manifest!);
  edit(file);
  return JSON.stringify(file);
}

/** Nothing is asked of AWS but who we are, nothing is written, and the words say what to do. */
async function expectRefused(manifest: string, message: RegExp, hint: RegExp): Promise<void> {
  for (const verb of ["up", "bake", "teardown"] as const) {
    const desk = deskAt({ ...stood, manifest });
    const error = await desk.site[verb]().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error, verb).toBeInstanceOf(RefusedError);
    expect((error as RefusedError).message).toMatch(message);
    expect((error as RefusedError).hint).toMatch(hint);
    expect(desk.site.lab.calls.filter(({ kind }) => kind === "write")).toEqual([]);
    expect(desk.freeze().manifest).toBe(manifest);
  }
}

/** `up` makes nothing a second time, and in the end all is as if nothing had happened. */
async function expectRebuilt(moment: Moment, yaml = FIRST, should = first) {
  const desk = deskAt(moment, { oversleep: OVERSLEEP });
  const { summary, writes } = await desk.site.up(yaml);
  expect(summary?.failures ?? []).toEqual([]);
  expect(summary?.left ?? []).toEqual([]);
  expect(differences(desk.freeze(), should, REGION)).toEqual([]);
  expect((await desk.site.up(yaml)).plan.idle).toBe(true);
  return { writes, moment: desk.freeze() };
}

const CUT = /is not a whole manifest|is not a manifest/;
const RESCUE = /cp memory\.json\.backup memory\.json.*or remove memory\.json and run again/;

describe("a manifest that cannot be read is refused, and the backup is named", () => {
  it("cut off anywhere: at nothing, in the head, after each record, in the middle of one, before the last bracket", async () => {
    const text = stood.manifest!;
    const ends = [...text.matchAll(/\n {4}\},?\n/g)].map(({ index }) => index);
    expect(ends.length).toBeGreaterThan(10);
    const cuts = [0, 1, 2, 40, ...ends, ...ends.map((end) => end - 20), text.trimEnd().length - 1];
    for (const cut of cuts) await expectRefused(text.slice(0, cut), CUT, RESCUE);
  });

  it.each([
    ["only white space", "\n\n"],
    ["zeros, as a file system leaves them after a power cut", "\0".repeat(4096)],
    ["a list", "[]"],
    ["null", "null"],
    ["another program's JSON", '{"version":3,"resources":[]}'],
    ["two halves of two writes", '{"version":1,"serial":3}{"version":1'],
  ])("%s", async (_name, text) => {
    const newer = text.includes('"version":3');
    await expectRefused(text, newer ? /newer/ : CUT, newer ? /update/ : RESCUE);
  });

  it.each([
    [
      "a record without a token",
      edit((steps) => Reflect.deleteProperty(steps.filesystem!, "token")),
      /filesystem.*token/,
    ],
    ["a phase that does not exist", edit((steps) => Object.assign(steps.ami!, { phase: "done" })), /ami.*phase/],
    ["a record that is a text", edit((steps) => Object.assign(steps, { ami: "ami-1" })), /ami/],
    ["no pins", (file: object) => Reflect.deleteProperty(file, "pins"), /pins/],
    ["no version", (file: object) => Reflect.deleteProperty(file, "version"), /version/],
    ["a version that is a text", (file: object) => Object.assign(file, { version: "1" }), /version/],
    ["a serial below zero", (file: object) => Object.assign(file, { serial: -1 }), /serial/],
  ])("edited by hand: %s", async (_name, change, where) => {
    await expectRefused(edited(change), where, RESCUE);
  });

  function edit(change: (steps: Record<string, StepRecord>) => void) {
    return ({ steps }: { steps: Record<string, StepRecord> }) => change(steps);
  }
});

describe("a manifest of something else is refused", () => {
  it.each([
    [
      "account",
      "999999999999",
      /belongs to account 999999999999, and this run is for account 123456789012/,
      /AWS_PROFILE/,
    ],
    ["region", "eu-west-1", /belongs to region eu-west-1, and this run is for region us-east-1/, /another folder/],
    ["name", "other", /belongs to name other, and this run is for name demux/, /another folder/],
    ["version", 2, /newer bootstrap \(manifest version 2\)/, /update bootstrap/],
  ])("another %s", async (key, value, message, hint) => {
    await expectRefused(
      edited((file) => Object.assign(file, { [key]: value })),
      message,
      hint,
    );
  });
});

describe("a manifest that is lost is rebuilt from tags", () => {
  it("and nothing is made, also with the backup or the half of a next one left over", async () => {
    for (const backup of [undefined, stood.backup]) {
      const { writes } = await expectRebuilt({ ...stood, manifest: undefined, backup });
      expect(writes).toEqual([]);
    }
  });

  it("after a config change that was not yet made: only the change is made", async () => {
    const { stands } = await straight(stood, [up(CHANGED)]);
    const { stands: same, moment } = await straight({ ...stood, manifest: undefined }, [up(CHANGED)]);
    expect(differences(moment, stands, REGION)).toEqual([]);
    expect(same).toHaveLength(stands.length);
  });

  it("for teardown too, which leaves nothing", async () => {
    const desk = deskAt({ ...stood, manifest: undefined });
    expect(await desk.site.teardown()).toMatchObject({ left: [], failures: [] });
    expect(standing(desk.freeze().world, REGION)).toEqual([]);
  });
});

describe("a manifest that says less or other than what stands is put right, and nothing is made twice", () => {
  const nodes = () => Object.keys(whole().steps).filter((node) => !/provision|image-build$/.test(node));

  it("with any one record missing", async () => {
    for (const node of nodes()) {
      const manifest = edited(({ steps }) => Reflect.deleteProperty(steps, node));
      const { writes } = await expectRebuilt({ ...stood, manifest });
      expect(makes(writes), node).toEqual([]);
    }
  });

  it("with any one ref of another thing", async () => {
    for (const node of nodes()) {
      const manifest = edited(({ steps }) => Object.assign(steps[node]!, { ref: "no-such-thing" }));
      const { writes } = await expectRebuilt({ ...stood, manifest });
      expect(makes(writes), node).toEqual([]);
    }
  });

  it("with any one fingerprint of other inputs", async () => {
    for (const node of nodes()) {
      const manifest = edited(({ steps }) => Object.assign(steps[node]!, { fingerprint: "0123456789abcdef" }));
      const { writes } = await expectRebuilt({ ...stood, manifest });
      expect(makes(writes), node).toEqual([]);
    }
  });

  it.each(["creating", "updating", "destroying"] as const)("with any one phase flipped to %s", async (phase) => {
    for (const node of nodes()) {
      const manifest = edited(({ steps }) => Object.assign(steps[node]!, { phase }));
      const { writes } = await expectRebuilt({ ...stood, manifest });
      expect(makes(writes), node).toEqual([]);
    }
  });

  it.each(["creating", "updating", "destroying"] as const)("with all phases flipped to %s", async (phase) => {
    const manifest = edited(({ steps }) => {
      for (const record of Object.values(steps)) Object.assign(record, { phase });
    });
    const { writes } = await expectRebuilt({ ...stood, manifest });
    expect(makes(writes)).toEqual([]);
  });

  it("with all records gone, and only the pins left", async () => {
    const { writes } = await expectRebuilt({
      ...stood,
      manifest: edited((file) => Object.assign(file, { steps: {} })),
    });
    expect(makes(writes)).toEqual([]);
  });

  it("with all pins gone", async () => {
    const { writes } = await expectRebuilt({ ...stood, manifest: edited((file) => Object.assign(file, { pins: {} })) });
    expect(makes(writes)).toEqual([]);
  });

  it("with a record of a kind and a node that nobody knows", async () => {
    const manifest = edited(({ steps }) =>
      Object.assign(steps, { mystery: { ...steps.ami, kind: "mystery", ref: "mystery-1" } }),
    );
    const desk = deskAt({ ...stood, manifest });
    const { summary } = await desk.site.up();
    expect(summary?.failures ?? []).toEqual([]);
    expect(standing(desk.freeze().world, REGION)).toEqual(standing(stood.world, REGION));
    expect(await desk.site.teardown()).toMatchObject({ left: [], failures: [] });
  });
});

describe("an older copy of the manifest that was put back", () => {
  it("from any moment of the first up converges, with nothing doubled", async () => {
    const desk = deskAt(undefined);
    const older: string[] = [];
    const { write } = desk.site.store;
    desk.site.store.write = async (text) => {
      older.push(text);
      await write.call(desk.site.store, text);
    };
    await desk.site.up();
    const end = desk.freeze();
    expect(older.length).toBeGreaterThan(30);
    for (const manifest of older) {
      const { writes } = await expectRebuilt({ ...end, manifest });
      expect(makes(writes)).toEqual([]);
    }
  });

  it("from before a change, which stands already: nothing is made again", async () => {
    const { moment, stands } = await straight(stood, [up(CHANGED)]);
    const { writes } = await expectRebuilt({ ...moment, manifest: stood.manifest }, CHANGED, stands);
    expect(makes(writes)).toEqual([]);
  });

  it("from before a teardown: all is made anew, once, and the old is not waited for in vain", async () => {
    const desk = deskAt(stood);
    await desk.site.teardown();
    await expectRebuilt({ ...desk.freeze(), manifest: stood.manifest });
  });
});

describe("through the CLI", () => {
  it("a manifest cut in half is refused with 3, and after what the hint says the same command goes on", async () => {
    const laptop = new Laptop();
    expect((await laptop.run("up")).exitCode).toBe(0);
    const path = laptop.own("json");
    const text = laptop.read(path)!;
    laptop.write(path, text.slice(0, text.length / 2));
    for (const verb of ["up", "status", "teardown"]) {
      const { exitCode, all } = await laptop.start(verb);
      expect([exitCode, all]).toEqual([3, expect.stringContaining(`cp ${path}.backup ${path}`)]);
    }
    laptop.write(path, laptop.read(`${path}.backup`)!);
    laptop.write(`${path}.next`, text.slice(0, 100));
    const { exitCode, all } = await laptop.run("up");
    expect(exitCode, all).toBe(0);
    expect(differences(laptop.left(), first, REGION)).toEqual([]);
  });
});
