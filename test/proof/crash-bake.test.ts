import { describe, expect, it } from "vitest";
import { inWords, matrix } from "./matrix.ts";
import { theBake } from "./scenarios.ts";

describe("`bake-ami` a month later, cut short at every point at which a power cut can matter", () => {
  it("is made whole by whatever is typed next, with nothing doubled, leaked or lost", async () => {
    const verdict = await matrix(await theBake());
    console.log(inWords("bake-ami", verdict));
    expect(verdict.wrong).toEqual([]);
    expect(verdict.points).toBeGreaterThan(70);
  });
});
