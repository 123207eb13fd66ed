import { expect, it } from "vitest";
import { withSession } from "../../src/actions/session.ts";
import { BootstrapError } from "../../src/engine/errors.ts";
import { Site } from "../environment/site.ts";

/** A session whose lock and connection cannot be given up. */
async function session(work: () => Promise<string>) {
  const site = new Site();
  const given = site.host();
  const closed: string[] = [];
  const host = {
    ...given,
    lock: async () => () => {
      closed.push("lock");
      throw new BootstrapError("disk", "the lock stays");
    },
    async reach() {
      const world = await given.reach();
      return {
        ...world,
        async close() {
          closed.push("world");
          throw new BootstrapError("net", "the world stays open");
        },
      };
    },
  };
  const opening = { verb: "up", options: { region: site.region }, io: { event: () => {} }, chooses: false };
  const ended: unknown = await withSession(host, { ...opening, locked: true }, work).catch((thrown: unknown) => thrown);
  return { closed, errors: ended instanceof AggregateError ? ended.errors.map(String) : ended };
}

it("closes everything, the last opened first, and tells of each that could not be", async () => {
  expect(await session(async () => "done")).toEqual({
    closed: ["lock", "world"],
    errors: ["BootstrapError: the lock stays", "BootstrapError: the world stays open"],
  });
});

it.each([
  ["one thing", new BootstrapError("aws", "no"), ["no"]],
  ["several", new AggregateError([new BootstrapError("aws", "no"), new BootstrapError("aws", "nor")]), ["no", "nor"]],
])("tells first what went wrong in the work itself: %s", async (_what, error, words) => {
  const { closed, errors } = await session(() => Promise.reject(error));
  expect(closed).toEqual(["lock", "world"]);
  expect(errors).toEqual([...words, "the lock stays", "the world stays open"].map((word) => `BootstrapError: ${word}`));
});
