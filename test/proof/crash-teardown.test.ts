import { describe, expect, it } from "vitest";
import { inWords, matrix } from "./matrix.ts";
import { theTeardown } from "./scenarios.ts";

describe("`teardown`, cut short at every point at which a power cut can matter", () => {
  it("is made whole by whatever is typed next, with nothing doubled, leaked or lost", async () => {
    const verdict = await matrix(await theTeardown());
    console.log(inWords("teardown", verdict));
    expect(verdict.wrong).toEqual([]);
    expect(verdict.points).toBeGreaterThan(150);
  });
});
