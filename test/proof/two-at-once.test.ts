import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { execa } from "execa";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { startSandbox } from "../../sandbox/start.ts";
import { bornAt } from "../../src/cli/pid.ts";
import type { Site } from "../environment/site.ts";
import { almostTheFirst, CHANGED, FIRST, makes, OVERSLEEP, REGION, theFirst } from "./commands.ts";
import { deskAt, type Moment, pointsOf } from "./desk.ts";
import { Laptop, listen, SPEED } from "./laptop.ts";
import { differences, standing } from "./world.ts";

/** A run that is still at work: the answer to the making of its file system does not come. */
async function atWork(laptop: Laptop) {
  laptop.script([{ operation: "CreateFileSystem", slowMs: 30 * 86_400_000 }]);
  const run = laptop.start("up");
  await listen(run)(/filesystem +creating/);
  return { run };
}

/** Leaves a lock behind as that process would. */
function lockOf(
  laptop: Laptop,
  owner: { readonly pid: number; readonly host?: string; readonly born?: string | undefined },
) {
  const since = "2026-11-21T07:00:00.000Z";
  laptop.place("lock", JSON.stringify({ host: hostname(), since, verb: "up", ...owner }));
}

describe("a second run in the same folder", () => {
  it("is refused with who holds the lock, whatever it wants to change; looking is always allowed", async () => {
    const laptop = new Laptop({ begin: await almostTheFirst() });
    const { run } = await atWork(laptop);
    const verbs = [["up"], ["up", "--take-over-lock"], ["bake-ami"], ["teardown", "--yes", "--discard-data"]] as const;
    const looks = [["status"], ["up", "--dry-run"], ["teardown", "--dry-run"]] as const;
    for (const [verb, ...flags] of verbs) {
      const { exitCode, all } = await laptop.start(verb, flags);
      expect(exitCode, all).toBe(3);
      expect(all).toContain(`another run holds ${laptop.own("lock")}: up, pid ${run.pid} on ${hostname()}, since 20`);
      expect(all).toContain(`kill ${run.pid}`);
    }
    for (const [verb, ...flags] of looks) {
      const { exitCode, all } = await laptop.start(verb, flags);
      expect(exitCode, `${verb}: ${all}`).toBe(0);
      expect(all).not.toContain("another run holds");
    }
    expect(run.exitCode, "the first one is still at work").toBeNull();
    run.kill("SIGKILL");
    await run;
  });

  it("takes over from a dead one on this host, with a note, and both together make one environment", async () => {
    const laptop = new Laptop({ begin: await almostTheFirst() });
    const { run } = await atWork(laptop);
    run.kill("SIGKILL");
    await run;
    laptop.script([]);
    const { exitCode, all } = await laptop.run("up");
    expect(exitCode, all).toBe(0);
    expect(all).toContain(`taking over the lock of up, pid ${run.pid} on ${hostname()}, which is gone`);
    const { stands } = await theFirst();
    expect(differences(laptop.left(), stands, REGION)).toEqual([]);
  });
});

const OWN_PROCESSES = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const mayUnshare = spawnSync("unshare", [...OWN_PROCESSES, "true"]).status === 0;
if (!mayUnshare) console.warn("SKIPPED: two containers in one folder: unshare --pid is not permitted here");

describe.skipIf(!mayUnshare)("two containers that share a folder and a host's name", () => {
  /** Its number is 1 in its own container, and the others cannot be seen. */
  const contained = (laptop: Laptop, verb: string, ...flags: string[]) => {
    const run = execa("unshare", [...OWN_PROCESSES, process.execPath, ...laptop.words(verb, ...flags)], {
      ...laptop.surroundings,
      stdin: "ignore",
    });
    onTestFinished(async () => {
      run.kill("SIGKILL");
      await run;
    });
    return run;
  };

  it("the second is refused while the first is at work, and takes over only when told to", async () => {
    const laptop = new Laptop();
    laptop.script([{ operation: "CreateFileSystem", slowMs: 30 * 86_400_000 }]);
    const first = contained(laptop, "up");
    await listen(first)(/filesystem +creating/);
    for (const [verb, ...flags] of [["up"], ["teardown", "--yes", "--discard-data"]] as const) {
      const { exitCode, all } = await contained(laptop, verb, ...flags);
      expect(exitCode, all).toBe(3);
      expect(all).toContain(`up, pid 1 on ${hostname()} in another container, since 20`);
      expect(all).toMatch(/if that container is surely not at work: bootstrap \S+ --sandbox .*--take-over-lock/);
    }
    expect(first.exitCode, "the first one is still at work").toBeNull();
    first.kill("SIGKILL");
    await first;
    laptop.script([]);
    const { exitCode, all } = await contained(laptop, "teardown", "--yes", "--discard-data", "--take-over-lock");
    expect(exitCode, all).toBe(0);
    expect(standing(laptop.left().world, REGION)).toEqual([]);
  });
});

describe("a lock that was left behind", () => {
  const teardown = (laptop: Laptop, ...flags: string[]) => laptop.start("teardown", ["--yes", ...flags]);

  it("by another host is given up only when told to, as the refusal says", async () => {
    const laptop = new Laptop();
    lockOf(laptop, { pid: 1, host: "bench-2" });
    const refused = await teardown(laptop);
    expect(refused.exitCode, refused.all).toBe(3);
    expect(refused.all).toContain("up, pid 1 on bench-2, since 2026-11-21T07:00:00.000Z");
    expect(refused.all).toMatch(/bench-2 is surely not at work: bootstrap teardown --sandbox .*--take-over-lock/);
    const { exitCode, all } = await teardown(laptop, "--take-over-lock");
    expect(exitCode, all).toBe(0);
    expect(all).toContain("taking over the lock of up, pid 1 on bench-2, which was given up");
    expect(laptop.read(laptop.own("lock"))).toBeUndefined();
  });

  it("by a process whose number another one has by now is taken over", async () => {
    const laptop = new Laptop();
    lockOf(laptop, { pid: process.pid, born: "another boot 4711" });
    const { exitCode, all } = await teardown(laptop);
    expect(exitCode, all).toBe(0);
    expect(all).toContain(`pid ${process.pid} on ${hostname()}, which is gone`);
  });

  it.each([
    ["with its birth", { pid: process.pid, born: bornAt(process.pid) }],
    ["without, as an older bootstrap wrote it", { pid: process.pid }],
  ])("by a process that lives is not, %s", async (_name, owner) => {
    const laptop = new Laptop();
    lockOf(laptop, owner);
    const { exitCode, all } = await teardown(laptop, "--take-over-lock");
    expect(exitCode, all).toBe(3);
    expect(laptop.read(laptop.own("lock"))).toContain(`"pid":${process.pid}`);
  });

  it("as half a file is refused with the way out", async () => {
    const laptop = new Laptop();
    laptop.place("lock", '{"pid":');
    const { exitCode, all } = await teardown(laptop);
    expect([exitCode, all]).toEqual([3, expect.stringContaining(`rm ${laptop.own("lock")}`)]);
  });
});

/** What one laptop remembers. */
interface Folder {
  manifest: string | undefined;
  backup: string | undefined;
}

const folder = (): Folder => ({ manifest: undefined, backup: undefined });

/** The one cloud that all laptops see. */
let cloud: Pick<Moment, "world" | "now">;

beforeEach(() => {
  cloud = deskAt(undefined).freeze();
});

/** What somebody does with that laptop; the cloud and its disk are then as it left them. */
async function on<T>(laptop: Folder, doing: (site: Site) => Promise<T>, region = REGION): Promise<T> {
  const desk = deskAt({ ...laptop, ...cloud }, { region, oversleep: OVERSLEEP });
  const done = await doing(desk.site);
  const { world, now, manifest, backup } = desk.freeze();
  cloud = { world, now };
  Object.assign(laptop, { manifest, backup });
  return done;
}

async function wellUp(site: Site, yaml = FIRST) {
  const { summary, writes, plan } = await site.up(yaml);
  expect(summary?.failures ?? []).toEqual([]);
  expect(summary?.left ?? []).toEqual([]);
  return { makes: makes(writes), writes, idle: plan.idle };
}

async function wellDown(site: Site, yaml = FIRST) {
  expect(await site.teardown(yaml)).toMatchObject({ left: [], failures: [] });
}

describe("two laptops that share no manifest", () => {
  it("one after the other: what one made, the other finds; what one removed, the other makes once", async () => {
    const { stands } = await theFirst();
    const [a, b] = [folder(), folder()];
    await on(a, wellUp);
    expect((await on(b, wellUp)).writes).toEqual([]);
    expect((await on(a, wellUp)).idle).toBe(true);

    await on(b, wellDown);
    expect(standing(cloud.world, REGION)).toEqual([]);
    await on(a, wellUp);
    expect(differences({ ...cloud, ...a }, stands, REGION)).toEqual([]);
    await on(b, wellUp);
    await on(a, wellDown);
    await on(b, wellDown);
    expect(standing(cloud.world, REGION)).toEqual([]);
  });

  it("one changes what the other made; the other, whose manifest is old, agrees, or changes it back", async () => {
    const { stands } = await theFirst();
    const [a, b] = [folder(), folder()];
    await on(a, wellUp);
    await on(b, (site) => wellUp(site, CHANGED));
    expect((await on(a, (site) => wellUp(site, CHANGED))).makes).toEqual([]);
    await on(b, wellUp);
    await on(a, wellUp);
    expect(differences({ ...cloud, ...a }, stands, REGION)).toEqual([]);
    await on(b, wellDown);
    expect(standing(cloud.world, REGION)).toEqual([]);
  });

  it("one dies in the middle, the other goes on, the first comes back with its old manifest: one of each, and then nothing", async () => {
    const { stands } = await theFirst();
    const { points } = await pointsOf(undefined, {}, (site) => site.up());
    const EVERY = 12;
    const wrong: string[] = [];
    for (const { where, moment } of points.filter((_point, at) => at % EVERY === 0)) {
      cloud = moment;
      const [a, b] = [{ manifest: moment.manifest, backup: moment.backup }, folder()];
      const step = (what: string, check: () => readonly string[]) => {
        const found = check();
        if (found.length > 0) wrong.push(`A dies ${where}, ${what}: ${found.join("; ")}`);
      };
      await on(b, wellUp);
      step("B up", () => differences({ ...cloud, ...b }, stands, REGION));
      const { makes } = await on(a, wellUp);
      step("A up", () => [...makes, ...differences({ ...cloud, ...a }, stands, REGION)]);
      await on(a, wellDown);
      step("A teardown", () => standing(cloud.world, REGION).map(({ kind, ref }) => `${kind} ${ref}`));
    }
    expect(points.length).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });

  it("as processes: one is killed in the middle, the other goes on, the first comes back and removes all", async () => {
    const { stands } = await theFirst();
    const server = new Laptop();
    const { endpoint, close } = await startSandbox({ folder: server.folder, speed: SPEED });
    onTestFinished(close);
    const [a, b] = [new Laptop({ endpoint }), new Laptop({ endpoint })];
    const world = () => server.read("world.json")!;
    const run = a.start("up");
    await listen(run)(/filesystem +creating … CREATING/);
    run.kill("SIGKILL");
    await run;
    for (const laptop of [b, a]) {
      const { exitCode, all } = await laptop.run("up");
      expect(exitCode, all).toBe(0);
      expect(differences({ world: world(), manifest: laptop.read(laptop.own("json")) }, stands, REGION)).toEqual([]);
    }
    const { exitCode, all } = await a.run("teardown", ["--yes", "--discard-data"]);
    expect(exitCode, all).toBe(0);
    expect(standing(world(), REGION)).toEqual([]);
  });
});

describe("environments side by side never touch each other's things", () => {
  const ELSEWHERE = "eu-west-1";

  /** Everything of one environment, ids and all. */
  const of = (name: string, region = REGION) =>
    standing(cloud.world, region, [REGION, ELSEWHERE])
      .filter(({ tags, ref }) => tags["bootstrap:env"] === name || ref.includes(`/${name}/`))
      .map(({ kind, ref, shape, tags }) => [kind, ref, shape, tags]);

  // Each name begins with another one's, or with what another one's roles are called.
  const NAMES = ["demux", "demux2", "demux-us-east-1"] as const;

  it("three in one region, with names that begin alike", async () => {
    const folders = NAMES.map(folder);
    for (const [at, name] of NAMES.entries()) await on(folders[at]!, (site) => wellUp(site, `name: ${name}`));
    for (const [at, name] of NAMES.entries()) {
      const others = () => NAMES.filter((other) => other !== name).map((other) => of(other));
      const before = others();
      expect(of(name).length).toBeGreaterThan(15);
      await on(folders[at]!, (site) => wellUp(site, `name: ${name}\n${CHANGED}`));
      expect(others()).toEqual(before);
      // Without the manifest, what is ours must show in the tags alone.
      Object.assign(folders[at]!, folder());
      await on(folders[at]!, (site) => wellUp(site, `name: ${name}\n${CHANGED}`));
      expect(others()).toEqual(before);
      await on(folder(), (site) => wellDown(site, `name: ${name}`));
      expect(others()).toEqual(before);
      expect(of(name)).toEqual([]);
      await on(folders[at]!, (site) => wellUp(site, `name: ${name}`));
      expect(others()).toEqual(before);
    }
    for (const [at, name] of NAMES.entries()) {
      expect((await on(folders[at]!, (site) => wellUp(site, `name: ${name}`))).idle).toBe(true);
    }
  });

  it("one name in two regions, which share IAM", async () => {
    const [here, there] = [folder(), folder()];
    await on(here, wellUp);
    await on(there, wellUp, ELSEWHERE);
    const before = of("demux", ELSEWHERE);
    expect(before.length).toBeGreaterThan(15);
    await on(here, (site) => wellUp(site, CHANGED));
    await on(here, wellDown);
    expect(of("demux", ELSEWHERE)).toEqual(before);
    expect(standing(cloud.world, REGION, [ELSEWHERE])).toEqual([]);
    expect((await on(there, wellUp, ELSEWHERE)).idle).toBe(true);
    await on(there, wellDown, ELSEWHERE);
    expect(standing(cloud.world, ELSEWHERE, [REGION])).toEqual([]);
  });
});
