import { describe, expect, it } from "vitest";
import { theFirst } from "./commands.ts";
import { live } from "./lives.ts";
import { toyLive } from "./toy-lives.ts";

// `npm run soak` begins elsewhere and goes on for longer; a life that went wrong is lived again with SEED=n and LIVES=1.
const FIRST_SEED = Number(process.env.SEED ?? 1);
const LIVES = Number(process.env.LIVES ?? 120);
const TOY_LIVES = LIVES * 25;

describe("an environment in the hands of people, bad weather and power cuts", () => {
  it("is whole after the last up, and gone after the last teardown", async () => {
    const first = await theFirst();
    let cuts = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + LIVES; seed++) {
      const { story, wrong, cuts: here } = await live(seed, first);
      cuts += here;
      expect(wrong, told(seed, story)).toEqual([]);
    }
    console.log(`lives: ${LIVES} of whole environments from seed ${FIRST_SEED} on, ${cuts} power cuts, all well`);
    expect(cuts).toBeGreaterThanOrEqual(LIVES / 2);
  });

  it("is so with every kind of step, whatever each takes, hides or loses", async () => {
    let cuts = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + TOY_LIVES; seed++) {
      const { story, wrong, cuts: here } = await toyLive(seed);
      cuts += here;
      expect(wrong, told(seed, story)).toEqual([]);
    }
    console.log(`lives: ${TOY_LIVES} of small environments from seed ${FIRST_SEED} on, ${cuts} power cuts, all well`);
    expect(cuts).toBeGreaterThanOrEqual(TOY_LIVES / 2);
  });

  it("is not so when the manifest forgets what was about to be made: these lives can go wrong", async () => {
    const ended = await Promise.all(Array.from({ length: 200 }, (_, seed) => toyLive(seed, { forgetful: true })));
    const wrong = ended.filter((life) => life.wrong.length > 0);
    console.log(`lives: ${wrong.length} of ${ended.length} go wrong without intents`);
    expect(wrong.length).toBeGreaterThan(0);
  });
});

function told(seed: number, story: readonly string[]): string {
  return [`SEED=${seed}`, ...story].join("\n");
}
