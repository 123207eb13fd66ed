import { randomFrom } from "../../sandbox/random.ts";
import { BootstrapError } from "../../src/engine/errors.ts";
import { Graph, type Handle } from "../../src/engine/graph.ts";
import type { ManifestFile, Store } from "../../src/engine/manifest/manifest.ts";
import type { Step } from "../../src/engine/step.ts";
import { memoryStore, ToyCloud, ToyError, type ToyInputs, toyRun, toyStep } from "../engine/toy-cloud.ts";

type ToyKind = Step<ToyInputs, { ref: string }, unknown, ToyCloud>;

/** What a lab asks for: how each node is to be, or that it is not wanted. */
type Wish = Readonly<Record<string, number | undefined>>;

const NODES = ["group", "disk", "image", "template", "pool", "queue"] as const;

export interface ToyLife {
  readonly story: readonly string[];
  readonly cuts: number;
  readonly wrong: readonly string[];
}

/** Years of a small environment in a cloud of plain things: every kind of step there is, all delays up to the grace. */
export async function toyLive(seed: number, { forgetful = false } = {}): Promise<ToyLife> {
  const random = randomFrom(seed);
  const upTo = (most: number) => Math.floor(random() * most);
  const cloud = new ToyCloud();
  let store: Store & { text: string | undefined } = memoryStore();
  const invisible = upTo(3) * 30_000;
  const kinds: Readonly<Record<string, ToyKind>> = {
    group: toyStep("group", { invisibleMs: invisible, mendable: ["size"] }),
    disk: toyStep("disk", { takesMs: 300_000, invisibleMs: invisible, protect: true, repeatable: true }),
    builder: toyStep("builder", { takesMs: 30_000, invisibleMs: upTo(10_000), goesMs: 60_000, repeatable: true }),
    image: toyStep("image", { takesMs: 240_000, invisibleMs: invisible }),
    template: toyStep("template", { mendable: ["size"], singular: true }),
    pool: toyStep("pool", { takesMs: 20_000, goesMs: 90_000, mendable: ["size"], singular: true }),
    queue: toyStep("queue", { takesMs: 5_000, goesMs: 30_000, invisibleMs: upTo(20_000) }),
  };
  const story: string[] = [];
  let cuts = 0;
  let losses = 0;

  /** One run on a machine whose power goes when `countdown` more moments have passed. */
  const run = async (what: string, wish: Wish | undefined, countdown: number, lossy: number): Promise<string[]> => {
    let left = countdown;
    let cut = () => {};
    const dark = new Promise<string>((resolve) => {
      cut = () => resolve("cut");
    });
    const tick = async () => {
      left -= 1;
      if (left === 0) cut();
      if (left <= 0) await new Promise(() => {});
    };
    const lose = () => {
      if (random() >= lossy) return;
      losses += 1;
      throw new ToyError("unknown", "socket hang up");
    };
    const powered = (step: ToyKind): ToyKind => ({
      ...step,
      find: (context) => tick().then(() => step.find(context)),
      create: (context) =>
        tick()
          .then(() => step.create(context))
          .then(after),
      ...(step.update && {
        update: (context, found) =>
          tick()
            .then(() => step.update!(context, found))
            .then(after),
      }),
      ...(step.stamp && {
        stamp: (context, found) =>
          tick()
            .then(() => step.stamp!(context, found))
            .then(after),
      }),
      destroy: (context, found) =>
        tick()
          .then(() => step.destroy!(context, found))
          .then(after),
    });
    const after = async <T>(answer: T): Promise<T> => {
      await tick();
      lose();
      return answer;
    };
    // A machine that has lost its power writes nothing more, whoever works on the same disk now.
    const disk = store;
    const powering: Store = {
      ...disk,
      read: () => disk.read(),
      write: async (text) => {
        await tick();
        await disk.write(forgetful ? withoutIntents(text) : text);
        await tick();
      },
      remove: () => tick().then(() => disk.remove()),
    };
    const graph = graphOf(wish ?? {}, (kind) => powered(kinds[kind]!));
    const steps = Object.values(kinds).reverse().map(powered) as unknown as Step<unknown, unknown, unknown, ToyCloud>[];
    const working = (async () => {
      const { engine } = await toyRun(cloud, powering, graph, { kinds: steps });
      if (!wish) {
        const { left: stays, failures } = await engine.down((await engine.everything()).things);
        return [...failures.map(({ message }) => message), ...stays.map(({ found }) => `left: ${found.ref}`)];
      }
      const plan = await engine.plan();
      if (plan.idle) return [];
      const { failures } = await engine.up(plan);
      return failures.map(({ message }) => message);
    })().catch((error: unknown) => {
      if (error instanceof BootstrapError || error instanceof ToyError) return [error.message];
      throw error;
    });
    const result = await Promise.race([working, dark]);
    if (result === "cut") cuts += 1;
    story.push(
      `${what}${wish ? ` ${JSON.stringify(wish)}` : ""}: ${result === "cut" ? `cut at ${countdown}` : result}`,
    );
    return typeof result === "string" ? [result] : result;
  };

  const wishes = (): Wish => {
    const wish = Object.fromEntries(NODES.map((node) => [node, random() < 0.85 ? upTo(2) : undefined]));
    // Data is never replaced; a config that wants that is refused, which other tests show.
    return { ...wish, disk: wish.disk === undefined ? undefined : 0, group: upTo(2) };
  };
  for (let steps = 1 + upTo(5); steps > 0; steps--) {
    const countdown = random() < 0.8 ? 1 + upTo(120) : Number.MAX_SAFE_INTEGER;
    const wish = random() < 0.2 ? undefined : wishes();
    await run(wish ? "up" : "teardown", wish, countdown, random() < 0.5 ? 0 : 0.1);
    if (random() < 0.15) {
      story.push("the manifest is lost");
      // What was just asked for has become visible by the time somebody looks again.
      store = memoryStore();
      cloud.clock.advance(120_000);
    }
    cloud.clock.advance(upTo(4) * 60_000);
  }

  const last: Wish = { group: 1, disk: 0, image: upTo(2), template: 1, pool: 0, queue: 1 };
  const wrong: string[] = [];
  for (const [what, wish] of [["up", last] as const, ["teardown", undefined] as const]) {
    let said: string[] = ["not yet"];
    for (let times = 0; said.length > 0 && times < 3; times++) said = await run(what, wish, Number.MAX_SAFE_INTEGER, 0);
    wrong.push(...said.map((words) => `the last ${what} said: ${words}`));
    const standing = cloud.live.filter(({ goneAt }) => goneAt === undefined).map(({ node }) => node);
    for (const node of Object.keys(kinds)) {
      const count = standing.filter((one) => one === node).length;
      const [least, most] = !wish || node === "builder" ? [0, 0] : node === "image" ? [1, 2] : [1, 1];
      if (count < least || count > most) wrong.push(`after the last ${what}: ${count} of ${node}`);
    }
  }
  if (store.text !== undefined) wrong.push("the manifest outlived its environment");
  return { story: [...story, `answers lost: ${losses}`], cuts, wrong };
}

/** A manifest that knows only what is done. */
export function withoutIntents(text: string): string {
  const file = JSON.parse(text) as ManifestFile;
  const steps = Object.fromEntries(Object.entries(file.steps).filter(([, { phase }]) => phase === "ready"));
  return JSON.stringify({ ...file, steps });
}

function graphOf(wish: Wish, kind: (name: string) => ToyKind): Graph<ToyCloud> {
  const graph = new Graph<ToyCloud>();
  const handles = new Map<string, Handle<{ ref: string }>>();
  const add = (node: string, needs: readonly string[], temporary: Readonly<Record<string, Handle<unknown>>> = {}) => {
    const size = wish[node];
    const here = needs.flatMap((need) => (handles.has(need) ? [[need, handles.get(need)!] as const] : []));
    if (size === undefined || here.length < needs.length) return;
    const leansOn = Object.fromEntries(here);
    handles.set(
      node,
      graph.add(node, kind(node), {
        needs: leansOn,
        // Groups and pools are changed in place; what is made of them is not made anew.
        inputs: ({ image }: { readonly image?: { ref: string } }) => ({ size, ...(image && { image: image.ref }) }),
        temporary,
        keep: node === "image" ? 1 : 0,
      } as never),
    );
  };
  add("group", []);
  add("disk", ["group"]);
  if (wish.image !== undefined && handles.has("group")) {
    const group = handles.get("group")!;
    const builder = graph.add("builder", kind("builder"), { needs: { group }, inputs: () => ({ size: 0 }) });
    add("image", [], { builder });
  }
  add("template", ["disk"]);
  add("pool", ["group", "template"]);
  add("queue", ["pool"]);
  return graph;
}
