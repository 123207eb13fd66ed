import { describe, expect, it } from "vitest";
import { inWords, matrix } from "./matrix.ts";
import { theChange } from "./scenarios.ts";

describe("`up` with a changed config, cut short at every point at which a power cut can matter", () => {
  it("is made whole by whatever is typed next, with nothing doubled, leaked or lost", async () => {
    const verdict = await matrix(await theChange());
    console.log(inWords("up with a changed config", verdict));
    expect(verdict.wrong).toEqual([]);
    expect(verdict.points).toBeGreaterThan(120);
  });
});
