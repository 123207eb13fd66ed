import { describe, expect, it } from "vitest";
import type { Moment } from "./desk.ts";
import { inWords, matrix } from "./matrix.ts";
import { theUp } from "./scenarios.ts";
import { withoutIntents } from "./toy-lives.ts";

/** A cloud whose lists are behind: what was just made is not there yet. */
const LATE = { faults: [{ operation: "*", unseenMs: 40_000 }], pausesMs: [0] };

describe("an `up` cut short in a cloud that shows things 40 seconds late", () => {
  it("is made whole by the same `up`, because what was about to be made is on disk", async () => {
    const { sequels, ...scenario } = await theUp();
    const verdict = await matrix({ ...scenario, sequels: sequels.slice(0, 1) }, LATE);
    console.log(inWords("up, shown late", verdict));
    expect(verdict.wrong).toEqual([]);
  });

  it("doubles and leaks without those intents: the proof can fail", async () => {
    const { sequels, ...scenario } = await theUp();
    const verdict = await matrix({ ...scenario, sequels: sequels.slice(0, 1) }, { ...LATE, spoil: forget });
    console.log(inWords("up, shown late, intents dropped", verdict));
    // A second one beside the first: what merely looks otherwise would be missing as well.
    const twice = (kind: string) =>
      verdict.wrong.filter((words) => words.includes(`too much: ${kind}`) && !words.includes(`missing: ${kind}`));
    expect(twice("filesystem").length).toBeGreaterThan(0);
    expect(twice("security-group").length).toBeGreaterThan(0);
  });
});

function forget(moment: Moment): Moment {
  return moment.manifest === undefined ? moment : { ...moment, manifest: withoutIntents(moment.manifest) };
}
