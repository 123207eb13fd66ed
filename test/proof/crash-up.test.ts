import { describe, expect, it } from "vitest";
import { inWords, matrix } from "./matrix.ts";
import { theUp } from "./scenarios.ts";

describe("`up` from nothing, cut short at every point at which a power cut can matter", () => {
  it("is made whole by whatever is typed next, with nothing doubled, leaked or lost", async () => {
    const verdict = await matrix(await theUp());
    console.log(inWords("up", verdict));
    expect(verdict.wrong).toEqual([]);
    expect(verdict.points).toBeGreaterThan(300);
  });
});
