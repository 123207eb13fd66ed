import { describe, expect, it } from "vitest";
import { driftOf, drifts } from "../../src/aws/drift.ts";

describe("drift", () => {
  it("is each field that is set and lives otherwise, with both values", () => {
    expect(driftOf({ size: 2, zone: "a", mode: "x" }, { size: 1, zone: "a", mode: "y" })).toEqual([
      { field: "size", want: "2", have: "1" },
      { field: "mode", want: "x", have: "y" },
    ]);
  });

  it("is none in fields that nobody sets", () => {
    expect(driftOf({ size: 2 }, { size: 2, desiredvCpus: 36 })).toEqual([]);
  });

  it("is none between what is left out and what is null", () => {
    expect(driftOf({ kmsKey: undefined, policy: null }, { policy: undefined })).toEqual([]);
    expect(driftOf({ kmsKey: undefined }, { kmsKey: "key-1" })).toEqual([
      { field: "kmsKey", want: "none", have: "key-1" },
    ]);
  });

  it("does not depend on the order of keys, at any depth, but on that of a list", () => {
    expect(driftOf({ rule: { a: 1, b: [{ c: 2, d: 3 }] } }, { rule: { b: [{ d: 3, c: 2 }], a: 1 } })).toEqual([]);
    expect(driftOf({ groups: ["a", "b"] }, { groups: ["b", "a"] })).toEqual([
      { field: "groups", want: '["a","b"]', have: '["b","a"]' },
    ]);
  });

  it("is none for a member that is undefined on one side", () => {
    expect(driftOf({ rule: { a: 1, b: undefined } }, { rule: { a: 1 } })).toEqual([]);
  });
});

describe("whether a field drifts", () => {
  it("is asked by its name, also of what nobody looked at", () => {
    const found = { drift: driftOf({ size: 2 }, { size: 1 }) };
    expect([drifts(found, "size"), drifts(found, "zone"), drifts({}, "size")]).toEqual([true, false, false]);
  });
});
