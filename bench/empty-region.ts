import { setMaxListeners } from "node:events";
import type { CallRecord } from "../sandbox/calls.ts";
import { inProcess } from "../sandbox/in-process.ts";
import { createSandbox } from "../sandbox/sandbox.ts";
import { World } from "../sandbox/world.ts";
import type { Host, Io } from "../src/actions/action.ts";
import { withSession } from "../src/actions/session.ts";
import { act } from "../src/actions/up.ts";
import { type Cloud, connect } from "../src/aws/clients.ts";
import { environment } from "../src/environment/index.ts";
import { readFacts } from "../src/facts/read-facts.ts";
import { memoryStore } from "../test/engine/toy-cloud.ts";
import { jumpingClock } from "../test/jumping-clock.ts";
import { WatchedStore } from "./aws-times.ts";
import { type Chain, longestChain } from "./longest-chain.ts";

export interface Stretch {
  readonly seed: number;
  /** From the first call to the last. */
  readonly tookMs: number;
  readonly chain: Chain;
  readonly ratio: number;
}

const REGION = "us-east-1";

/** One `up` on an empty region, in a world of this seed where calls take no time and only AWS does. */
export async function upOnEmptyRegion(seed: number): Promise<Stretch> {
  const clock = jumpingClock();
  const startedAt = clock.now();
  const world = World.fresh(seed, { virtualMs: startedAt, wallMs: startedAt, speed: 1 });
  const store = new WatchedStore(world, clock, REGION);
  const calls: CallRecord[] = [];
  const sandbox = createSandbox({ store, clock, log: (record) => calls.push(record) });
  await sandbox.load();
  const cloud = connect({
    region: REGION,
    endpoint: "http://sandbox.invalid",
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "not-a-secret" },
    requestHandler: inProcess(sandbox) as NonNullable<Parameters<typeof connect>[0]["requestHandler"]>,
    sleep: (ms) => clock.sleep(ms),
  });
  const { graph, refs } = await bringUp(cloud, clock);
  const firstAt = Date.parse(calls[0]!.at);
  const tookMs = Date.parse(calls.at(-1)!.at) - firstAt;
  const chain = longestChain(graph, firstAt, (node) => {
    const ref = refs.get(node) ?? "";
    // A version of a launch template is named after its template.
    return store.times.get(ref) ?? store.times.get(ref.split(":")[0]!);
  });
  return { seed, tookMs, chain, ratio: tookMs / chain.ms };
}

/** What the action does, with its manifest in memory: a disk would take time of another kind. */
async function bringUp(cloud: Cloud, clock: ReturnType<typeof jumpingClock>) {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const host: Host = {
    ...{ signal, folder: "unused", lock: async () => () => {}, store: () => memoryStore() },
    reach: async () => ({
      ...{ clock, sandbox: true, endpoint: undefined, connect: () => cloud },
      defaultRegion: async () => REGION,
      close: async () => {},
    }),
  };
  const refs = new Map<string, string>();
  const io: Pick<Io, "event"> = {
    event(event) {
      if (event.type === "finished" && event.ref !== undefined) refs.set(event.node, event.ref);
    },
  };
  const opening = { verb: "up", options: { region: REGION }, io, locked: false, chooses: false };
  return withSession(host, opening, async (session) => {
    const facts = await readFacts(session);
    const graph = environment(session.config, facts);
    const engine = session.engine(graph);
    const { failures } = await act(session, facts, engine, await engine.plan());
    if (failures.length > 0) throw failures[0]!;
    return { graph, refs };
  });
}
