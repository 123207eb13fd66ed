import { Calls, type CloudErrors } from "../../src/engine/calls.ts";
import { Engine, type EngineOptions } from "../../src/engine/engine.ts";
import type { Event } from "../../src/engine/events.ts";
import type { Graph } from "../../src/engine/graph.ts";
import { Manifest, type Store } from "../../src/engine/manifest/manifest.ts";
import type { Run } from "../../src/engine/run.ts";
import type { Drift, Failure, Found, State, Step, StepContext } from "../../src/engine/step.ts";
import { type JumpingClock, jumpingClock } from "../jumping-clock.ts";

export interface ToyThing {
  readonly ref: string;
  readonly kind: string;
  readonly node: string;
  readonly owned: boolean;
  readonly fingerprint: string;
  readonly fixedFingerprint: string;
  readonly token: string;
  readonly visibleAt: number;
  readyAt: number;
  state: State | undefined;
  goneAt: number | undefined;
  readonly made: number;
  set: Record<string, unknown>;
  tagged: string;
}

/** An error as a cloud would answer it. */
export class ToyError extends Error {
  readonly trouble: ReturnType<CloudErrors["trouble"]>;
  constructor(trouble: ReturnType<CloudErrors["trouble"]>, message: string) {
    super(message);
    this.trouble = trouble;
  }
}

/** A cloud of plain things: what the engine needs of one, and nothing of AWS. */
export class ToyCloud {
  readonly clock: JumpingClock = jumpingClock();
  things: ToyThing[] = [];
  readonly calls: string[] = [];
  /** Runs before (and may throw instead of) or after a call: `create filesystem`. */
  before: (call: string) => void = () => {};
  after: (call: string) => void = () => {};
  #count = 0;

  do<T>(call: string, act: () => T): T {
    this.calls.push(call);
    this.before(call);
    const answer = act();
    this.after(call);
    return answer;
  }

  get live(): ToyThing[] {
    this.things = this.things.filter(({ goneAt }) => goneAt === undefined || goneAt > this.clock.elapsed());
    return this.things;
  }

  ref(kind: string): string {
    this.#count += 1;
    return `${kind}-${this.#count}`;
  }

  /** Calls that change something. */
  get changes(): string[] {
    return this.calls.filter((call) => !call.startsWith("find"));
  }
}

/** A thing that stands there without having been asked for here; what is not said of it is plain. */
export function toyThing(given: Pick<ToyThing, "ref" | "kind"> & Partial<ToyThing>): ToyThing {
  return {
    ...{ node: given.kind, owned: true, fingerprint: "", fixedFingerprint: "", token: "", tagged: "" },
    ...{ visibleAt: 0, readyAt: 0, made: 0, set: {}, goneAt: undefined, state: undefined },
    ...given,
  };
}

export interface ToyInputs {
  readonly fixed?: string;
  readonly size?: number;
  readonly [field: string]: unknown;
}

export interface ToyOptions {
  readonly takesMs?: number;
  readonly invisibleMs?: number;
  readonly goesMs?: number;
  /** The fields that a further call sets after create, and that drift is told of. */
  readonly mendable?: readonly string[];
  readonly repeatable?: true;
  /** Its name can be had only once. */
  readonly singular?: true;
  readonly protect?: true;
  /** Changes are taken, and change nothing. */
  readonly deaf?: true;
  /** Why the cloud gave up on the last change. */
  readonly failure?: () => Failure | undefined;
  readonly comesBack?: true;
  /** What is made turns out to have failed. */
  readonly fails?: boolean;
}

export function toyStep(kind: string, options: ToyOptions = {}): Step<ToyInputs, { ref: string }, unknown, ToyCloud> {
  const {
    takesMs = 0,
    invisibleMs = 0,
    goesMs = 0,
    mendable,
    deaf,
    failure: given,
    fails = false,
    ...others
  } = options;
  const { repeatable, singular, ...flags } = others;
  return {
    kind,
    naming: singular ? "fixed" : "token",
    ...(!repeatable && { unrepeatable: true as const }),
    ...flags,
    pace: { expectMs: takesMs, everyMs: 5_000, timeoutMs: 30 * 60_000 },
    ...(mendable && {
      fixed: (inputs: ToyInputs) =>
        Object.fromEntries(Object.entries(inputs).filter(([key]) => !mendable.includes(key))),
      async update(context: StepContext<ToyInputs, ToyCloud>, found: Found) {
        context.cloud.do(`update ${context.node}`, () => {
          const thing = context.cloud.live.find(({ ref }) => ref === found.ref)!;
          if (deaf) return;
          for (const { field } of found.drift ?? []) thing.set[field] = context.inputs[field];
        });
      },
      async stamp(context: StepContext<ToyInputs, ToyCloud>, { ref }: Found) {
        context.cloud.do(`stamp ${context.node}`, () => {
          if (!deaf) context.cloud.live.find((thing) => thing.ref === ref)!.tagged = context.fingerprint;
        });
      },
    }),
    async find({ node, inputs, cloud }) {
      return cloud.do(`find ${node ?? kind}`, () =>
        cloud.live
          .filter(
            (thing) =>
              thing.kind === kind &&
              (node === undefined || thing.node === node) &&
              thing.visibleAt <= cloud.clock.elapsed(),
          )
          .map((thing): Found<{ ref: string }> => {
            const failure = thing.state === "failed";
            const drift: Drift[] = (inputs ? (mendable ?? []) : [])
              .filter((field) => thing.set[field] !== inputs?.[field])
              .map((field) => ({ field, want: String(inputs?.[field]), have: String(thing.set[field]) }))
              .map((entry) => ({ ...entry, ...(given?.() && { failed: given()! }) }));
            return {
              ref: thing.ref,
              node: thing.node,
              owned: thing.owned,
              state:
                thing.goneAt !== undefined
                  ? "deleting"
                  : failure
                    ? "failed"
                    : thing.readyAt > cloud.clock.elapsed()
                      ? "pending"
                      : "ready",
              fingerprint: thing.tagged,
              fixedFingerprint: thing.fixedFingerprint,
              token: thing.token,
              createdAt: new Date(thing.made),
              detail: failure ? "no capacity in zone-a" : undefined,
              output: { ref: thing.ref },
              drift: inputs && drift,
            };
          }),
      );
    },
    async create({ cloud, node, token, fingerprint, fixedFingerprint }) {
      return cloud.do(`create ${node}`, () => {
        const made = cloud.live.find((thing) => thing.token === token.slice(-8));
        if (made && repeatable) return made.ref;
        if (singular && cloud.live.some((thing) => thing.kind === kind))
          throw new ToyError("exists", "that name is taken");
        const now = cloud.clock.elapsed();
        const ref = cloud.ref(kind);
        cloud.things.push({
          ...{
            ref,
            kind,
            node,
            owned: true,
            fingerprint,
            fixedFingerprint,
            token: token.slice(-8),
            tagged: fingerprint,
          },
          ...{ visibleAt: now + invisibleMs, readyAt: now + takesMs, made: now, set: {}, goneAt: undefined },
          state: fails ? "failed" : undefined,
        });
        return ref;
      });
    },
    async destroy({ cloud, node }, { ref }) {
      cloud.do(`destroy ${node}`, () => {
        const thing = cloud.live.find((other) => other.ref === ref);
        if (thing) thing.goneAt = cloud.clock.elapsed() + goesMs;
      });
    },
  };
}

export const toyErrors: CloudErrors = {
  trouble: (error) => (error instanceof ToyError ? error.trouble : "unknown"),
  denied: (error) => error instanceof ToyError && error.message.startsWith("not authorized"),
  words: (error) => (error as Error).message,
  hint: () => undefined,
};

/** A manifest's text in memory, with what was ever written. */
export function memoryStore(text?: string): Store & { readonly writes: string[]; text: string | undefined } {
  return {
    path: "memory.json",
    backupPath: "memory.json.backup",
    text,
    writes: [],
    async read() {
      return this.text;
    },
    async write(next) {
      this.writes.push(next);
      this.text = next;
    },
    async remove() {
      this.text = undefined;
    },
  };
}

export interface ToyRun {
  readonly engine: Engine<ToyCloud>;
  readonly run: Run<ToyCloud>;
  readonly manifest: Manifest;
  readonly events: Event[];
  readonly stop: AbortController;
}

/** Each kind of a graph once; what was placed last goes first. */
export function kindsOf(graph: Graph<ToyCloud>): Step<unknown, unknown, unknown, ToyCloud>[] {
  return [...new Map(graph.nodes.map(({ step }) => [step.kind, step])).values()].reverse();
}

/** One run of the program: opens the manifest, makes an engine. Without `kinds` it knows those of the graph. */
export async function toyRun(
  cloud: ToyCloud,
  store: Store,
  graph: Graph<ToyCloud>,
  options: Partial<Pick<EngineOptions<ToyCloud>, "repair" | "keepTemporaries" | "kinds">> = {},
): Promise<ToyRun> {
  const { repair = false, keepTemporaries = false, kinds = kindsOf(graph) } = options;
  const manifest = await Manifest.open(store, { name: "lab", account: "111122223333", region: "us-east-1" });
  const events: Event[] = [];
  const stop = new AbortController();
  const shared = {
    ...{ name: "lab", region: "us-east-1", cloud, kinds, graph, manifest, clock: cloud.clock, signal: stop.signal },
    ...{ errors: toyErrors, emit: (event: Event) => events.push(event), repair, keepTemporaries },
  };
  const run = { ...shared, calls: new Calls(cloud.clock, stop.signal, toyErrors) };
  return { engine: new Engine(shared), run, manifest, events, stop };
}
