import { Calls, type CloudErrors } from "./calls.ts";
import type { Clock } from "./clock.ts";
import { BootstrapError } from "./errors.ts";
import type { Listener } from "./events.ts";
import { Graph } from "./graph.ts";
import type { Manifest, Pins } from "./manifest/manifest.ts";
import { listOwned, type Owned, type OwnedResource, type Unseen, waitVisible } from "./owned.ts";
import { makePlan, type Plan } from "./plan.ts";
import { prunePlan } from "./prune.ts";
import { cameBack, removeAll } from "./remove.ts";
import { Rollout, type Summary } from "./rollout.ts";
import type { Run } from "./run.ts";
import type { Step } from "./step.ts";

export interface EngineOptions<Cloud> {
  readonly name: string;
  readonly region: string;
  readonly cloud: Cloud;
  readonly kinds: readonly Step<unknown, unknown, unknown, Cloud>[];
  readonly graph: Graph<Cloud>;
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly errors: CloudErrors;
  readonly emit: Listener;
  readonly tags?: Readonly<Record<string, string>>;
  readonly repair?: boolean;
  readonly keepTemporaries?: boolean;
}

/** What a removal left. */
export interface Removal<Cloud> {
  readonly left: readonly OwnedResource<Cloud>[];
  /** Kinds of which something may be there. */
  readonly unseen: readonly Unseen[];
  readonly failures: readonly BootstrapError[];
}

/** Start here: plans, brings up and takes down what a graph describes. It knows no cloud and no terminal. */
export class Engine<Cloud> {
  readonly #run: Run<Cloud>;

  constructor({ repair = false, keepTemporaries = false, ...options }: EngineOptions<Cloud>) {
    // What a step says in its own words is no answer of the cloud's that could have been lost.
    const trouble = (error: unknown) => (error instanceof BootstrapError ? "refused" : options.errors.trouble(error));
    const errors = { ...options.errors, trouble };
    const calls = new Calls(options.clock, options.signal, errors);
    this.#run = { ...options, errors, calls, repair, keepTemporaries };
  }

  /** Looks and decides; never writes. With targets, only they are decided on and the rest must be there. */
  plan(targets?: ReadonlySet<string>): Promise<Plan<Cloud>> {
    return makePlan(this.#run, targets);
  }

  /** Acts on a plan just made. The pins are written down before anything is made. */
  up(plan: Plan<Cloud>, pins?: Pins): Promise<Summary> {
    return new Rollout(this.#run, plan).up(pins);
  }

  /** Everything of this environment, found by its tags; what is on record and not seen may be waited for. */
  async everything({ wait }: { readonly wait: boolean } = { wait: true }): Promise<Owned<Cloud>> {
    const { kinds, manifest } = this.#run;
    const { things, unseen } = await listOwned(this.#run);
    const nothing = { standing: new Map(), done: new Set<string>(), busy: new Set<string>(), targets: undefined };
    const input = {
      // Nothing is wanted any more.
      graph: new Graph<Cloud>(),
      ...{ kinds, records: manifest.records, unseen, owned: things, ...nothing },
      ...{ failed: false, keepTemporaries: false, discardData: true },
    };
    const late = wait ? await waitVisible(this.#run, prunePlan(input).await) : [];
    return { things: prunePlan({ ...input, owned: [...things, ...late] }).remove, unseen };
  }

  /** Removes them, looks again, and answers what is still there with what went wrong. The manifest ends when nothing is. */
  async down(things: readonly OwnedResource<Cloud>[]): Promise<Removal<Cloud>> {
    const run = this.#run;
    const failures = await removeAll(run, things);
    failures.push(...(await removeAll(run, await cameBack(run, things))));
    const { things: left, unseen } = await listOwned(run);
    if (left.length === 0 && unseen.every(({ byName }) => byName)) await run.manifest.remove();
    return { left, unseen, failures };
  }
}
