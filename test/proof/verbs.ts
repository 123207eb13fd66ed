import { expect } from "vitest";
import { World } from "../../sandbox/world.ts";
import { awsWords, hintFor, isAwsError } from "../../src/aws/errors.ts";
import { BootstrapError } from "../../src/engine/errors.ts";
import type { Event } from "../../src/engine/events.ts";
import type { Ran, Site } from "../environment/site.ts";
import { type Desk, deskAt, type Moment } from "./desk.ts";
import { REGION, straight, teardown, up } from "./matrix.ts";
import { differences, type Standing } from "./world.ts";

export type Verb = "up" | "bake-ami" | "teardown";

type Result = Promise<Ran | Awaited<ReturnType<Site["teardown"]>>>;

export const VERBS: Readonly<Record<Verb, (site: Site, yaml?: string) => Result>> = {
  up: (site, yaml = "") => site.up(yaml),
  "bake-ami": (site) => site.bake("", { force: true }),
  teardown,
};

/** Where each verb begins, and what stands when it is done. */
export interface Stages {
  readonly begins: Readonly<Record<Verb, Moment>>;
  readonly ends: Readonly<Record<Verb, readonly Standing[]>>;
}

let staged: Promise<Stages> | undefined;

/** Brought up once, whoever asks. */
export function stages(): Promise<Stages> {
  staged ??= (async () => {
    const nothing = emptyAccount();
    const { moment, stands } = await straight(nothing, [up("")]);
    const baked = await straight(moment, [VERBS["bake-ami"]]);
    return {
      begins: { up: nothing, "bake-ami": moment, teardown: moment },
      ends: { up: stands, "bake-ami": baked.stands, teardown: [] },
    };
  })();
  return staged;
}

const START_MS = Date.UTC(2026, 10, 21);

function emptyAccount(): Moment {
  const world = World.fresh(1, { virtualMs: START_MS, wallMs: START_MS, speed: 1 });
  return { world: world.toText(), manifest: undefined, backup: undefined, now: START_MS };
}

export interface Outcome {
  readonly failures: readonly BootstrapError[];
  readonly events: readonly Event[];
  /** What `up` names at its end as left alone; after `teardown`, what is still there. */
  readonly left: readonly string[];
}

/** What a person would see of a run: everything that went wrong, in words. What nobody foresaw is thrown on. */
export async function outcomeOf(work: Result): Promise<Outcome> {
  try {
    const done = await work;
    if (!("plan" in done))
      return { failures: done.failures, events: [], left: done.left.map(({ found }) => found.ref) };
    const { failures = [], left = [] } = done.summary ?? {};
    return { failures, events: done.events, left };
  } catch (error) {
    if (error instanceof BootstrapError) return { failures: [error], events: [], left: [] };
    if (!isAwsError(error)) throw error;
    // As the CLI says it.
    const hint = hintFor(error) ?? "run the same command again";
    return { failures: [new BootstrapError("aws", awsWords(error), { hint })], events: [], left: [] };
  }
}

/** Runs a verb, and demands that it gets to its end. */
export async function arrive(desk: Desk, verb: Verb, yaml?: string): Promise<void> {
  const { failures, left } = await outcomeOf(VERBS[verb](desk.site, yaml));
  expect([...failures.map(({ message }) => message), ...left]).toEqual([]);
  const { ends } = await stages();
  expect(differences(desk.freeze(), ends[verb], REGION)).toEqual([]);
}

export async function deskFor(verb: Verb, options: Parameters<typeof deskAt>[1] = {}): Promise<Desk> {
  return deskAt((await stages()).begins[verb], { oversleep: 6, ...options });
}
