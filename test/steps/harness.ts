import { randomUUID } from "node:crypto";
import type { CallerPolicy } from "../../sandbox/caller/authorize.ts";
import type { CallRecord } from "../../sandbox/calls.ts";
import type { Direct } from "../../sandbox/direct.ts";
import type { Fault } from "../../sandbox/faults.ts";
import { inProcess } from "../../sandbox/in-process.ts";
import { createSandbox, type Sandbox } from "../../sandbox/sandbox.ts";
import { MemoryStore, type Store, World } from "../../sandbox/world.ts";
import { type Cloud, connect } from "../../src/aws/clients.ts";
import { classify } from "../../src/aws/errors.ts";
import { fingerprintOf } from "../../src/engine/fingerprint.ts";
import type { CreateContext, FindContext, Found, Step } from "../../src/engine/step.ts";
import { jumpingClock } from "../jumping-clock.ts";

/** One sandbox in process, on a clock that jumps, with the log of what was asked of it. */
export interface Lab {
  readonly cloud: Cloud;
  readonly clock: ReturnType<typeof jumpingClock>;
  readonly region: string;
  readonly calls: readonly CallRecord[];
  /** May be added to at any time. */
  readonly faults: Fault[];
  /** What the caller may do from now on; undefined: everything. */
  may(policy: CallerPolicy | undefined): void;
  readonly notes: string[];
  /** The same world and clock, from another region. */
  at(region: string): Lab;
  /** Names of the mutating operations asked for since `calls` was so long. */
  writesSince(count: number): string[];
}

export interface LabOptions {
  /** Default: nothing but what every account has. */
  readonly world?: World;
  readonly startMs?: number;
  /** So many times longer than asked sleeps whoever waits here: fewer looks in the same time. */
  readonly oversleep?: number;
  /** Keeps the world; may look on at each request. */
  readonly keeper?: (world: World) => Store;
  /** Told of each request after the world was changed, before it is answered. */
  readonly onCall?: (record: CallRecord) => void;
  /** Whether calls go without their bytes where these do not matter. */
  readonly direct?: boolean;
  /** What the clients speak to in place of the sandbox itself. */
  readonly front?: (sandbox: Pick<Sandbox, "request">) => Pick<Sandbox, "request">;
}

export function lab(region = "us-east-1", options: LabOptions = {}): Lab {
  const {
    oversleep = 1,
    keeper = (kept) => new MemoryStore(kept),
    onCall = () => {},
    front = (given) => given,
    direct = false,
  } = options;
  const time = jumpingClock(options.startMs);
  const clock = {
    ...time,
    sleep: (ms: number, signal?: AbortSignal) => time.sleep(ms * oversleep, signal),
  };
  const calls: CallRecord[] = [];
  const faults: Fault[] = [];
  const startedAt = clock.now();
  const store = keeper(options.world ?? World.fresh(7, { virtualMs: startedAt, wallMs: startedAt, speed: 1 }));
  const log = (record: CallRecord) => {
    calls.push(record);
    onCall(record);
  };
  let caller: CallerPolicy | undefined;
  const sandbox = createSandbox({ store, clock: time, faults: () => faults, log, caller: () => caller });
  const at = (where: string): Lab => ({ ...world, at, region: where, cloud: reach(where) });
  const reach = (where: string) => {
    const cloud = connect({
      region: where,
      endpoint: "http://sandbox.invalid",
      credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "not-a-secret" },
      requestHandler: inProcess(front(sandbox)) as NonNullable<Parameters<typeof connect>[0]["requestHandler"]>,
      sleep: (ms) => clock.sleep(ms),
    });
    return direct ? answeredBy((asked) => sandbox.answer(asked), cloud, where) : cloud;
  };
  const world = {
    ...{ clock, calls, faults, notes: [] },
    may: (policy: CallerPolicy | undefined) => {
      caller = policy;
    },
    writesSince: (count: number) =>
      calls
        .slice(count)
        .filter(({ kind }) => kind === "write")
        .map(({ operation }) => operation),
  };
  return at(region);
}

type ClientName = Exclude<keyof Cloud, "destroy">;

interface Command {
  readonly schema: readonly unknown[];
  readonly input: Direct["input"];
}

/** Answers a command before any of it is written; undefined: it is to be sent. */
export type Answers = (
  asked: Direct & { readonly client: ClientName },
  command: Command,
) => Promise<object | undefined>;

/** The same clients, each of which asks there first. */
export function answeredBy(answers: Answers, cloud: Cloud, region: string): Cloud {
  const sender = (name: ClientName) => {
    const client = cloud[name] as unknown as { send(command: Command): Promise<object>; config: Named };
    const send = client.send.bind(client);
    client.send = async (command) => {
      const { input, schema } = command;
      const [service, operation] = [client.config.defaultSigningName, String(schema[OPERATION_NAME])];
      return (await answers({ service, region, operation, input, client: name }, command)) ?? send(command);
    };
    return client;
  };
  const made = new Map<string, object>();
  return new Proxy(cloud, {
    get(target, name: keyof Cloud) {
      if (name === "destroy") return target.destroy;
      const client = made.get(name) ?? sender(name);
      made.set(name, client);
      return client;
    },
  });
}

interface Named {
  readonly defaultSigningName: string;
}

/** Where a schema of the SDK's has it. */
const OPERATION_NAME = 2;

export interface Placed<I, T> {
  readonly inputs: I;
  readonly name?: string;
  readonly node?: string;
  readonly token?: string;
  readonly temporaries?: T;
}

/** What the engine would hand to a verb: the same inputs and token give the same context. */
export function contextOf<I, O, T>(
  { cloud, clock, region, notes }: Lab,
  step: Step<I, O, T, Cloud>,
  { inputs, name = "lab", node = step.kind, token = randomUUID(), temporaries }: Placed<I, T>,
): CreateContext<I, T, Cloud> {
  return {
    ...{ name, region, node, inputs, cloud, token, temporaries: temporaries as T },
    fingerprint: fingerprintOf(inputs),
    fixedFingerprint: fingerprintOf(step.fixed ? step.fixed(inputs) : inputs),
    now: new Date(clock.now()),
    signal: new AbortController().signal,
    note: (text) => notes.push(text),
  };
}

/** The same, as `teardown` asks: no inputs, and no node unless one is named. */
export function seeker<C extends FindContext<unknown, Cloud>>(
  { name, region, cloud }: C,
  node?: string,
): FindContext<never, Cloud> {
  return { name, region, cloud, node };
}

/** Polls and nudges like the engine, only more rarely, until the thing is ready without drift and made from these inputs. */
export async function settle<I, O, T>(lab: Lab, step: Step<I, O, T, Cloud>, context: CreateContext<I, T, Cloud>) {
  const { fingerprint, fixedFingerprint } = context;
  for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
    const found = await step.find(context);
    const one =
      found.find((thing) => thing.fingerprint === fingerprint) ??
      found.find((thing) => thing.fixedFingerprint === fixedFingerprint);
    if (one?.state === "failed") throw new Error(`failed: ${one.detail}`);
    if (one?.state === "ready") {
      if (one.fingerprint === fingerprint && !one.drift?.length) return one as Found<O> & { readonly output: O };
      await early(lab, () => (one.drift?.length ? step.update! : step.stamp!)(context, one));
    } else {
      await lab.clock.sleep(everyMs(step) * RARELY);
    }
  }
  throw new Error(`${step.kind} did not settle`);
}

/** Creates and settles. */
export async function make<I, O, T>(lab: Lab, step: Step<I, O, T, Cloud>, placed: Placed<I, T>) {
  const context = contextOf(lab, step, placed);
  const ref = await early(lab, () => step.create(context));
  return { context, ref, found: await settle(lab, step, context) };
}

/** Nudges everything that `find` shows away. */
export async function destroyAll<I, O, T>(lab: Lab, step: Step<I, O, T, Cloud>, context: FindContext<I, Cloud>) {
  for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
    const found = await step.find(context);
    if (found.length === 0) return;
    for (const one of found) await early(lab, () => step.destroy!(context, one));
    await lab.clock.sleep(everyMs(step));
  }
  throw new Error(`${step.kind} did not go`);
}

const MOST_ROUNDS = 200;

/** So many times the time between two looks of the engine's. */
const RARELY = 10;

function everyMs({ pace }: Pick<Step<never, never>, "pace">): number {
  return pace?.everyMs ?? 3_000;
}

/** Says the same verb again while AWS says that it is only early. */
export async function early<V>({ clock }: Pick<Lab, "clock">, verb: () => Promise<V>): Promise<V> {
  for (let tries = 0; ; tries++) {
    try {
      return await verb();
    } catch (error) {
      if (tries >= 100 || !["busy", "notPropagated"].includes(classify(error))) throw error;
      await clock.sleep(3_000);
    }
  }
}
