import { readFileSync } from "node:fs";
import { join } from "node:path";
import pLimit from "p-limit";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { randomFrom } from "../../sandbox/random.ts";
import { advanceSandbox, startSandbox } from "../../sandbox/start.ts";
import { bake, CHANGED, FIRST, MONTH_MS, REGION, straight, teardown, up } from "./commands.ts";
import { crashingCloud } from "./crashing-cloud.ts";
import { deskAt, type Moment } from "./desk.ts";
import { Laptop, placeWorld } from "./laptop.ts";
import { differences } from "./world.ts";

/** One verb after the other, with the config that it finds. */
const VERBS = [
  { verb: "up", yaml: FIRST, flags: ["--yes"], command: up(FIRST), laterMs: 0 },
  // Newer base images have come out by then.
  { verb: "bake-ami", yaml: FIRST, flags: ["--yes"], command: bake, laterMs: MONTH_MS },
  { verb: "up", yaml: CHANGED, flags: ["--yes"], command: up(CHANGED), laterMs: 0 },
  { verb: "teardown", yaml: CHANGED, flags: ["--yes", "--discard-data"], command: teardown, laterMs: 0 },
] as const;

/** Each verb with the moment it begins at, and what stands when nothing disturbs it. */
async function undisturbed() {
  let from = deskAt(undefined).freeze();
  const life = [];
  for (const { command, laterMs, ...typed } of VERBS) {
    const begin = (await straight(from, [], laterMs)).moment;
    const desk = deskAt(begin);
    const before = desk.site.lab.calls.length;
    await command(desk.site);
    const writes = desk.site.lab.calls
      .slice(before)
      .filter(({ kind, outcome }) => kind === "write" && outcome === "ok");
    const { moment, stands } = await straight(desk.freeze(), []);
    life.push({ ...typed, laterMs, begin, stands, writes: writes.length });
    from = moment;
  }
  return life;
}

let life: Awaited<ReturnType<typeof undisturbed>>;

beforeAll(async () => {
  life = await undisturbed();
});

/** Another day, other moments: 20261121. */
const TODAY = Number(new Date().toISOString().slice(0, 10).replaceAll("-", ""));
const FIRST_SEED = Number(process.env.SEED ?? TODAY);

describe("kill -9 at a random moment", () => {
  const WANTED = Number(process.env.KILLS ?? 60);
  const LANES = 2;
  const MOST_A_VERB = 12;
  /** Of its output before it is killed. */
  const MOST_LINES = 9;
  const MOST_MS = 40;

  it(`is survived ${WANTED} times by up, bake-ami, a changed up and teardown`, async () => {
    const kills: Record<string, number> = {};
    let commands = 0;

    async function live(seed: number): Promise<void> {
      const random = randomFrom(seed, 0, 0);
      // Every other cloud lives on while the CLI is dead.
      const { laptop, folder } = seed % 2 === 0 ? alone(life[0]!.begin) : await beside(life[0]!.begin);
      const told = [`SEED=${seed} KILLS=1 runs this life alone`];

      for (const { verb, yaml, flags, laterMs, stands } of life) {
        laptop.write("bootstrap.yaml", yaml);
        await advanceSandbox({ folder, ms: laterMs });
        for (let count = 0; count < MOST_A_VERB; count++) {
          const lines = Math.floor(random() * (MOST_LINES + 1));
          const ms = lines === 0 ? 100 + random() * 400 : random() * MOST_MS;
          commands += 1;
          const killed = await kill(laptop.start(verb, flags), lines, ms);
          told.push(`${verb}: ${killed ? `killed ${ms.toFixed()} ms after line ${lines}` : "ended"}`);
          if (!killed) break;
          kills[verb] = (kills[verb] ?? 0) + 1;
        }
        commands += 1;
        const { exitCode, all } = await laptop.run(verb, flags);
        expect(exitCode, [...told, all].join("\n")).toBe(0);
        const world = readFileSync(join(folder, "world.json"), "utf8");
        const left = { world, manifest: laptop.read(laptop.own("json")) };
        expect(differences(left, stands, REGION), told.join("\n")).toEqual([]);
      }
    }

    const sum = () => Object.values(kills).reduce((all, some) => all + some, 0);
    let seed = FIRST_SEED;
    const lane = async () => {
      while (sum() < WANTED) await live(seed++);
    };
    await Promise.all(Array.from({ length: Math.min(LANES, WANTED) }, lane));
    console.log(`kill -9: ${sum()} in ${commands} commands ${JSON.stringify(kills)}, ${seed - FIRST_SEED} lives`);
    expect(sum()).toBeGreaterThanOrEqual(WANTED);
  });

  /** A CLI that carries its sandbox: both die. */
  function alone(begin: Moment) {
    const laptop = new Laptop({ begin });
    return { laptop, folder: join(laptop.folder, ".bootstrap/sandbox") };
  }

  async function beside(begin: Moment) {
    const { folder } = new Laptop();
    placeWorld(folder, begin);
    const { endpoint, close } = await startSandbox({ folder });
    onTestFinished(close);
    return { laptop: new Laptop({ endpoint }), folder };
  }

  /** Kills it so long after so many lines of its output; false when it had ended before. */
  async function kill(run: ReturnType<Laptop["start"]>, lines: number, ms: number): Promise<boolean> {
    let seen = 0;
    let timer: NodeJS.Timeout | undefined;
    const look = () => {
      if (seen >= lines) timer ??= setTimeout(() => run.kill("SIGKILL"), ms);
    };
    run.all.on("data", (text: Buffer) => {
      seen += text.toString().split("\n").length - 1;
      look();
    });
    look();
    const { signal } = await run;
    clearTimeout(timer);
    return signal === "SIGKILL";
  }
});

describe("the power goes exactly before or after a call has its effect", () => {
  const POINTS = Number(process.env.POINTS ?? 25);
  const LANES = 2;
  /** Between one of the points and the next. */
  const PHASE = randomFrom(FIRST_SEED, 0, 0)();
  /** Every so many points, what follows is not the same command but the end of it all. */
  const EVERY_TEARDOWN = 7;

  it(`is survived at ${POINTS} points of up, bake-ami, a changed up and teardown, over HTTP`, async () => {
    const all = life.flatMap((one) => Array.from({ length: one.writes }, (_, at) => ({ ...one, nth: at + 1 })));
    const sample = Array.from({ length: POINTS }, (_, at) => all[Math.floor(((at + PHASE) * all.length) / POINTS)]!);
    const hit: Record<string, number> = {};

    async function prove({ verb, yaml, flags, begin, stands, nth }: (typeof sample)[number], at: number) {
      const when = at % 2 === 0 ? "before" : "after";
      const cloud = await crashingCloud(begin);
      const laptop = new Laptop({ endpoint: cloud.endpoint });
      laptop.write("bootstrap.yaml", yaml);
      if (begin.manifest !== undefined) laptop.place("json", begin.manifest);

      const run = laptop.start(verb, flags);
      cloud.crashAt(nth, when, () => run.kill("SIGKILL"));
      const { signal, all } = await run;
      const point = `SEED=${FIRST_SEED} POINTS=${POINTS}: ${when} write ${nth} of ${verb} (${cloud.writes.join(", ")})`;
      expect(signal, `${point}\n${all}`).toBe("SIGKILL");
      hit[verb] = (hit[verb] ?? 0) + 1;

      cloud.goOn();
      const ending = at % EVERY_TEARDOWN === 0 ? life.at(-1)! : { verb, flags, stands };
      const ended = await laptop.run(ending.verb, ending.flags);
      expect(ended.exitCode, `${point}, then ${ending.verb}:\n${ended.all}`).toBe(0);
      const left = { world: cloud.world(), manifest: laptop.read(laptop.own("json")) };
      expect(differences(left, ending.stands, REGION), `${point}, then ${ending.verb}`).toEqual([]);
    }

    const limit = pLimit(LANES);
    await Promise.all(sample.map((point, at) => limit(prove, point, at)));
    console.log(`exact crash points over HTTP: ${sample.length} ${JSON.stringify(hit)}, of ${all.length} writes`);
  });
});
