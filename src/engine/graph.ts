import type { Pins } from "./manifest/manifest.ts";
import type { Step } from "./step.ts";

/** A node that stands in the graph; only such a one can be needed, so a cycle cannot be written. */
export interface Handle<O> {
  readonly id: string;
  /** Never there at run time: it carries the output's type. */
  readonly output?: O;
}

/** One that is undefined is not needed, and has no output. */
type Handles = Readonly<Record<string, Handle<unknown> | undefined>>;
type Outputs<H extends Handles> = {
  readonly [K in keyof H]: H[K] extends Handle<infer O>
    ? O
    : H[K] extends Handle<infer O> | undefined
      ? O | undefined
      : never;
};

export interface Node<Cloud> {
  readonly id: string;
  readonly step: Step<unknown, unknown, unknown, Cloud>;
  readonly needs: readonly string[];
  /** Pure: what goes into the thing, from the outputs of what it needs. Everything in it counts for the fingerprint. */
  inputs(outputs: ReadonlyMap<string, unknown>): unknown;
  /** Nodes that live only while this one is being made or changed, by the name its `create` knows them by. */
  readonly temporaries: ReadonlyMap<string, string>;
  /** How many older generations stay. */
  readonly keep: number;
  /** Pins that become the environment's own in the same write that marks this node ready. */
  pins?(inputs: unknown): Pins;
}

export interface Placement<I, N extends Handles, T extends Handles> {
  readonly needs?: N;
  inputs(needs: Outputs<N>): I;
  readonly temporary?: T;
  readonly keep?: number;
  pins?(inputs: I): Pins;
}

/** A placement that is written apart from its node, typed as if it stood there. */
export function placed<I, N extends Handles = Record<never, never>, T extends Handles = Record<never, never>>(
  placement: Placement<I, N, T>,
): Placement<I, N, T> {
  return placement;
}

/** The nodes of an environment, in reading order, which is also an order in which they can be made. */
export class Graph<Cloud> {
  readonly #nodes = new Map<string, Node<Cloud>>();
  readonly #owners = new Map<string, string>();

  add<I, O, T, N extends Handles = Record<never, never>, TH extends Handles = Record<never, never>>(
    id: string,
    step: Step<I, O, T, Cloud>,
    placement: Placement<I, N, TH> & (Outputs<TH> extends T ? unknown : { readonly temporary: never }),
  ): Handle<O> {
    const { inputs, keep = 0, pins } = placement;
    const needs = standing(placement.needs);
    const temporary = standing(placement.temporary);
    if (this.#nodes.has(id)) throw new Error(`two nodes named ${id}`);
    for (const { id: held } of [...Object.values(needs), ...Object.values(temporary)]) {
      if (!this.#nodes.has(held)) throw new Error(`${id} names ${held}, which is not in this graph`);
    }
    for (const { id: held } of Object.values(temporary)) {
      const owner = this.#owners.get(held);
      if (owner) throw new Error(`${held} is temporary for ${owner} and for ${id}: it can have one owner`);
      this.#owners.set(held, id);
    }
    this.#nodes.set(id, {
      id,
      step: step as Step<unknown, unknown, unknown, Cloud>,
      needs: Object.values(needs).map((need) => need.id),
      inputs: (outputs) =>
        inputs(Object.fromEntries(Object.entries(needs).map(([as, need]) => [as, outputs.get(need.id)])) as Outputs<N>),
      temporaries: new Map(Object.entries(temporary).map(([as, { id: held }]) => [as, held])),
      keep,
      ...(pins && { pins: (value: unknown) => pins(value as I) }),
    });
    return { id };
  }

  get nodes(): readonly Node<Cloud>[] {
    return [...this.#nodes.values()];
  }

  node(id: string): Node<Cloud> | undefined {
    return this.#nodes.get(id);
  }

  /** The node a temporary one lives for. */
  ownerOf(id: string): string | undefined {
    return this.#owners.get(id);
  }

  /** Everything that needs the node, directly or not; a temporary node counts for its owner. */
  downstreamOf(id: string): ReadonlySet<string> {
    const downstream = new Set<string>();
    for (const { id: other, needs, temporaries } of this.nodes) {
      const leans = [...needs, ...temporaries.values()];
      if (leans.some((need) => need === id || downstream.has(need))) downstream.add(other);
    }
    return downstream;
  }

  /** Everything that a node stands on or is made with. */
  upstreamOf(id: string): ReadonlySet<string> {
    const upstream = new Set<string>();
    for (const { id: other, needs, temporaries } of [...this.nodes].reverse()) {
      if (other !== id && !upstream.has(other)) continue;
      for (const need of [...needs, ...temporaries.values()]) upstream.add(need);
    }
    return upstream;
  }
}

function standing(handles: Handles = {}): Readonly<Record<string, Handle<unknown>>> {
  return Object.fromEntries(Object.entries(handles).flatMap(([as, held]) => (held ? [[as, held]] : [])));
}
