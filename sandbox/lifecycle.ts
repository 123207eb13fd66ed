import type { Call, Fate } from "./service.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const NEVER = Number.MAX_SAFE_INTEGER;

export type Span = readonly [fewestMs: number, mostMs: number];

/** When what begins now is over: after a while, after what its fate says, or never. */
export function overAt(call: Call, takesMs: Span, fate?: Fate, from = call.now): number {
  const took = fate?.ms ?? call.between(...takesMs);
  return fate?.kind === "never" ? NEVER : from + took;
}

/** Why something with this fate will fail; undefined when it will not. */
export function doomOf(fate: Fate | undefined, words: string): string | undefined {
  return fate?.kind === "fail" ? (fate.reason ?? words) : undefined;
}

/** A state that ends by itself. */
export interface Passing<State extends string> {
  readonly takesMs: Span;
  /** What follows; nothing when the thing is gone then. */
  readonly to?: State;
  /** What follows instead for one that is doomed. */
  readonly failed?: State;
}

interface Moving {
  /** When the state that it is in ends; absent when it stays. */
  nextAt?: number | undefined;
  readonly doom?: string | undefined;
}

/** How things of one kind go from state to state, in their member `field`. */
export function lifecycle<T extends Moving & { [Name in Field]: string }, Field extends string>(
  field: Field,
  passing: Readonly<Partial<Record<T[Field], Passing<T[Field]>>>>,
) {
  return {
    /** Members of a thing that comes into a state now. */
    entering<State extends T[Field]>(call: Call, state: State, fate?: Fate) {
      const nextAt = overAt(call, passing[state]!.takesMs, fate);
      return { [field]: state, nextAt } as { [Name in Field]: State } & { nextAt: number };
    },
    /** Finishes what is due. `arrived` is told what came into which state, and when; no state: it is gone. */
    settle(
      call: Call,
      things: Record<string, T>,
      arrived: (thing: T, state: T[Field] | undefined, at: number) => void = () => undefined,
    ): void {
      for (const [key, thing] of Object.entries(things)) {
        for (let at = thing.nextAt; at !== undefined && at <= call.now; at = thing.nextAt) {
          const { to, failed } = passing[thing[field]] ?? {};
          const state = thing.doom === undefined ? to : (failed ?? to);
          const next = state && passing[state];
          thing.nextAt = next && at + call.between(...next.takesMs);
          if (state === undefined) delete things[key];
          else thing[field] = state;
          arrived(thing, state, at);
        }
      }
    },
  };
}
