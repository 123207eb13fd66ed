import { expect } from "vitest";
import type { Site } from "../environment/site.ts";
import { type Command, complaintsOf, REGION, straight, teardown, theFirst } from "./commands.ts";
import { type Desk, deskAt, type Moment } from "./desk.ts";
import { differences, type Standing } from "./world.ts";

export type Verb = "up" | "bake-ami" | "teardown";

export const VERBS: Readonly<Record<Verb, (site: Site, yaml?: string) => ReturnType<Command>>> = {
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
    const nothing = deskAt(undefined).freeze();
    const { moment, stands } = await theFirst();
    const baked = await straight(moment, [VERBS["bake-ami"]]);
    return {
      begins: { up: nothing, "bake-ami": moment, teardown: moment },
      ends: { up: stands, "bake-ami": baked.stands, teardown: [] },
    };
  })();
  return staged;
}

/** Runs a verb, and demands that it gets to its end. */
export async function arrive(desk: Desk, verb: Verb, yaml?: string): Promise<void> {
  expect(await complaintsOf(VERBS[verb](desk.site, yaml))).toEqual([]);
  const { ends } = await stages();
  expect(differences(desk.freeze(), ends[verb], REGION)).toEqual([]);
}

export async function deskFor(verb: Verb, options: Parameters<typeof deskAt>[1] = {}): Promise<Desk> {
  return deskAt((await stages()).begins[verb], { oversleep: 6, ...options });
}
