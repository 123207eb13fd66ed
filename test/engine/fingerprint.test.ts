import { describe, expect, it } from "vitest";
import { canonical, fingerprintOf } from "../../src/engine/fingerprint.ts";

describe("a fingerprint", () => {
  it("is sixteen hex digits, the same on every machine and in every release", () => {
    expect(fingerprintOf({ size: 1200, zone: "a" })).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprintOf({})).toBe("44136fa355b3678a");
  });

  it("does not depend on the order in which an object was written, at any depth", () => {
    expect(fingerprintOf({ a: 1, b: { c: 2, d: [{ e: 3, f: 4 }] } })).toBe(
      fingerprintOf({ b: { d: [{ f: 4, e: 3 }], c: 2 }, a: 1 }),
    );
  });

  it("depends on the order of a list", () => {
    expect(fingerprintOf(["a", "b"])).not.toBe(fingerprintOf(["b", "a"]));
  });

  it("takes a member that is undefined for one that is not there, and null for a value", () => {
    expect(fingerprintOf({ a: 1, b: undefined })).toBe(fingerprintOf({ a: 1 }));
    expect(fingerprintOf({ a: 1, b: null })).not.toBe(fingerprintOf({ a: 1 }));
  });

  it("tells values of different types apart", () => {
    const values = [1, "1", true, "true", null, "null", [], {}, [1], { 0: 1 }, ""];
    expect(new Set(values.map((value) => fingerprintOf({ value }))).size).toBe(values.length);
  });

  it("survives the manifest: what was read back from JSON has the same one", () => {
    const inputs = { b: [undefined, 1], a: { c: undefined, d: "ü" } };
    expect(fingerprintOf(JSON.parse(JSON.stringify(inputs)))).toBe(fingerprintOf(inputs));
  });
});

describe("canonical JSON", () => {
  it("has sorted keys and nothing else that JSON would not have", () => {
    expect(canonical({ b: 1, a: { d: undefined, c: "x" }, B: [] })).toBe('{"B":[],"a":{"c":"x"},"b":1}');
  });
});
