import type { Drift, Found, StepContext } from "../engine/step.ts";
import type { Cloud } from "./clients.ts";

/** A field that a kind sets. Both values are compared as canonical text, so what AWS reads alike is to be spelled alike. */
interface Compared<I, Live> {
  /** Null: there is to be none. Undefined: it is not ours to say. */
  want(inputs: I): unknown;
  have(live: Live, inputs: I): unknown;
  /** To change it replaces machines, or may be against another's will. */
  readonly disruptive?: true | undefined;
  /** AWS's rule for one that is never lowered. */
  readonly onlyUp?: string;
}

/** The calls that put it right, safe to repeat. */
interface Repaired<I, O> {
  repair(context: StepContext<I, Cloud>, found: Found<O>): Promise<unknown>;
}

/** Its part of the one call that puts right all that drift. */
interface Changed<I, Change> {
  change(inputs: I): Partial<Change>;
}

/** What a kind sets, by the names that messages use: wanted, live, and what makes the one of the other, side by side. */
export type Fields<I, Live, O = unknown> = Readonly<Record<string, Compared<I, Live> & Repaired<I, O>>>;

/** The same where one call changes several of them. */
export type FieldsOfOneCall<I, Live, Change> = Readonly<Record<string, Compared<I, Live> & Changed<I, Change>>>;

/** The fields whose live value differs. */
export function driftOf<I, Live>(
  fields: Readonly<Record<string, Compared<I, Live>>>,
  inputs: I,
  live: Live,
): readonly Drift[] {
  return Object.entries(fields).flatMap(([field, { want: wanted, have: lives, disruptive, onlyUp: rule }]) => {
    const value = wanted(inputs);
    if (value === undefined) return [];
    const [want, have] = [text(value), text(lives(live, inputs))];
    if (want === have) return [];
    const never = rule !== undefined && Number(want) < Number(have) && rule;
    return [{ field, want, have, ...(disruptive && { disruptive }), ...(never && { never }) }];
  });
}

/** Puts right the fields that drift, one after the other. */
export async function repair<I, Live, O>(
  fields: Fields<I, Live, O>,
  context: StepContext<I, Cloud>,
  found: Found<O>,
): Promise<void> {
  for (const field of drifting(fields, found)) await field.repair(context, found);
}

/** The parts of the one call, of the fields that drift. */
export function changeOf<I, Live, Change>(
  fields: FieldsOfOneCall<I, Live, Change>,
  inputs: I,
  found: Pick<Found, "drift">,
): Partial<Change> {
  return Object.assign({}, ...drifting(fields, found).map(({ change }) => change(inputs)));
}

/** The parts of all that is set: what `create` says. */
export function wholeOf<I, Live, Change>(fields: FieldsOfOneCall<I, Live, Change>, inputs: I): Change {
  const set = Object.values(fields).filter(({ want }) => want(inputs) !== undefined);
  return Object.assign({}, ...set.map(({ change }) => change(inputs)));
}

type SameNames<I, Shape> = {
  readonly [K in keyof Shape]: {
    readonly set: (inputs: I) => NonNullable<Shape[K]> | undefined;
    /** One spelling for what AWS reads alike: lists come back in any order, and with what AWS made of them. */
    readonly normal?: (value: Shape[K] | undefined) => unknown;
  };
};

/** Fields that go by one name where they are made, changed and told; `inPlace`: those that disturb nobody, or all. */
export function sameNames<I, Shape extends object>(
  fields: SameNames<I, Shape>,
  inPlace?: readonly (keyof Shape)[],
): FieldsOfOneCall<I, Partial<Shape>, Shape> {
  const rows = Object.entries(fields) as [keyof Shape & string, SameNames<I, Shape>[keyof Shape]][];
  return Object.fromEntries(
    rows.map(([name, { set, normal = (value: unknown) => value }]) => [
      name,
      {
        want: (inputs) => {
          const value = set(inputs);
          return value === undefined ? undefined : normal(value);
        },
        have: (live) => normal(live[name]),
        change: (inputs) => ({ [name]: set(inputs) }) as Partial<Shape>,
        disruptive: inPlace && !inPlace.includes(name) ? true : undefined,
      },
    ]),
  );
}

function drifting<F>(fields: Readonly<Record<string, F>>, { drift = [] }: Pick<Found, "drift">): F[] {
  return Object.entries(fields).flatMap(([name, field]) =>
    drift.some((entry) => entry.field === name) ? [field] : [],
  );
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => [key, sorted(entry)]),
  );
}
