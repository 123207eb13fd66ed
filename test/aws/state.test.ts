import { describe, expect, it } from "vitest";
import { stateFrom } from "../../src/aws/state.ts";
import type { State } from "../../src/engine/step.ts";

const TABLE: Readonly<Record<"CREATING" | "AVAILABLE", State>> = { CREATING: "pending", AVAILABLE: "ready" };

describe("a state in AWS's words", () => {
  it("is what the table says, with the word", () => {
    expect(stateFrom(TABLE, "AVAILABLE")).toEqual({ state: "ready", detail: "AVAILABLE" });
  });

  it("is waited for, and named, where the table lacks the word", () => {
    for (const word of ["OPTIMIZING", "available", "toString", "__proto__"]) {
      expect(stateFrom(TABLE, word)).toEqual({
        ...{ state: "pending", unsure: true },
        detail: expect.stringContaining(word),
      });
    }
  });

  it("is waited for where AWS tells none", () => {
    for (const word of [undefined, ""]) {
      expect(stateFrom(TABLE, word)).toEqual({
        ...{ state: "pending", unsure: true },
        detail: expect.stringContaining("does not tell"),
      });
    }
  });
});
