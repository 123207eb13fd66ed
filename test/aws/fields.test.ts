import { describe, expect, it } from "vitest";
import type { Cloud } from "../../src/aws/clients.ts";
import {
  changeOf,
  driftOf,
  type Fields,
  type FieldsOfOneCall,
  repair,
  sameNames,
  wholeOf,
} from "../../src/aws/fields.ts";
import type { StepContext } from "../../src/engine/step.ts";

type Values = Readonly<Record<string, unknown>>;

/** A table that wants and reads each of these by its own name, and writes down what was repaired. */
function plain(...names: readonly string[]): Fields<Values, Values> & { readonly repaired: string[] } {
  const repaired: string[] = [];
  const rows = names.map((name) => [
    name,
    {
      want: (inputs: Values) => inputs[name],
      have: (live: Values) => live[name],
      repair: async () => repaired.push(name),
    },
  ]);
  return Object.defineProperty(Object.fromEntries(rows), "repaired", { value: repaired, enumerable: false });
}

describe("drift", () => {
  it("is each field that is wanted and lives otherwise, with both values", () => {
    const fields = plain("size", "zone", "mode");
    expect(driftOf(fields, { size: 2, zone: "a", mode: "x" }, { size: 1, zone: "a", mode: "y" })).toEqual([
      { field: "size", want: "2", have: "1" },
      { field: "mode", want: "x", have: "y" },
    ]);
  });

  it("is none in a field that is not ours to say, and is one where there is to be none", () => {
    const fields = plain("kmsKey");
    expect(driftOf(fields, {}, { kmsKey: "key-1" })).toEqual([]);
    expect(driftOf(fields, { kmsKey: null }, { kmsKey: "key-1" })).toEqual([
      { field: "kmsKey", want: "none", have: "key-1" },
    ]);
    expect(driftOf(fields, { kmsKey: null }, {})).toEqual([]);
  });

  it("does not depend on the order of keys, at any depth, but on that of a list", () => {
    const fields = plain("rule");
    expect(driftOf(fields, { rule: { a: 1, b: [{ c: 2, d: 3 }] } }, { rule: { b: [{ d: 3, c: 2 }], a: 1 } })).toEqual(
      [],
    );
    expect(driftOf(fields, { rule: ["a", "b"] }, { rule: ["b", "a"] })).toEqual([
      { field: "rule", want: '["a","b"]', have: '["b","a"]' },
    ]);
  });

  it("is none for a member that is undefined on one side", () => {
    expect(driftOf(plain("rule"), { rule: { a: 1, b: undefined } }, { rule: { a: 1 } })).toEqual([]);
  });

  it("can never be put right where AWS only raises what is to be lowered", () => {
    const rising = { size: { ...plain("size").size!, onlyUp: "it never shrinks" } };
    expect(driftOf(rising, { size: 900 }, { size: 1200 })).toMatchObject([{ never: "it never shrinks" }]);
    expect(driftOf(rising, { size: 1200 }, { size: 900 })[0]).not.toHaveProperty("never");
  });
});

describe("repair", () => {
  it("is of the fields that drift, in the table's order", async () => {
    const fields = plain("a", "b", "c");
    const drift = driftOf(fields, { a: 1, b: 2, c: 3 }, { b: 2 });
    const found = { ref: "thing-1", node: "thing", state: "ready" as const, owned: true, drift: [...drift].reverse() };
    await repair(fields, {} as StepContext<Values, Cloud>, found);
    expect(fields.repaired).toEqual(["a", "c"]);
  });
});

describe("fields of one call", () => {
  interface Pool {
    readonly priority: number;
    readonly order: readonly string[];
    readonly limit?: number;
  }
  const fields: FieldsOfOneCall<Pool, Partial<Pool>, Pool> = sameNames<Pool, Pool>(
    {
      priority: { set: ({ priority }) => priority },
      order: { set: ({ order }) => order, normal: (order) => order && [...order].sort() },
      limit: { set: ({ limit }) => limit },
    },
    ["priority"],
  );
  const wanted: Pool = { priority: 2, order: ["b", "a"] };

  it("say all that is set when it is made", () => {
    expect(wholeOf(fields, wanted)).toStrictEqual(wanted);
  });

  it("say only what differs when it is changed, as it was given and not as it was compared", () => {
    const live = { priority: 2, order: ["a", "c"], limit: 7 };
    const drift = driftOf(fields, wanted, live);
    expect(drift).toEqual([{ field: "order", want: '["a","b"]', have: '["a","c"]', disruptive: true }]);
    expect(changeOf(fields, wanted, { drift })).toStrictEqual({ order: ["b", "a"] });
    expect(driftOf(fields, wanted, { ...wanted, priority: 1 })).toEqual([{ field: "priority", want: "2", have: "1" }]);
  });
});
